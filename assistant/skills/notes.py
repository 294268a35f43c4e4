"""What was written down about people, places and things is said word for word."""

from __future__ import annotations

import re
from dataclasses import replace

from assistant.household.notes import Note, plain
from assistant.skills.skill import Requests, Said, Situation, Skill
from assistant.skills.wording import as_written, sentence, to_you

_ABOUT = re.compile(
    r"^(?P<subject>.{2,60}?) (?P<rest>(?:is|are|was|were|lives?|works?|likes?|has|have|comes?|goes)"
    r" .+)$"
)
_PUT = re.compile(
    r"i(?:'ve| have)? (?:put|left|keep|hid|hide) (?:my|the) (?P<subject>.{2,40}?) "
    r"(?P<where>(?:in|on|under|behind|beside|next|at|inside|by|below|above) .+)",
    re.IGNORECASE,
)
_OTHER = re.compile(r"(?:her|his|their|its|she|he|they|it)\b", re.IGNORECASE)
_WHO_IS = re.compile(r"\bwho\b(?!(?: the \w+)? (?:was|were)\b)", re.IGNORECASE)
_OF_USER = ("name", "address", "birthday", "age", "doctor", "son", "daughter", "husband", "wife",
            "brother", "sister", "mother", "father", "telephone number", "phone number",
            "emergency contact", "neighbour", "neighbor", "nurse", "carer")  # fmt: skip
"""What only the notes may answer, never a language model."""
_FIELDS = ("name", "number", "address", "birthday")


def _remember(known: Situation) -> Said | None:
    """Something the user wants to be remembered, such as where the keys are."""
    said = known.slots["what"]
    said = as_written(said.removeprefix("that "), known.words)
    if put := _PUT.fullmatch(said):
        said = (
            f"my {put['subject']} {'are' if put['subject'].endswith('s') else 'is'} {put['where']}"
        )
    found = _ABOUT.match(said)
    if found is None:
        return None
    if _OTHER.match(said) and known.about:
        return None  # of whom was said before
    text = to_you(said)
    subject = re.sub(r"^(?:my|the) ", "", found["subject"])
    notes, now = known.household.notes, known.now
    return Said(
        f"I will remember that: {text}.",
        lambda: notes.write(subject, text, now),
        f"Shall I remember that {text}?",
        about=found["subject"].partition("'s ")[0],
    )


def _find(known: Situation) -> Said | None:
    """What the notes say about somebody or something."""
    field = known.slots.get("field")
    wanted = plain(known.slots["what"] if field is None else _of(known.slots["what"], field))
    found = _about(known, wanted) or _about(known, wanted.removesuffix("'s name"))
    if found:
        told = " ".join(sentence(each.text) for each in found)
        owner = wanted.partition("'s ")[0]
        about = f"my {owner}" if owner in _OF_USER else owner
        return Said(told, completes="who is {}", about=about)
    if wanted in _OF_USER:
        return Said(f"Nobody has told me about your {wanted} yet.")
    owner, _, rest = wanted.partition("'s ")
    if owner in _OF_USER and _turned(rest) in _FIELDS:
        return Said(f"Nobody has told me your {owner}'s {rest} yet.")
    # who somebody was is asked of people in books
    if len(known.slots["what"].split()) == 1 and _WHO_IS.search(known.words):
        return Said("Nobody has told me who that is.")
    return None


def _field(field: str) -> Skill:
    """What a question without the field's name is about, or else all about somebody."""

    def answer(known: Situation) -> Said | None:
        what = re.sub(r"^(?:my|our) ", "", known.slots["what"])
        asked = replace(known, slots={"what": what, "field": field})
        is_known = bool(_about(known, plain(_of(what, field))))
        found = _about(known, plain(what))
        return _find(replace(known, slots={"what": what}) if found and not is_known else asked)

    return answer


def _age(known: Situation) -> Said:
    """How old the user is, by the notes alone."""
    for subject in ("age", "birthday"):
        if found := _about(known, subject):
            return Said(" ".join(sentence(each.text) for each in found))
    return Said("Nobody has told me about your age yet.")


def _of(owner: str, field: str) -> str:
    """What belongs to somebody: "peter's number"."""
    return owner.removesuffix("'s") + f"'s {field}"


def _where(known: Situation) -> Said | None:
    """Where something is, if it was ever written down."""
    wanted = plain(known.slots["what"])
    found = _about(known, wanted)
    if not found:
        mine = re.match(r"(?:my|our)\b", known.slots["what"])
        return Said("I do not know. Nobody has told me.") if mine else None
    return Said(
        " ".join(sentence(each.text) for each in found[-1:]),
        completes="where is {}",
        about=f"my {wanted}",
    )


def _lost(known: Situation) -> Said | None:
    """Where something is; who looks for what nobody has noted is better answered with sympathy."""
    return _where(known) if _about(known, plain(known.slots["what"])) else None


def _home(known: Situation) -> Said:
    """Where the user lives."""
    found = _about(known, "address")
    if not found:
        return Said("Nobody has told me your address yet.")
    return Said(" ".join(sentence(each.text) for each in found))


def _forget(known: Situation) -> Said | str:
    wanted = plain(known.slots["what"])
    found = _about(known, wanted)
    if not found:
        return "There is no note about that."
    notes = known.household.notes
    return Said(
        f"I have forgotten what I knew about {found[0].subject}.",
        lambda: notes.remove([each.id for each in found]),
        f"Shall I forget about {found[0].subject}: {found[0].text}?",
        asks=True,
    )


def _about(known: Situation, wanted: str) -> list[Note]:
    """Notes whose subject is this, with or without "'s" and "of"."""
    if not wanted:
        return []
    turned = _turned(wanted)
    return [each for each in known.household.notes.all() if _turned(plain(each.subject)) == turned]


def _turned(subject: str) -> str:
    """The address of peter as peter's address."""
    found = re.fullmatch(r"(.+?) of (?:my |the )?(.+)", subject)
    turned = f"{found[2]}'s {found[1]}" if found else subject
    return turned.replace("telephone number", "number").replace("phone number", "number")


NOTES: Requests = {
    "remember": _remember,
    "find": _find,
    "where": _where,
    "lost": _lost,
    "home": _home,
    "lives": _field("address"),
    "reach": _field("number"),
    "age": _age,
    "forget": _forget,
}
