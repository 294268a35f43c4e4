"""How many spoken requests are understood, by the grammar alone and with the second reading.

Requests are said in ten voices that no part of Attune was trained on (bench/mouths.py), a share of
them impaired (bench/impair.py, simulated), and go through a speech recogniser. Those that the
grammar does not find in the transcript are read a second time, against the sound. The same is done
with small talk, which must not be taken for a request. What the grammar knows is drawn from the
recipe's dialogues, the rest from requests.yaml.

    python -m bench.requests --encoder PATH --piper PATH --data PATH

With ``--fit`` it prints the regression behind the certainty instead, from other sentences; with
``--typed`` nothing is said aloud, and the texts themselves are understood or not.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from importlib.resources import files
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hassil.intents import Intents
from hassil.sample import sample_sentence

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.encoder import Encoder, Weighs, open_encoder
from assistant.household.agenda import Kind
from assistant.household.clocks import Moment
from assistant.household.household import Household
from assistant.household.lists import SHOPPING, TO_DO
from assistant.journal.store import Journal
from assistant.skills.candidates import LEAST
from assistant.skills.commands import commands
from assistant.skills.desk import Desk
from assistant.skills.usual_commands import usual_commands
from assistant.values import EndReason, Utterance
from bench.impair import SEVERITIES, impair
from bench.mouths import VOICES, Mouths
from bench.request_outcomes import Case, Outcome, confusion, fitted, outcome, rows
from bench.skills import ASKED
from models.recipe.corpus import read, recordings
from models.recipe.dialogues import exchanges

TEMPLATES = Path(__file__).with_suffix(".yaml")

REQUESTED = {
    "alarm", "remind_me", "sum", "slower", "louder", "stop", "lost_thing", "kitchen_find",
    "where_is_person", "where_is_furniture", "call_name", "appointment", "event", "birthday",
}  # fmt: skip
"""The dialogues' other intents that are requests to a skill: no small talk."""

ITEMS = (
    "milk", "bread", "eggs", "butter", "apples", "coffee", "tea", "potatoes", "cheese", "soap",
    "stamps", "washing powder", "toilet paper", "marmalade", "bananas", "fish",
)  # fmt: skip
"""What may be got is on the list."""

THEN = Moment(datetime(2026, 11, 29, 15, 30, tzinfo=timezone.utc), "bench", 0.0)
"""When everything is asked."""

SEED = 29

AGAIN = 10_000
"""Added to the seed of a case for when it is said again: somebody impaired hesitates elsewhere."""

DRAWN = 20_000
"""Exchanges that the recipe's dialogues are asked for."""


class Meanings:
    """What a text asks for, by what the skills of a household answer to it."""

    def __init__(self, folder: Path) -> None:
        household = Household.of(Journal(folder / "journal.db"), look=lambda: THEN)
        self._desk = Desk(household, user_name="Anna", monotonic=lambda: 0.0)
        self._desk.load()
        _furnish(self._desk)
        own = Intents.from_yaml(StringIO(TEMPLATES.read_text("utf-8")))
        self.own = own
        self.commands = usual_commands([_templates("requests")], commands([own], {}).values)

    @cache  # noqa: B019 - one for the whole run
    def of(self, text: str) -> str | None:
        """The request and the answer, in which all of its values are; none for small talk."""
        if self._desk.urgent(text) is not None:
            return "help"
        found = self._desk.recognised(text)
        return None if found is None else f"{found[0].name}: {found[1].text.lower()}"


