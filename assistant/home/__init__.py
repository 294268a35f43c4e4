"""Talks to Home Assistant for the daemon, which has no network."""
