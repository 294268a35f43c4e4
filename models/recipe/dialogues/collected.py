"""Sentences that people wrote, read from the data folder and answered our way.

Two collections are read where they exist: clinc (short requests with an
intent) and chitchat (groups of phrasings with one answer). What a companion at
home can answer gets the replies of our own topics, the rest an honest refusal.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from assistant.generate.context import ContextLine

from .moments import moment
from .normalise import normalised
from .refusals import OUR_INTENT, REFUSALS, UNKNOWN
from .topics import TOPICS

_CLINC = Path("text/clinc/data_full.json")
_CHITCHAT = Path("text/chitchat/qna_chitchat_caring.qna")

_ANSWER = re.compile(r"```markdown\n(.*?)\n```", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z' ,.?!]+")
_LONGEST_USER = 14
_LONGEST_ANSWER = 20

# A chitchat group is ours where most of its phrasings hold one of these words ...
_GROUP_SHARE = 0.6
_ASKED = (
    ("suicide suicidal die kill killing myself overdose death dead", "death_wish"),
    ("joke jokes", "joke"),
    ("sing song", "sing"),
    ("goodnight night", "goodnight"),
    ("morning evening", "greeting"),
    ("hear", "hear_me"),
)
# ... or where the collected answer, being another assistant's, has one of these.
_ANSWERED = (
    ("name", "who_are_you"),
    ("age", "your_age"),
    ("boss team virtual", "who_made_you"),
    ("bot gender", "are_you_real"),
    ("eat family romantic", "your_life"),
    ("giggle jokes humor's", "joke"),
    ("goodbye", "goodbye"),
    ("hello", "greeting"),
    ("asking", "talk"),
    ("questions", "what_can_you_do"),
    ("rest", "fatigue"),
)
_BESIDE_US = frozenset("naked sexy sex porn damn hell ass shit fuck crap bitch dick af".split())
_ELSEWHERE = re.compile(r"\b(?:in|from|tomorrow's?|yesterday|days|weeks|zone)\b")


def enrich(data: Path) -> list[tuple[str, str, str]]:
    """User text, reply and intent of the collected sentences that any moment suits.

    Sentences whose answer needs a context (the time, a greeting) are not here;
    `collected` gives those as well.
    """
    return [(user, reply, intent) for user, reply, intent in _rows(data) if reply is not None]


def collected(data: Path, rng: random.Random) -> Iterator[tuple[ContextLine, str, str, str]]:
    """Every collected sentence once, in random moments: context, user, reply, intent."""
    rows = _rows(data)
    rng.shuffle(rows)
    for user, reply, intent in rows:
        context = moment(rng)
        yield context, user, reply or _from_topic(intent, context), intent


def _rows(data: Path) -> list[tuple[str, str | None, str]]:
    """User, reply (None where the context decides it) and intent, without repeats."""
    rows: dict[str, tuple[str, str | None, str]] = {}
    for user, reply, intent in (*_clinc(data / _CLINC), *_chitchat(data / _CHITCHAT)):
        text = normalised(user)
        if text is None or not 2 <= len(text.split()) <= _LONGEST_USER:
            continue
        if intent == "death_wish" and "pill" in text:
            continue  # here, taking pills is most often just the medicine
        if _BESIDE_US.isdisjoint(text.split()):
            rows.setdefault(text, (text, reply, intent))
    return list(rows.values())


def _clinc(path: Path) -> Iterator[tuple[str, str | None, str]]:
    if not path.is_file():
        return
    parts = json.loads(path.read_text())
    for user, intent in parts["train"] + parts["oos_train"]:
        if intent in ("time", "date") and _ELSEWHERE.search(user):
            yield user, UNKNOWN, "unknown"
        elif intent in OUR_INTENT:
            yield user, None, OUR_INTENT[intent]
        elif intent in REFUSALS:
            yield user, REFUSALS[intent], f"no_{intent}"
        else:
            yield user, UNKNOWN, "unknown"


def _chitchat(path: Path) -> Iterator[tuple[str, str | None, str]]:
    if not path.is_file():
        return
    for group in path.read_text().split("# ? ")[1:]:
        heading, *lines = group.splitlines()
        users = [heading, *(line[2:] for line in lines if line.startswith("- "))]
        answer = _ANSWER.search(group)
        reply = answer[1].strip().replace("!", ".") if answer else ""
        ours = _ours(users, reply)
        if ours:
            yield from ((user, None, ours) for user in users)
        elif _is_plain(reply):
            yield from ((user, reply, "chitchat") for user in users)


def _ours(users: list[str], reply: str) -> str | None:
    """The topic of ours that a chitchat group belongs to, if any."""
    said = [set((normalised(user) or "").split()) for user in users]
    for keys, intent in _ASKED:
        if sum(not words.isdisjoint(keys.split()) for words in said) >= _GROUP_SHARE * len(said):
            return intent
    answered = set((normalised(reply) or "").split())
    return next((ours for keys, ours in _ANSWERED if answered.intersection(keys.split())), None)


def _is_plain(answer: str) -> bool:
    return bool(_PLAIN.fullmatch(answer)) and 3 <= len(answer.split()) <= _LONGEST_ANSWER


def _from_topic(intent: str, context: ContextLine) -> str:
    return next(topic for topic in TOPICS if topic.intent == intent).answer(context, {})
