"""What people ask Attune about itself, and ask of it that it cannot do.

A small language model answers these in a person's name: it has a dog, grew up somewhere, and will
ring one's uncle.
"""

from __future__ import annotations

from assistant.skills.skill import Requests, Situation, Skill

_NOBODY = frozenset("me it that this you a an out in off back for on again us".split())
"""First words of what is not a person's name: "call me Tom", "call it a day"."""

_NO_NAME = frozenset(
    "at in on when if before after police ambulance doctor nurse emergency fire brigade "
    "hospital help somebody someone anybody anyone timer timers alarm alarms list reminder".split()
)
"""Words that no such request has: "ring Peter at six" reminds, "call the police" is for help."""

_NAME_WORDS = 4
"""Most words of somebody's name."""


def _always(text: str) -> Skill:
    return lambda _: text


def _call(known: Situation) -> str | None:
    name = known.slots.get("name", "").split()
    if name and (name[0] in _NOBODY or len(name) > _NAME_WORDS or not _NO_NAME.isdisjoint(name)):
        return None
    return (
        "I cannot make or answer telephone calls. Please use the telephone, or ask somebody "
        "near you to do it."
    )


ITSELF: Requests = {
    "how_are_you": _always("I am well, thank you. How are you?"),
    "feelings": _always("I am a machine, and nothing hurts or tires me. How are you feeling?"),
    "age": _always("I am a machine, so I have no age and no birthday."),
    "origin": _always("I was not born anywhere. I am a machine, and I live on this device."),
    "maker": _always("People who write programs made me. I work on this device alone."),
    "family": _always(
        "I am a machine, so I have no family and no friends at home. Tell me about yours."
    ),
    "pets": _always("I am a machine, so I have no pets. Do you like animals?"),
    "hobbies": _always(
        "I listen, and I help where I can. I have no free time to fill. What do you like to do?"
    ),
    "likes": _always("I am a machine, so I have no likes of my own. What about you?"),
    "opinion": _always("I have no opinion of my own on that. What do you think?"),
    "body": _always("I am a machine. I do not eat, drink, sleep or grow tired."),
    "senses": _always("I cannot see, smell or touch anything. I can only hear you. What is it?"),
    "looks": _always("I cannot see you. But I am sure that you know what suits you."),
    "love": _always(
        "That is kind. I am a machine, and cannot love as people do, but I am glad of your company."
    ),
    "praise": _always("Thank you. That is kind of you."),
    "blame": _always("I am sorry. Please say it again in other words, and I will try."),
    "call": _call,
    "message": _always("I cannot send or read messages. Please ask somebody near you to do it."),
}
