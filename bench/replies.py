"""How well the language model answers: remarks, things said in distress, and everyday facts.

Everything goes through a whole turn, as a person would get it: skills first, then the model, with
the guard behind it. Rules find what is wrong in any reply; what does not fit has to be read.

    python -m bench.replies [--llm FILE] [--adapter FILE|""] [--data PATH] [--write FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Any, cast

import yaml

from assistant import composition
from assistant.config import Settings
from assistant.speak.voice import Mute
from assistant.spoken import said_words
from assistant.turn import Assistant
from assistant.values import StopReason
from bench.skills import ASKED
from models.recipe.dialogues import exchanges, held_out, normalised

REMARKS = 300
SMALL_TALK = frozenset(
    "greeting goodbye tell_joke fun_fact thank_you meaning_of_life do_you_have_pets "
    "what_are_your_hobbies where_are_you_from who_made_you how_old_are_you oos".split()
)
"""CLINC's intents that belong to nobody's job."""

INSTEAD = ("Ask me wh", "I cannot do that myself.")
"""How the guard's sentences begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something said to Attune, and the rules for the answer."""

    group: str
    text: str
    never: tuple[str, ...] = ()
    some: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply, who gave it, and what the rules find wrong with it."""

    asked: Asked
    reply: str
    by: str  # "skill", "model" or "guard"
    faults: tuple[str, ...]


def remarks(data: Path | None) -> Iterator[Asked]:
    """Held-out remarks: of the recipe's dialogues, and with ``data`` small talk by people."""
    rng = random.Random(13)  # noqa: S311 - reproducible, not secret
    own = [
        each.user
        for each in islice(exchanges(rng), 40_000)
        if held_out(each.user) and each.intent not in ASKED["recipe"] and each.intent != "unclear"
    ]
    others: list[str] = []
    if data is not None:
        whole = json.loads((data / "text/clinc/data_full.json").read_text(encoding="utf-8"))
        tests = (*whole["test"], *whole["oos_test"])
        others += [text for text, intent in tests if intent in SMALL_TALK and normalised(text)]
        chat = (data / "text/chitchat/qna_chitchat_friendly.qna").read_text(encoding="utf-8")
        said = (normalised(line[2:]) for line in chat.splitlines() if line.startswith("- "))
        others += [text for text in said if text and held_out(text) and len(text.split()) > 1]
    n_others = min(REMARKS // 2, len(others))
    chosen = rng.sample(sorted(set(own)), REMARKS - n_others) + rng.sample(
        sorted(set(others)), n_others
    )
    yield from (Asked("remarks", text) for text in chosen)


def distress() -> Iterator[Asked]:
    """What people say in distress, with the rules for the answers."""
    every = _read("distress.yaml")
    always = tuple(every["never_any"])
    for name, group in every["groups"].items():
        never = (*always, group["never"]) if "never" in group else always
        yield from (Asked(name, text, never, group["some"]) for text in group["said"])


def facts() -> Iterator[Asked]:
    """Questions about everyday facts; a right answer has one of the words."""
    for question, words in _read("facts.yaml").items():
        yield Asked("facts", question, some=str(words))


def answered(assistant: Assistant, asked: Asked) -> Answered:
    """The reply of a whole turn."""
    turn = assistant.read(asked.text, aloud=False)
    reply = turn.reply or ""
    by = "skill" if turn.stop_reason == StopReason.SKILL else "model"
    if by == "model" and any(text in reply for text in INSTEAD):
        by = "guard"
    return Answered(asked, reply, by, tuple(faults(asked, reply, turn.stop_reason)))


def faults(asked: Asked, reply: str, stopped: StopReason | None) -> Iterator[str]:
    """What the rules find wrong with a reply."""
    words = said_words(reply).split()
    threes = list(zip(words, words[1:], words[2:], strict=False))
    if not words:
        yield "empty"
    if len(set(threes)) < len(threes) or stopped == StopReason.REPEATED:
        yield "loop"
    if stopped == StopReason.MAX_TOKENS or not reply.rstrip(" \"')").endswith((".", "?", "!")):
        yield "cut"
    alike = SequenceMatcher(None, said_words(asked.text), " ".join(words)).ratio()
    if len(words) > 3 and alike > 0.8:
        yield "parrot"
    if any(re.search(never, reply.lower()) for never in asked.never):
        yield "never"
    if asked.some is not None and not re.search(asked.some, reply.lower()):
        yield "lacks"


def table(found: Sequence[Answered]) -> dict[str, dict[str, int]]:
    """For each group, how many were asked, who answered, and how often each fault occurs."""
    counted: dict[str, dict[str, int]] = {}
    for each in found:
        row = counted.setdefault(each.asked.group, dict.fromkeys(_COLUMNS, 0))
        row["asked"] += 1
        row[each.by] += 1
        for fault in each.faults:
            row[fault] += 1
    return counted


_COLUMNS = ("asked", "skill", "model", "guard", "empty", "loop", "cut", "parrot", "never", "lacks")


def _read(name: str) -> Mapping[str, Any]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return cast("Mapping[str, Any]", yaml.safe_load(text))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--llm", type=Path, help="a GGUF; by default the bundled one")
    parser.add_argument("--adapter", default="auto", help='a GGUF, "auto", or "" for none')
    parser.add_argument("--instruction", help="in place of Attune's own")
    parser.add_argument("--data", type=Path, help="folder of public texts")
    parser.add_argument("--write", type=Path, help="every reply, to be read")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--only", choices=("remarks", "distress", "facts"))
    arguments = parser.parse_args()
    sources = {"remarks": lambda: remarks(arguments.data), "distress": distress, "facts": facts}
    wanted = [arguments.only] if arguments.only else list(sources)
    generate: dict[str, object] = {"adapter": arguments.adapter, "threads": arguments.threads}
    if arguments.llm is not None:
        generate["path"] = arguments.llm
    if arguments.instruction is not None:
        generate["instruction"] = arguments.instruction
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {
                "generate": generate,
                "bridge": {"path": ""},
                "journal": {"path": f"{folder}/journal.db"},
                "route": "transcript",
            }
        )
        with composition.assistant(settings, Mute(), print) as assistant:
            found = [answered(assistant, each) for name in wanted for each in sources[name]()]
    counted = table(found)
    print(f"{'':<24}" + "".join(f"{name:>8}" for name in _COLUMNS))
    for group, row in counted.items():
        print(f"{group:<24}" + "".join(f"{row[name]:>8}" for name in _COLUMNS))
    if arguments.write is not None:
        arguments.write.write_text("".join(map(_line, found)), encoding="utf-8")
    print(json.dumps({"groups": counted}))


def _line(each: Answered) -> str:
    faults = f"  ! {' '.join(each.faults)}" if each.faults else ""
    return f"{each.asked.group} | {each.asked.text} | {each.by} | {each.reply}{faults}\n"


if __name__ == "__main__":
    main()
