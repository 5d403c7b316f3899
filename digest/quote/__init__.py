"""What a digest may say: the source's own words, cut, guarded, chosen and checked."""
