"""How long each command takes, on its own and beside a running daemon.

The wall time from its start to its end, as a person at a terminal waits for it: the median of a few
runs, in a household of its own with the bundled models. The daemon has no microphone; it answers
what commands ask it. On a machine that is busy with other work all of it takes longer, so the first
row is what Python alone takes to start, and the processor time of each command stands beside.

    python -m bench.commands [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from assistant import child
from assistant.config import starter_dir
from assistant.control.client import Client
from assistant.errors import AttuneError
from bench.households import household

QUICK = ("--help", "status", "log list", "config show", "bridge list")
"""What somebody looks at; nothing is computed for it."""

AIM_MS = 400
"""The most that each of those may take on an idle machine."""

RECORDING = "RECORDING"
"""Stands for one of the bundled recordings."""

ALONE = (*QUICK, "timers", "doctor --help", "ask hello", f"transcribe {RECORDING}")
BESIDE = (*ALONE, "mute", "unmute", "say hello")

PYTHON = "(python alone)"

START_S = 120.0
"""Longest wait for the daemon."""


def took_ms(words: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall time and processor time of one command.

    Raises:
        SystemExit: if it fails, with what it said.
    """
    began, used = time.monotonic(), _used_s()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    ms = (time.monotonic() - began) * 1_000, (_used_s() - used) * 1_000
    if done.returncode:
        raise SystemExit(f"{' '.join(words[-3:])}: {done.stderr.strip()}")
    return ms


def _used_s() -> float:
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def medians(
    commands: Sequence[str], environment: Mapping[str, str], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Median wall and processor ms of each command, run by turns; the first round warms up."""
    recording = str(min((starter_dir() / "examples").glob("*.flac")))
    started: dict[str, tuple[str, ...]] = {PYTHON: (sys.executable, "-I", "-c", "")}
    for command in commands:
        words = command.replace(RECORDING, recording).split()
        started[command] = (*child.command("assistant"), *words)
    times: dict[str, list[tuple[float, float]]] = {command: [] for command in started}
    for number in range(rounds + 1):
        for command, words in started.items():
            ms = took_ms(words, environment)
            if number:
                times[command].append(ms)
    wall, used = (
        {
            name: round(statistics.median(took[at] for took in each), 1)
            for name, each in times.items()
        }
        for at in (0, 1)
    )
    return wall, used


@contextmanager
def daemon(environment: Mapping[str, str], socket: Path) -> Generator[None]:
    """A running daemon that answers; ``SystemExit`` if it does not start."""
    with subprocess.Popen(
        [*child.command("assistant"), "run", "--service", "--no-learn"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + START_S
            while not _answers(socket):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("The daemon did not start.")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()


def _answers(socket: Path) -> bool:
    try:
        return Client(socket).status().state is not None
    except AttuneError:
        return False


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exit status 1 if something that is only looked at takes longer than aimed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="COMMAND", help="of those, these")
    arguments = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        environment = household(place)
        socket = Path(environment["ATTUNE_CONTROL__PATH"])
        alone, beside = (
            [each for each in all_ if arguments.only is None or each in arguments.only]
            for all_ in (ALONE, BESIDE)
        )
        wall, used = medians(alone, environment, arguments.rounds)
        found = {"alone": wall, "alone_processor": used}
        with daemon(environment, socket):
            found["beside"], _ = medians(beside, environment, arguments.rounds)
    print(f"{'median ms':<28}{'alone':>9}{'processor':>12}{'beside a daemon':>18}")
    for command in found["beside"]:
        cells = (found[way].get(command) for way in ("alone", "alone_processor", "beside"))
        first, own, second = ("-" if ms is None else f"{ms:.0f}" for ms in cells)
        print(f"{command:<28}{first:>9}{own:>12}{second:>18}")
    slow = sorted(
        {
            name
            for each in (found["alone"], found["beside"])
            for name, ms in each.items()
            if name in QUICK and ms > AIM_MS
        }
    )
    print(
        f"aim: at most {AIM_MS} ms for {', '.join(QUICK)}; missed by: {', '.join(slow) or 'none'}"
    )
    print(json.dumps({"bench": "commands", **found, "aim_ms": AIM_MS, "met": not slow}))
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
