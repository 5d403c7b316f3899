"""A message becomes HTML or text: MIME structure, character sets, the body that a reader sees."""
