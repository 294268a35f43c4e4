"""The low-rank adapter that makes a companion of SmolLM2-135M-Instruct."""
