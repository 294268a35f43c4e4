from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from assistant import durable

HOLD = """
import sys, time
from pathlib import Path
from assistant import durable
with durable.locked(Path(sys.argv[1]), RuntimeError()):
    print(flush=True)
    time.sleep(60)
"""


def test_one_process_at_a_time_and_death_gives_the_lock_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ValueError, match="busy"), durable.locked(path, ValueError("busy")):
            pass
        holder.kill()
    with durable.locked(path, ValueError("busy")):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_lock_is_waited_for_and_given_back_by_any_thread(tmp_path: Path) -> None:
    block = durable.locked(tmp_path / "lock", ValueError("busy"))
    block.__enter__()
    threading.Timer(0.2, lambda: block.__exit__(None, None, None)).start()
    began = time.monotonic()
    with durable.locked(tmp_path / "lock", ValueError("busy"), wait_s=30):
        assert time.monotonic() - began > 0.1


def test_an_error_within_the_block_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(KeyError), durable.locked(tmp_path / "lock", ValueError("busy")):
        raise KeyError
    with durable.locked(tmp_path / "lock", ValueError("busy")):
        pass


def test_a_lock_that_cannot_be_made_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), durable.locked(tmp_path, ValueError("busy")):
        pass
