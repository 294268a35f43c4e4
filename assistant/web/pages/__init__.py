"""The pages, each one thing."""
