"""Models as judges of digests: what they are asked, what they said, and how far to trust it."""
