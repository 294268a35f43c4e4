"""Parses the command line, reads the settings, and tells failures in one sentence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from assistant.cli import ask, config, devices, log, run, say, transcribe
from assistant.config import load
from assistant.errors import AttuneError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status: 0 fine, 1 failed, 2 called wrongly."""
    # Attune never looks for anything on the network at run time.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    args = parser().parse_args(argv)
    try:
        loaded = load({key: getattr(args, name, None) for name, key in _FLAGS.items()})
        return int(args.run(args, loaded.settings, loaded))
    except AttuneError as error:
        sys.stderr.write(f"assistant: {error}\n")
        return 1
    except BrokenPipeError:
        # the reader of our output has gone; nothing can be told to anybody any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


_FLAGS = {
    "route": "route",
    "device": "listen.device",
    "database": "journal.path",
    "wav_dir": "speak.wav_dir",
}
"""Flags that override a setting."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="assistant", description="Attune: an on-device voice assistant that learns your voice."
    )
    top.add_argument("--version", action="version", version=f"attune {_version()}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for noun in (run, ask, transcribe, say, devices, log, config):
        noun.register(commands)
    return top


def _version() -> str:
    try:
        return version("attune")
    except PackageNotFoundError:
        return "(from a source tree)"
