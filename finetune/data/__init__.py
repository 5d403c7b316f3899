"""Labelled rows: read from many formats, split, stored, made into training examples."""
