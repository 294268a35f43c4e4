"""What is learned from: exchanges, recordings from elsewhere, synthetic speech."""
