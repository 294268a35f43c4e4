"""From text to sound: sentences as they arrive, espeak-ng or Piper, a loudspeaker or a file."""
