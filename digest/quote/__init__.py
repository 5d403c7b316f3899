"""What a digest may quote: sentences with their places, and whether each may be shown alone."""
