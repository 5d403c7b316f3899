"""What a digest may say: the source's own words, chosen, cut and checked."""
