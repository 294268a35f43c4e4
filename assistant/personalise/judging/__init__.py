"""Whether a trained bridge understands better than the one in use."""
