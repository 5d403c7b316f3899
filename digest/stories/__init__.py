"""Digests of many items: one story told once, what interests a reader, what is new."""
