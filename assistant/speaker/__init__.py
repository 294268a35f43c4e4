"""Whose voice it is: embeddings of speakers."""
