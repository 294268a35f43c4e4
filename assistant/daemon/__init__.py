"""The running assistant: threads, signals, and what is done between turns."""
