"""Models of one's own: which there are to pull, and the folder that keeps them."""