def _furnish(desk: Desk) -> None:
    """What is asked for can only be found where something is kept."""
    house, now = desk.household, THEN.now
    house.agenda.add(Kind.REMINDER, "take my pills", now - timedelta(minutes=5), THEN)
    for at, event in enumerate(("the dentist", "the hairdresser", "the bus trip", "the choir"), 1):
        house.agenda.add(Kind.REMINDER, event, now + timedelta(days=at), THEN)
    house.agenda.tick(THEN)
    house.agenda.add(Kind.ALARM, "", now + timedelta(hours=16), THEN)
    house.lists.add(SHOPPING, ITEMS, now)
    house.lists.add(TO_DO, ["pay the rent"], now)
    people = (
        *("Peter", "Anna", "Susan", "Margaret", "Thomas", "Doctor Miller"),
        *("neighbour", "daughter"),
    )
    for name in people:
        house.notes.write(name, f"{name} lives round the corner", now)
        house.notes.write(f"{name}'s number", f"the number of {name} is two four six", now)
    house.notes.write("birthday", "your birthday is on the third of may", now)
    for thing in ("glasses", "keys", "spare key", "hearing aid", "purse", "remote control"):
        house.notes.write(thing, f"your {thing} should be in the hall", now)
    said = desk.answer("set a timer for twenty minutes")
    if said is not None:
        desk.exchanged("set a timer for twenty minutes", desk.commit(said))


def _templates(name: str) -> Intents:
    file = files("assistant.skills").joinpath(f"sentences/en.{name}.yaml")
    return Intents.from_yaml(StringIO(file.read_text("utf-8")))


def utterance(mouths: Mouths, case: Case, seed: int) -> Utterance:
    """A case said aloud, with quiet noise."""
    samples = mouths.say(case.text, case.voice) if case.recording is None else case.recording
    if case.severity != "clean":
        samples = impair(samples, case.severity, seed)  # pyright: ignore[reportArgumentType]
    noise = np.random.default_rng(seed).standard_normal(len(samples)) * 5e-4
    return Utterance(
        (samples + noise).astype(np.float32), datetime.now(timezone.utc), EndReason.STOP
    )


