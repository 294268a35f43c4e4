"""How what a household keeps is shown to people: its times in the words in which they are said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from assistant.cli.shared.output import plain
from assistant.control.messages import Record
from assistant.household.clocks import look
from assistant.household.nouns import Act, Noun
from assistant.skills.lists import list_name
from assistant.skills.timers import shown
from assistant.skills.times import When, spoken_duration, spoken_when
from assistant.skills.wording import a, joined, sentence
from assistant.spoken import said_words
from assistant.spoken_times import spoken_date, spoken_time

_EXAMPLES: dict[Noun, str] = {
    "timers": "assistant timers add ten minutes pizza",
    "alarms": "assistant alarms add tomorrow at seven",
    "reminders": "assistant reminders add every morning at eight take the blue pill",
    "lists": "assistant lists add shopping milk eggs",
    "notes": 'assistant notes add Peter "Peter is your son. He lives in Leeds."',
}
_PAST: dict[Act, str] = {
    "remove": "Removed",
    "done": "Done",
    "stop": "Silenced",
    "pause": "Paused",
    "resume": "Goes on",
}
_ENDINGS = {
    "done": "done",
    "stopped": "silenced",
    "snoozed": "put off",
    "unanswered": "not answered",
    "missed": "nobody heard it",
}
_ANSWERED = ("done", "stopped", "snoozed")


def nothing(noun: Noun, name: str | None) -> str:
    """What is printed instead of an empty table."""
    what = f"There are no {noun} yet" if name is None else f"There is nothing on the list {name!r}"
    if noun == "lists":
        what = what.replace("are no lists", "is nothing on any list")
    return plain(f"{what}. To add something: {_EXAMPLES[noun]}")


def on_list(records: Sequence[Record], name: str) -> list[Record]:
    """Entries of the list with this name."""
    wanted = list_name(said_words(name))
    return [record for record in records if record["list"] == wanted]


def table(noun: Noun, records: Sequence[Record]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows."""
    numbered = [(str(record["id"]), record) for record in records]
    match noun:
        case "lists":
            return ("ID", "LIST", "WHAT"), [(n, r["list"], r["text"]) for n, r in numbered]
        case "notes":
            return ("ID", "ABOUT", "WORDS"), [(n, r["subject"], r["text"]) for n, r in numbered]
        case "timers":
            return ("ID", "NAME", "LEFT"), [(n, r["name"] or "-", _left(r)) for n, r in numbered]
        case "alarms":
            return ("ID", "WHEN"), [(n, _when(r)) for n, r in numbered]
        case "reminders":
            return ("ID", "WHEN", "WHAT"), [(n, _when(r), r["name"]) for n, r in numbered]


def past(records: Sequence[Record]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows of reminders that were answered, or not."""
    rows = [(_minute(r["due_at"]), _ending(r), r["name"]) for r in records]
    return ("DUE", "ANSWER", "WHAT"), rows


def read_back(noun: Noun, records: Sequence[Record]) -> str:
    """One sentence about what was added."""
    first = records[0]
    match noun:
        case "timers":
            named = a(f"{first['name']} timer".strip())
            length = spoken_duration(timedelta(seconds=first["length_s"]))
            told = sentence(f"{named} for {length} is running")
        case "alarms":
            told = sentence(f"an alarm will ring {_when(first)}")
        case "reminders":
            told = sentence(f"it will be said {_when(first)}: {first['name']}")
        case "lists":
            verb = "is" if len(records) == 1 else "are"
            things = joined([record["text"] for record in records])
            told = sentence(f"{things} {verb} on the {first['list']} list")
        case "notes":
            told = f"When asked about {first['subject']}, Attune will say: {first['text']}"
    return plain(told)


def changed(act: Act, records: Sequence[Record]) -> Iterator[str]:
    """A line for each of what something was done to."""
    for record in records:
        yield plain(f"{_PAST[act]}: {_title(record)}")


def _title(record: Record) -> str:
    if "list" in record:
        return f"{record['text']} ({record['list']})"
    if "subject" in record:
        return f"{record['subject']}: {record['text']}"
    if record["kind"] == "timer":
        named = a(f"{record['name']} timer".strip())
        return f"{named}, {_left(record | {'state': ''})}"
    return f"{record['kind']} {_when(record)}" + (f": {record['name']}" if record["name"] else "")


def _ending(record: Record) -> str:
    told = _ENDINGS[record["state"]]
    return f"{told} {_minute(record['ended_at'])}" if record["state"] in _ANSWERED else told


def _minute(stamp: str) -> str:
    return f"{datetime.fromisoformat(stamp).astimezone(look().now.tzinfo):%Y-%m-%d %H:%M}"


def _left(record: Record) -> str:
    if record["state"] == "ringing":
        return "it rings"
    left = spoken_duration(shown(timedelta(seconds=record["left_s"])))
    return f"{left}, paused" if record["state"] == "paused" else left


def _when(record: Record) -> str:
    now = look().now
    due = datetime.fromisoformat(record["due_at"]).astimezone(now.tzinfo)
    if record["state"] == "ringing":
        on = "" if due.date() == now.date() else f" on {spoken_date(due.date())}"
        return f"due since {spoken_time(due)}{on}"
    return spoken_when(When(due, has_time=True, days=frozenset[int](record["days"])), now)
