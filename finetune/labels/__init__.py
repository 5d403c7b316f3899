"""Documents and their labels: collected, harvested, asked of teachers, put before a person."""
