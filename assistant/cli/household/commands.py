"""The commands for what a household keeps: the same for each noun, in the journal or the daemon."""

from __future__ import annotations

import argparse
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.output import print_json, print_line, print_table
from assistant.cli.shared.ownership import stand_in
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.control.messages import Record
from assistant.errors import ControlError
from assistant.household.nouns import ACTS, Act, Noun

if TYPE_CHECKING:
    from assistant.skills.typed import Typed

_WORDS: dict[Noun, str] = {
    "timers": "how long, and a name: ten minutes pizza",
    "alarms": "when: every weekday at seven",
    "reminders": "when, and of what: every morning at eight take the blue pill",
    "lists": "a list, and what to put on it: shopping milk eggs",
    "notes": 'whom or what it is about, and the words to be said: Peter "Peter is your son."',
}
_ACTS: dict[Act, str] = {
    "remove": "forget some",
    "done": "note that some are done",
    "stop": "silence what rings",
    "pause": "stop the time of some",
    "resume": "let some go on",
}


def register(subparsers: Subparsers, noun: Noun) -> None:
    """Add the commands of one noun; without a command it lists."""
    top = subparsers.add_parser(noun)
    top.add_argument("--json", action="store_true", help="print one JSON object for each")
    top.set_defaults(run=partial(run_list, noun), list=None)
    commands = top.add_subparsers(metavar="COMMAND")

    _add(commands, "list", "what there is; the same as no command")
    if noun == "lists":
        show = _add(commands, "show", "what is on one list")
        show.add_argument("list", nargs="+", help="its name")

    if noun == "reminders":
        past = _add(commands, "past", "how those of the last days were answered")
        past.add_argument("--days", type=_days, default=7, help="how many days (default: 7)")
        past.set_defaults(run=run_past)

    adding = _add(commands, "add", "add one, or several things to a list")
    adding.add_argument("words", nargs="+", metavar="WORDS", help=_WORDS[noun])
    adding.set_defaults(run=partial(run_add, noun))

    for act in ACTS[noun]:
        acting = _add(commands, act, _ACTS[act])
        may_be_none = act in ("done", "stop") and noun != "lists"
        acting.add_argument(
            "ids",
            nargs="*" if may_be_none else "+",
            type=positive,
            metavar="ID",
            help=f"numbers, from '{noun} list'{'; none: all that ring' if may_be_none else ''}",
        )
        acting.set_defaults(run=partial(run_act, noun, act))


def run_list(noun: Noun, args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print what is kept, or what is on one list."""
    with _opened(settings) as kept:
        found = kept.kept(noun)
    from assistant.cli.household import display  # noqa: PLC0415 - the grammar takes a second

    name = None if args.list is None else " ".join(args.list)
    if name is not None:
        found = display.on_list(found, name)
    if args.json:
        _print_json(found)
    elif found:
        print_table(*display.table(noun, found), width=None)
    else:
        print_line(display.nothing(noun, name))
    return 0


def run_past(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print how and when reminders were answered."""
    with _opened(settings) as kept:
        found = kept.past_reminders(args.days)
    if args.json:
        _print_json(found)
        return 0
    from assistant.cli.household import display  # noqa: PLC0415 - see above

    if found:
        print_table(*display.past(found), width=None)
    else:
        print_line(f"No reminder was due in the last {args.days} days.")
    return 0


def run_add(noun: Noun, args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Add what the words say, and read it back."""
    with _opened(settings) as kept:
        added = kept.keep(noun, args.words)
    if args.json:
        _print_json(added)
        return 0
    from assistant.cli.household import display  # noqa: PLC0415 - see above

    print_line(display.read_back(noun, added))
    if noun in ("timers", "alarms", "reminders") and not _is_running(settings):
        print_line("Attune is not running; it can only ring while it does: 'assistant run'.")
    return 0


def run_act(
    noun: Noun, act: Act, args: argparse.Namespace, settings: Settings, _loaded: Loaded
) -> int:
    """Do something to some of them, and say to which."""
    with _opened(settings) as kept:
        changed = kept.change(noun, act, sorted(set(args.ids)))
    if args.json:
        _print_json(changed)
        return 0
    from assistant.cli.household import display  # noqa: PLC0415 - see above

    for line in display.changed(act, changed):
        print_line(line)
    return 0


@contextmanager
def _opened(settings: Settings) -> Generator[Typed | Client, None, None]:
    """What the journal keeps, or the daemon that may read it where this user may not."""
    client = stand_in(settings)
    if client is not None:
        yield client
        return
    from assistant.journal.store import Journal  # noqa: PLC0415
    from assistant.skills.typed import Typed  # noqa: PLC0415

    with Journal.open(settings.journal) as journal:
        yield Typed(journal)


def _add(commands: Subparsers, name: str, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    # no default of its own, which would undo the one in front of the command
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON objects"
    )
    return parser


def _days(text: str) -> int:
    if (days := positive(text)) > 366:
        raise argparse.ArgumentTypeError("a year, 366 days, is the most")
    return days


def _is_running(settings: Settings) -> bool:
    try:
        return Client(settings.control.path).is_running()
    except ControlError:  # somebody listens, and does not talk to this user
        return True


def _print_json(records: Sequence[Record]) -> None:
    for record in records:
        print_json(record)
