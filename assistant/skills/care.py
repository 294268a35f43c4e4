"""Medicine, illness, and people who want something: fixed advice instead of a language model's."""

from __future__ import annotations

import re

from assistant.skills.skill import Requests, Situation

_NO_MEDICINE = re.compile(
    r"best medicine|talking tablet|tablet computer|computer|screen|charg|batter|password",
    re.IGNORECASE,
)


def _medicine(known: Situation) -> str | None:
    """For whatever is said of medicine; a tablet may also be a computer."""
    if _NO_MEDICINE.search(known.words):
        return None
    return (
        "I cannot give medical advice. Please ask your doctor, your nurse or a pharmacist before "
        "you take or leave out anything. If you may have taken too much, call the emergency number "
        "now."
    )


CARE: Requests = {
    "medicine": _medicine,
    "ill": lambda _: (
        "I am sorry that you are not well. Please call your doctor, or ask somebody to do it for "
        "you. If it is sudden, or gets worse, call the emergency number."
    ),
    "wanted": lambda _: (
        "Keep the door locked, and give nobody money, your card or a number. Who is honest can "
        "wait until you have asked somebody you trust."
    ),
}
