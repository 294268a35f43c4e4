"""What the daemon takes of a processor core while it listens and nobody speaks.

A daemon in a household of its own, with its ordinary settings, listens to PulseAudio's null sink;
its processor time and its microphone process's are read before and after a while. With the Python
of another checkout that one is measured, too, by turns in the same run, because a busy machine
takes longer for the same work.

    python -m bench.idle [--encoder WHISPER_FOLDER] [--other PYTHON]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from assistant import child
from bench.households import audible
from tests.sound import SoundServer

AIM = 2.0
"""Most of a core, in percent."""

SETTLE_S = 8.0
"""After the daemon says that it listens: what it does once is then done."""

PROCESSES = ("daemon", "microphone")


def shares(python: str, encoder: Path | None, seconds: float) -> list[float]:
    """Percent of a core that the daemon and its microphone process take.

    Raises:
        SystemExit: if the daemon does not begin to listen.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder)
        sound = SoundServer(place / "sound")
        environment = audible(place, sound)
        if encoder is not None:
            environment["ATTUNE_ENCODE__PATH"] = str(encoder)
        try:
            with subprocess.Popen(
                [python, *child.command("assistant")[1:], "run", "--json"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as daemon:
                try:
                    return _measured(daemon, seconds)
                finally:
                    daemon.terminate()
        finally:
            sound.close()


def _measured(daemon: subprocess.Popen[str], seconds: float) -> list[float]:
    if not any(line.startswith("Listening") for line in daemon.stderr or ()):
        raise SystemExit("The daemon does not listen.")
    time.sleep(SETTLE_S)
    watched = [psutil.Process(daemon.pid)]
    watched += watched[0].children()
    before, began = [_used_s(each) for each in watched], time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - began
    return [
        100 * (_used_s(each) - used) / passed_s for each, used in zip(watched, before, strict=True)
    ]


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, help="a Whisper folder of CTranslate2")
    parser.add_argument("--other", metavar="PYTHON", help="of a checkout to compare with")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured = {"this": sys.executable}
    if arguments.other is not None:
        measured["other"] = arguments.other
    found: dict[str, list[list[float]]] = {name: [] for name in measured}
    for _ in range(arguments.rounds):
        for name, python in measured.items():
            found[name].append(shares(python, arguments.encoder, arguments.seconds))
    print(f"{'percent of a core':<20}{'daemon':>10}{'microphone':>12}{'both':>8}")
    told: dict[str, float | dict[str, float]] = {}
    for name, rounds in found.items():
        middle = [statistics.median(each) for each in zip(*rounds, strict=True)]
        both = statistics.median(map(sum, rounds))
        print(f"{name:<20}{middle[0]:>10.2f}{middle[1]:>12.2f}{both:>8.2f}")
        told[name] = {
            **{which: round(of, 2) for which, of in zip(PROCESSES, middle, strict=True)},
            "both": round(both, 2),
        }
    if "other" in found:
        ratios = [sum(a) / sum(b) for a, b in zip(found["this"], found["other"], strict=True)]
        told["ratio"] = round(statistics.median(ratios), 2)
        print(f"this / other: {told['ratio']}")
    print(json.dumps({"bench": "idle", **told, "aim": AIM}))


if __name__ == "__main__":
    main()
