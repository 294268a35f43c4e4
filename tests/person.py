"""An ordinary person, for tests that root may run, too."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


@contextmanager
def ordinary_person() -> Iterator[None]:
    """Give up root's right to read and write everywhere for a while."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)


@contextmanager
def ordinary_home() -> Iterator[Path]:
    """A folder that an ordinary person owns; root's own is closed to everyone else."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, -1)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
