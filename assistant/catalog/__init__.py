"""Models that a person adds: the catalogue to pull from, and the folder that keeps them."""
