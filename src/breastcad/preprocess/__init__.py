"""Image in, image out: what is done to pixels before a network sees them."""
