"""Memory of a process as the kernel counts it; imports nothing that would add to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KB = 1_024 / 1e6  # what the kernel calls kB, in MB of a million bytes


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB."""

    now: float
    peak: float
    anonymous: float  # the part that is the process's own: not backed by any file


def memory(pid: int | str = "self") -> Memory | None:
    """Memory of a process; ``None`` once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = dict(line.split(":", 1) for line in lines.splitlines())
    if "VmRSS" not in found:  # it has ended, and nobody has looked yet
        return None

    def mb(name: str) -> float:
        return int(found[name].split()[0]) * KB

    return Memory(mb("VmRSS"), mb("VmHWM"), mb("RssAnon"))


def own() -> Memory:
    """Memory of this process."""
    found = memory()
    if found is None:
        raise RuntimeError("the kernel does not tell this process's memory")
    return found
