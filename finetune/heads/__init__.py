"""Fit, examine and store the heads that decide tags and relevance (digest.tags)."""
