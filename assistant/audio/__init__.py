"""Sound itself: PortAudio's devices and resampling."""
