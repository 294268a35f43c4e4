"""The journal: every exchange, audio and words together, in one SQLite file."""
