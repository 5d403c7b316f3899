"""Google: sign-in, its client with our pacing and repetition, and what its errors mean."""
