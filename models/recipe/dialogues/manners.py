"""Greetings and farewells, by name and part of the day."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from assistant.generate.context import ContextLine
from assistant.spoken_times import part_of_day, spoken_time

from .grammar import Slots, Topic

_PARTS = ("morning", "afternoon", "evening", "night")

_GREETING = {
    "morning": "Good morning{name}. Did you sleep well?",
    "afternoon": "Good afternoon{name}. How is your day going?",
    "evening": "Good evening{name}. I hope you had a good day.",
    "night": "Hello{name}. It is late. Can you not sleep?",
}
_GOODBYE = {
    "morning": "Goodbye{name}. Have a lovely day.",
    "afternoon": "Goodbye{name}. Enjoy the rest of the day.",
    "evening": "Goodbye{name}. Have a peaceful evening.",
    "night": "Goodbye{name}. Sleep well.",
}


def called(context: ContextLine) -> str:
    """The user's name as it is added to a phrase, or nothing."""
    return f", {context.user_name}" if context.user_name else ""


def by_part_of_day(table: Mapping[str, str], context: ContextLine) -> str:
    """The text for this part of the day, with {time} and {name} filled in."""
    return in_context(table[part_of_day(context.now)], context)


def in_context(template: str, context: ContextLine) -> str:
    """A template with the time and the name."""
    return template.replace("{time}", spoken_time(context.now)).replace("{name}", called(context))


def _greeting(context: ContextLine, _: Slots) -> str:
    return by_part_of_day(_GREETING, context)


def _goodnight(context: ContextLine, _: Slots) -> str:
    if part_of_day(context.now) in ("evening", "night"):
        return f"Good night{called(context)}. Sleep well."
    return f"Have a good rest{called(context)}. I am here when you wake up."


def _goodbye(context: ContextLine, _: Slots) -> str:
    return by_part_of_day(_GOODBYE, context)


def by_day(table: Mapping[str, str]) -> Callable[[ContextLine, Slots], str]:
    """A reply that the part of the day decides."""

    def reply(context: ContextLine, _: Slots) -> str:
        return table[part_of_day(context.now)]

    return reply


def fixed(
    intent: str,
    reply: str | tuple[str, str, str, str],
    *phrasings: str,
    weight: float = 1.0,
    manner: str = "ask",
) -> Topic:
    """A topic without slots: one reply, or one for each part of the day."""
    spoken = (reply,) * len(_PARTS) if isinstance(reply, str) else reply
    return Topic(intent, phrasings, by_day(dict(zip(_PARTS, spoken, strict=True))), weight, manner)


TOPICS = (
    Topic(
        "greeting",
        (
            "(hello|hi|good day|hiya) (there|attune|my friend|to you|again|dear)",
            "(hello|hi|good morning) (is anyone|are you|is somebody) there",
            "good (morning|afternoon|evening|day)",
            "good (morning|afternoon|evening) (attune|to you|dear|my friend)",
            "(hello|hi) it is (me|only me|me again|{name})",
            "(hello|hi|morning) how are you (today|)",
            "(i am|here i am) (awake|up|back) (now|again)",
            "i (have just|just) (woken up|woke up|got up|come home|came home)",
            "nice to (see|hear|meet) you",
        ),
        _greeting,
        2.0,
        "bare",
    ),
    Topic(
        "goodnight",
        (
            "good night (attune|dear|then|now|my friend|sleep well|)",
            "i am (going|off) to (bed|sleep) (now|)",
            "(time|it is time) for (bed|me to sleep|my bed)",
            "(i will|i want to|let me) (sleep|lie down|rest) (now|a little|for a while)",
            "(sweet dreams|sleep tight|sleep well)",
        ),
        _goodnight,
        1.5,
        "tell",
    ),
    Topic(
        "goodbye",
        (
            "(goodbye|bye bye|see you|so long|cheerio) (then|now|attune|later|tomorrow|for now)",
            "i (have to|must|will) (go|leave|go now|leave now)",
            "(talk|speak) to you (later|soon|tomorrow|again)",
            "i am (leaving|going out|off) now",
            "that is all (for now|for today|thank you)",
            "(until|till) (tomorrow|later|next time)",
        ),
        _goodbye,
        1.5,
        "tell",
    ),
)
