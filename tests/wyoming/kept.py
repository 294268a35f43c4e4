"""What is written, in place of a connection."""

from __future__ import annotations


class Kept:
    """A writer that keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.data += b"".join(parts)

    async def drain(self) -> None:
        """It is taken at once."""

    def close(self) -> None:
        """Nothing to be closed."""
