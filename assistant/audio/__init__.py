"""Sound as such, below the rooms: PortAudio's devices and resampling."""
