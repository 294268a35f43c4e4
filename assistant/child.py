"""Starts modules as processes that import nothing from the working directory."""

from __future__ import annotations

import sys


def command(module: str) -> tuple[str, ...]:
    """The words that start a module as a program.

    Isolated, Python puts neither the working directory nor PYTHONPATH on its path, so a file that
    happens to be called ``json.py`` where somebody stands is not executed.

    Args:
        module: its dotted name, of one that is installed: the folder it lies in is not enough.
    """
    return (sys.executable, "-I", "-m", module)
