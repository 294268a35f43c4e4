"""Child processes, as every part of Attune that has one starts, talks to and ends them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from assistant import child
from assistant.child import Child

SERVING = """
from assistant import child
order, answer = child.serve()
print("chatter of a library", flush=True)
answer({"order": order})
answer([child.peak_mb() > 1])
"""


def python(source: str) -> list[str]:
    return [sys.executable, "-c", source]


@pytest.fixture
def sleeper() -> Iterator[Child]:
    """Writes half a line, and does not end when its standard input does."""
    source = "import time; print('half', end='', flush=True); time.sleep(60)"
    with closing(Child(python(source), patience_s=0.05)) as process:
        yield process


def test_answers_are_lines_of_json_whatever_libraries_print() -> None:
    with closing(Child(python(SERVING), {"ä": 1})) as process:
        assert [process.line(30), process.line(30)] == [b'{"order": {"\\u00e4": 1}}', b"[true]"]
        assert process.line(30) == b""
        assert process.ending() == "ended with status 0"


def test_a_line_that_does_not_end_in_time_is_none(sleeper: Child) -> None:
    assert sleeper.read(30) == b"half"
    began = time.monotonic()
    assert sleeper.line(0.2) is None
    assert 0.2 <= time.monotonic() - began < 5


def test_one_that_does_not_end_by_itself_is_killed(sleeper: Child) -> None:
    sleeper.read(30)
    sleeper.close()
    assert sleeper.ending() == "was killed, probably because memory ran out"


def test_one_that_closes_its_output_has_not_ended() -> None:
    source = "import os, time; os.close(1); time.sleep(60)"
    with closing(Child(python(source))) as process:
        assert process.line(30) == b""
        assert process.ending() == "closed its output"


def test_an_order_that_nobody_reads_is_no_error() -> None:
    with closing(Child(["true"], "x" * 1_000_000)) as process:
        assert process.line(30) == b""


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("pass", -signal.SIGTERM),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))", 7),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", -signal.SIGKILL),
    ],
)
@pytest.mark.parametrize("stopped", [False, True])
def test_a_process_is_ended_politely_then_hard(source: str, status: int, *, stopped: bool) -> None:
    script = f"import signal, sys, time; {source}; print(flush=True); time.sleep(60)"
    with subprocess.Popen(python(script), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if stopped:
            process.send_signal(signal.SIGSTOP)
        assert child.end(process, 0.3) == status


def test_exit_statuses_in_words() -> None:
    assert child.ending(3) == "ended with status 3"
    assert child.ending(-9) == "was killed, probably because memory ran out"
    assert child.ending(-11) == "was killed by signal 11 (Segmentation fault)"
    assert child.ending(-40) == "was killed by signal 40 (Real-time signal 6)"


def test_what_runs_in_the_background_has_the_lowest_priority() -> None:
    ask = "import os; print(os.nice(0), os.getpgrp() == os.getpid())"
    done = subprocess.run(
        child.in_background(python(ask)), check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["19", "True"]
