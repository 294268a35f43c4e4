"""Parses the command line, reads the settings, and reports failures in one sentence."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from assistant.allocator import FEW_KERNELS
from assistant.cli import forwarding, household
from assistant.cli.forwarding import FORWARDED
from assistant.cli.shared.output import print_error, show_what_can_be_shown
from assistant.cli.shared.sealing import seal
from assistant.config import load
from assistant.errors import AttuneError, ConfigError
from assistant.household.nouns import ACTS

NOUNS = (
    "run", "status", "ask", "transcribe", "say", "talk", "stop", "mute", "unmute", "reload",
    *ACTS, "devices", "enroll", "review", "retrain", "bridge", "models", "log", "backup",
    "restore", "forget-me", "config", "doctor",
)  # fmt: skip
"""The commands: each a module of this package with a function ``register``, or one of several that
share a module."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 success, 1 failure, 2 wrong usage."""
    words = sys.argv[1:] if argv is None else list(argv)
    show_what_can_be_shown()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold what was said
    # Attune never uses the network while it listens; only 'models pull' asks the hub, and 'run'
    # before it starts listening.
    if words[:2] != ["models", "pull"] and words[:1] != ["run"]:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Waiting torch threads should sleep: spinning ones make a turn ten times slower when another
    # program also needs the cores (bench/turn.py during a training: 0.1 s instead of 1 s).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name, pieces in FEW_KERNELS.items():
        os.environ.setdefault(name, pieces)
    try:
        # Loading torch and llama.cpp takes seconds; 'assistant log list' needs neither.
        nouns = tuple(words[:1]) if words[:1] and words[0] in NOUNS else NOUNS
        args = parser(nouns).parse_args(words)
        try:
            loaded = load({key: getattr(args, name, None) for name, key in _FLAGS.items()})
        except ConfigError as error:
            if not hasattr(args, "run_without_settings"):
                raise
            return int(args.run_without_settings(args, error))
        for sentence in loaded.moved() if words[:1] != ["config"] else ():
            print_error(sentence)
        if (opened := seal(loaded.settings)) is not None:
            print_error(opened)
        return int(args.run(args, loaded.settings, loaded))
    except AttuneError as error:
        print_error(str(error))
        return 1
    except BrokenPipeError:
        # the reader of our output is gone, so there is nobody to report to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


_FLAGS = {
    "route": "route",
    "device": "listen.device",
    "database": "journal.path",
    "wav_dir": "speak.wav_dir",
    "engine": "speak.engine",
    "voice": "speak.voice",
}
"""Flags that override a setting."""


def parser(nouns: Sequence[str] = NOUNS) -> argparse.ArgumentParser:
    """The parser for the whole command line, or for some commands only."""
    top = argparse.ArgumentParser(
        prog="assistant", description="Attune: an on-device voice assistant that learns your voice."
    )
    top.add_argument("--version", action="version", version=f"attune {_version()}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for noun in nouns:
        if noun in FORWARDED:
            forwarding.register(commands, noun)
            continue
        if noun in ACTS:
            household.register(commands, noun)
            continue
        import_module(f"assistant.cli.{noun.replace('-', '_')}").register(commands)
    return top


def _version() -> str:
    try:
        return version("attune")
    except PackageNotFoundError:
        return "(from a source tree)"