def requests(meanings: Meanings, count: int, impaired: int, voices: int, seed: int) -> list[Case]:
    """Requests over all skills; about a third is what the grammar knows today."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    known = (
        text
        for intent, text in _dialogues(rng)
        if ASKED["recipe"].get(intent, "help") != "help" and meanings.of(text)
    )
    by_intent: list[list[str]] = []
    for intent in meanings.own.intents.values():
        lists, rules = meanings.own.slot_lists, meanings.own.expansion_rules
        sentences = [each for data in intent.data for each in data.sentences]
        by_intent += [
            sorted({" ".join(text.split()) for text in sample_sentence(each, lists, rules)})
            for each in sentences
        ]
    texts = list(islice(known, count // 3))
    texts += [rng.choice(by_intent[at % len(by_intent)]) for at in range(count - len(texts))]
    rng.shuffle(texts)
    found: list[Case] = []
    for at, text in enumerate(texts):
        severity = list(SEVERITIES)[at % len(SEVERITIES)] if at < impaired else "clean"
        meaning = meanings.of(text) or f"unknown: {text}"
        found.append(Case(text, meaning, severity, at % voices))
    return found


def small_talk(
    meanings: Meanings, count: int, voices: int, data: Path | None, seed: int
) -> list[Case]:
    """What is no request: dialogues, and what Kathleen reads where there are recordings."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    said = (
        text
        for intent, text in _dialogues(rng)
        if intent not in ASKED["recipe"].keys() | REQUESTED and not meanings.of(text)
    )
    severities = ("clean", *SEVERITIES)
    clips = recordings(data, held_out_part=True) if data is not None else ()
    kathleen = [clip for clip in clips if clip.speaker == "kathleen"]
    rng.shuffle(kathleen)
    found = [
        Case(clip.text, None, severities[at % 4], 0, read(clip))
        for at, clip in enumerate(kathleen[: count // 4])
    ]
    texts = islice(said, count - len(found))
    found += [Case(text, None, severities[at % 4], at % voices) for at, text in enumerate(texts)]
    return found


def _dialogues(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Intents and different sentences of the recipe's dialogues."""
    drawn = {each.user: each.intent for each in islice(exchanges(rng), DRAWN)}
    for text in rng.sample(sorted(drawn), len(drawn)):
        yield drawn[text], text


def outcomes(
    cases: Sequence[Case], encoder: Encoder, meanings: Meanings, mouths: Mouths
) -> Iterator[Outcome]:
    """What each side makes of them."""
    if not isinstance(encoder, Weighs):
        raise SystemExit("This speech recogniser cannot weigh texts against the sound.")

    def said(case: Case, seed: int, refused: Collection[str] = ()) -> Outcome:
        features = encoder.encode(utterance(mouths, case, seed))
        return outcome(case, features, partial(encoder.weigh, features), meanings, refused)

    for seed, case in enumerate(cases):
        first = said(case, seed)
        refused = first.refused
        again = None if refused is None else said(case, seed + AGAIN, refused)
        yield replace(first, again=again)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, default=starter_dir() / "whisper")
    parser.add_argument("--piper", type=Path, help="folder of a Piper voice, one of the ten")
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--impaired", type=int, default=100, help="requests that are impaired")
    parser.add_argument("--talk", type=int, default=200)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--misses", action="store_true", help="print what went wrong")
    parser.add_argument("--typed", action="store_true", help="without sound")
    arguments = parser.parse_args()
    if arguments.typed:
        with TemporaryDirectory() as folder:
            _typed(requests(Meanings(Path(folder)), arguments.requests, 0, VOICES, SEED))
        return
    encoder = open_encoder(EncodeSettings.model_validate({"path": arguments.encoder}))
    with TemporaryDirectory() as folder:
        _run(arguments, encoder, Meanings(Path(folder)), Mouths(arguments.piper))


def _typed(cases: Sequence[Case]) -> None:
    missed = [case.text for case in cases if (case.meaning or "").startswith("unknown")]
    print(*missed, sep="\n")
    print(json.dumps({"typed": len(cases), "understood": len(cases) - len(missed)}))


def _run(
    arguments: argparse.Namespace, encoder: Encoder, meanings: Meanings, mouths: Mouths
) -> None:
    seed = 4_242 if arguments.fit else SEED
    cases = requests(meanings, arguments.requests, arguments.impaired, VOICES, seed)
    cases += small_talk(meanings, arguments.talk, VOICES, arguments.data, seed)
    random.Random(seed).shuffle(cases)  # noqa: S311 - so that a part of them is like the whole
    found: list[Outcome] = []
    with suppress(KeyboardInterrupt):  # Ctrl-C: the figures of what has been said
        for each in outcomes(cases, encoder, meanings, mouths):
            found.append(each)  # noqa: PERF402 - what there is, is kept
    if arguments.fit:
        print(json.dumps(fitted(found)))
        return
    if arguments.misses:
        for each in found:
            if each.taken(LEAST) != each.case.meaning:
                print(each.case.severity, each.case.text, each.heard, each.second, sep=" | ")
    _print(found)


def _print(found: Sequence[Outcome]) -> None:
    head = (
        *("cases", "grammar", "+ second", "asked once", "twice", "said again"),
        *("wrong", "wrongly asked"),
    )
    print(f"{'per cent right':<30}" + "".join(f"{each:>14}" for each in head))
    table = rows(found)
    for row in table:
        sound, *cells = asdict(row).values()
        print(f"{sound:<30}" + "".join(f"{cell:>14}" for cell in cells))
    print("\nasked for: taken or asked back")
    by_skill = confusion(found)
    for asked, row in by_skill.items():
        print(f"{asked:<12}" + ", ".join(f"{taken} {count}" for taken, count in row.items()))
    took = sorted(each.ms for each in found if each.ms)
    ms = {"median": round(took[len(took) // 2], 1), "worst": round(took[-1], 1)} if took else {}
    print(f"\nsecond readings: {len(took)} of {len(found)} turns, ms: {ms}")
    print(
        json.dumps(
            {
                "rows": [asdict(row) for row in table],
                "confusion": by_skill,
                "ms": ms,
                "second_readings": len(took),
            }
        )
    )


if __name__ == "__main__":
    main()
