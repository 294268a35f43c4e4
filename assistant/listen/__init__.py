"""From sound to utterances: a microphone or a recording, and where speech begins and ends."""
