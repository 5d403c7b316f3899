"""A search for settings: what may be tried, the trials, and their report."""
