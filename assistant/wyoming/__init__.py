"""Home Assistant and other programs hear, answer and speak through this: Wyoming's protocol."""
