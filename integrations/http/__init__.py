"""The one HTTP client, and the guard on the addresses that it may reach."""
