"""From text to sound: sentences as they arrive, espeak-ng or Piper, and a loudspeaker or a file."""
