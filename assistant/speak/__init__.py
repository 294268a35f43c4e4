"""From text to sound: sentences as they arrive, espeak-ng, and a loudspeaker or a file."""
