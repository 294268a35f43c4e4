"""From sound to utterances: microphone, recordings, and where speech begins and ends."""
