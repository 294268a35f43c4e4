"""The running assistant: threads, signals, and the work between turns."""
