"""Learning the user's speech in idle time: examples, training, the gate, promotion."""
