"""Google: sign-in, one small REST client, and what its errors mean."""
