"""The ledger: one SQLite file that holds all state, its lock and its queries."""
