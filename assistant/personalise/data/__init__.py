"""Training data: exchanges, recordings from elsewhere, synthetic speech."""
