"""Parses the command line, reads the settings, and reports failures in one sentence."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from assistant.allocator import FEW_KERNELS
from assistant.cli.shared.output import print_error, print_line, show_what_can_be_shown
from assistant.errors import AttuneError, ConfigError, reason, refused
from assistant.household.nouns import ACTS

NOUNS = {
    "run": "listen to the microphone and answer aloud",
    "status": "whether Attune hears and speaks, what it has learned and is waiting for",
    "ask": "answer one question, in writing unless you ask for speech",
    "transcribe": "write down what is said in recordings",
    "say": "speak a text aloud",
    "talk": "push to talk: Attune listens until you press Enter",
    "stop": "interrupt what is being said; Attune keeps running",
    "mute": "stop listening until 'unmute'",
    "unmute": "listen again after 'mute'",
    "reload": "make Attune read its settings again",
    "timers": "list, set, pause and stop timers",
    "alarms": "list, set and stop alarms",
    "reminders": "list, set and confirm reminders",
    "lists": "shopping, things to do and every other list",
    "notes": "what to say about people, places and things",
    "devices": "list microphones and loudspeakers",
    "enroll": "read sentences aloud, so that Attune learns",
    "review": "listen to what Attune was unsure of, and correct it",
    "retrain": "learn now from what was said and corrected",
    "bridge": "look at what was learned, and choose what to use",
    "models": "download, check and use other models",
    "log": "look at past exchanges, correct or erase them",
    "backup": "save all exchanges and everything learned, even while Attune is running",
    "restore": "restore a backup; what it replaces is kept next to it",
    "forget-me": "erase everything said and learned so far; the settings stay",
    "web": "a page for whoever helps, and who is let in",
    "home": "pass on what only your home can do, and tell it what happens",
    "wyoming": "hear, answer and speak for Home Assistant",
    "config": "show the settings in force, and change them",
    "doctor": "check every part and suggest fixes",
}
"""The commands and what they are for: each a module of this package with a function ``register``,
or one of several that share a module."""

FORWARDED = ("stop", "mute", "unmute", "reload")
"""Those that only forward a call to the running daemon."""

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
    # Looking for plugins of pydantic in every installed package takes as long as checking settings,
    # and one of them would see every text.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for name, pieces in FEW_KERNELS.items():
        os.environ.setdefault(name, pieces)
    settings = socket = None
    try:
        args = parser(words[0] if words else None).parse_args(words)
        # '--help' does without the settings, whose checks take longer than all the rest of it
        from assistant.cli.shared.sealing import seal  # noqa: PLC0415
        from assistant.config import load, socket_path  # noqa: PLC0415

        if hasattr(args, "run_at_socket"):
            socket = socket_path()
            return int(args.run_at_socket(args, socket))
        try:
            loaded = load({key: getattr(args, name, None) for name, key in _FLAGS.items()})
        except ConfigError as error:
            if not hasattr(args, "run_without_settings"):
                raise
            return int(args.run_without_settings(args, error))
        settings = loaded.settings
        for sentence in loaded.moved() if words[:1] != ["config"] else ():
            print_error(sentence)
        if (opened := seal(settings)) is not None:
            print_error(opened)
        return int(args.run(args, settings, loaded))
    except (AttuneError, PermissionError) as error:
        # what belongs to another user is refused at many places, but the way out is the same
        from assistant.cli.shared import advice  # noqa: PLC0415

        known = advice.places(settings, socket)
        print_error(advice.for_caller(error, known, words) or _sentence(error))
        return 1
    except BrokenPipeError:
        # the reader of our output is gone, so there is nobody to report to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _sentence(error: AttuneError | PermissionError) -> str:
    if isinstance(error, AttuneError):
        return str(error)
    what = refused(error) or "something that this needs"
    return f"You may not use {what}: {reason(error)}. Choose another place, or get the right to it."


_FLAGS = {
    "route": "route",
    "device": "listen.device",
    "database": "journal.path",
    "wav_dir": "speak.wav_dir",
    "engine": "speak.engine",
    "voice": "speak.voice",
}
"""Flags that override a setting."""


def parser(noun: str | None = None) -> argparse.ArgumentParser:
    """The parser for one command, beside which the others are only listed.

    So a command loads its own module and no other: with all of them, '--help' took seconds.
    """
    top = argparse.ArgumentParser(
        prog="assistant", description="Attune: an on-device voice assistant that learns your voice."
    )
    top.add_argument("--version", action=_Version, help="print the version and exit")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for each, about in NOUNS.items():
        if each != noun:
            commands.add_parser(each, help=about)
        elif each in FORWARDED:
            import_module("assistant.cli.forwarding").register(commands, each)
        elif each in ACTS:
            import_module("assistant.cli.household").register(commands, each)
        else:
            import_module(f"assistant.cli.{each.replace('-', '_')}").register(commands)
    return top


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, **about: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **about)

    def __call__(self, parser: argparse.ArgumentParser, *_given: object) -> None:
        print_line(f"attune {_version()}")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - takes 20 ms

    try:
        return version("attune")
    except PackageNotFoundError:
        return "(from a source tree)"
