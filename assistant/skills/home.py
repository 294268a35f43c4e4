"""What only the home can do: lights, heating, blinds, locks, through Home Assistant.

It comes last, for what no other skill knows, and only where a home is set. What is said afterwards
is what Home Assistant confirmed, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.household.satellite import Satellite
from assistant.household.smart_home import HomeAnswer, HomeRequest, Outcome
from assistant.skills.plainly import plainly
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.wording import sentence
from assistant.speak.markdown import audible
from assistant.spoken import said_words

_THING = re.compile(r"\b(?P<thing>(?:the|my) .+?)(?: (?:on|off|up|down|open|shut|in|at|to)\b.*)?$")
"""What "it" means after "turn on the kitchen light"."""

_NOTHING_DONE = "so nothing was done"

_TOLD: dict[Outcome, str] = {
    "done": "It is done.",
    "partly": "Only some of it worked.",
    "told": "Your home has heard it, but did not say whether anything was done.",
    "answered": "Your home has no answer to that.",
    "not_understood": f"Your home did not understand that, {_NOTHING_DONE}.",
    "not_there": f"Your home does not know that, {_NOTHING_DONE}.",
    "failed": "That did not work. Please look whether anything has changed.",
    "refused": f"Your home does not let me in, {_NOTHING_DONE}. Somebody should look at that.",
    "unreachable": f"I cannot reach your home at the moment, {_NOTHING_DONE}.",
    "unknown": "Your home did not answer in time, so I do not know whether that was done.",
}
"""What is said where Home Assistant says nothing itself."""

_ASKED = {
    "not_understood": "Your home did not understand that.",
    "not_there": "Your home does not know that.",
    "failed": "Your home could not find that out.",
    "refused": "Your home does not let me in. Somebody should look at that.",
    "unreachable": "I cannot reach your home at the moment.",
    "unknown": "Your home did not answer in time.",
}
"""The same after a question."""


def _told(answer: HomeAnswer, *, is_act: bool) -> str:
    """What is said of an answer."""
    own = _TOLD[answer.outcome] if is_act else _ASKED.get(answer.outcome, _TOLD[answer.outcome])
    said = sentence(answer.speech) if answer.speech else ""
    match answer.outcome:
        case "done" if is_act:
            return said or own
        case "answered" if not is_act:
            return said or own
        case "partly":
            return f"{own} {said}".strip()
        case "done" | "told" | "answered" if said:
            return f"Your home says: {said}"
        case _:  # what went wrong is told in words that somebody at home understands
            return own


def _request(*, is_act: bool, asks: bool = False) -> Callable[[Situation], Said | None]:
    """A request that is passed on as it was said.

    Args:
        is_act: whether it changes something, so that an unsure reading is asked back.
        asks: whether it is asked back however sure.
    """

    def answer(known: Situation) -> Said | None:
        home = known.household.smart_home
        if home is None:
            return None
        spoken = said_words(known.words)
        words = plainly(spoken) or spoken
        passed = HomeRequest(words)
        thing = _THING.search(words) if is_act else None
        return Said(
            "",
            lambda: home.put(passed),
            f'Shall I tell your home "{words}"?' if is_act else None,
            asks,
            about=None if thing is None else thing["thing"],
            then=lambda stop: _told(home.wait(passed, stop), is_act=is_act),
        )

    return answer


def handed(home: Satellite, words: str, sound: bytes) -> Said:
    """What is said, handed to a Home Assistant that answers it in its own words."""
    passed = HomeRequest(words, sound)
    return Said("", lambda: home.put(passed), then=lambda stop: _led(home.wait(passed, stop)))


def _led(answer: HomeAnswer) -> str:
    if answer.outcome == "answered":
        text = "".join(
            each if each.isprintable() or each == "\n" else " " for each in answer.speech
        )
        return " ".join(audible((text,))) or _TOLD["told"]
    return _TOLD[answer.outcome]


HOME: Requests = {
    "act": _request(is_act=True),
    "risky": _request(is_act=True, asks=True),
    "question": _request(is_act=False),
}
