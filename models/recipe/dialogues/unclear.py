"""Being sure: words that make no sense, and asking what was meant."""

from __future__ import annotations

from .grammar import Topic

_AGAIN = "I am not sure I understood. Could you say that again?"
_MIXED = (
    "food animal wear colour", "thing sky job", "town drink bodypart number", "film plant name",
    "furniture meal bird", "season pet food number", "taste thing room", "weekday animal kitchen",
    "job colour machine", "doings taste pet", "feeling_low chore plant", "language thing drink age",
    "month furniture food", "opening music weather bodypart", "spot ailment wear", "weather name food",
    "country petname chore taste", "number bird drink", "film bodypart span", "trivia thing meal",
    "elder number plant", "feeling_good kitchen animal", "age machine colour sky", "event pet taste",
)  # fmt: skip
_SCRAMBLED = (
    "(the|a|of|to) {thing} (the|was|of) {weather} (with|not|it) {animal}",
    "(and|but|then) {food} (is|on|when) the {relative} {colour} (it|there|no)",
    "(it|that|there) (goes|does|went) the {plant} (and|to|of) {number} {wear}",
    "{bodypart} (in|on|to) {drink} {weekday} (the|this|and)",
    "(when|what|which) {bird} {furniture} (so|the|if) {meal}",
    "(no|yes|well) the the {thing} (it|he|she) {taste} {job}",
    "(go|put|make) {name} {colour} (of|under|until) {pet}",
    "{sound} {food} (because|whether|though) {room} {number}",
)
_MIXTURES = tuple(" ".join(f"{{{slot}}}" for slot in mixture.split()) for mixture in _MIXED)

TOPICS = (
    Topic("unclear", _MIXTURES + _SCRAMBLED, lambda *_: _AGAIN, 4.0, "bare"),
    Topic(
        "unfinished",
        (
            "(i want|i would like|can you|could you|i need|i have) (the|a|to|some|to the)",
            "(the|a|it is|that) (the|um|thing|you know)",
            "(where is the|when does the|what is the|give me the) (um|the|thing|you know)",
            "i (was|went|saw|think) (um|the|and|to the|and then)",
            "(and then|so then|but the|because the|if i) (um|i|the|she|he)",
        ),
        lambda *_: "Take your time. What would you like to say?",
        2.0,
        "bare",
    ),
    Topic(
        "confirm_plant",
        (
            "you (said|told me|mentioned) (you|that you) (planted|like|grow|watered) {plant}",
            "did i (hear|get) that right you (planted|like|grow) {plant}",
            "i (said|meant|mean|was saying) {plant} (not {food}|not {thing}|)",
        ),
        (
            "Thank you for making that clear. So you mean {plant}.",
            "You mean {plant}, did I get that right?",
            "{plant}, I see. Thank you for your patience.",
        ),
        1.0,
        "tell",
    ),
    Topic(
        "correction",
        (
            "i (said|meant|mean) {food} not {food2}",
            "no (i said|i meant|not that) {food}",
            "(not {food2} but|i did not say {food2} i said) {food}",
        ),
        (
            "I am sorry. So you mean {food}.",
            "Thank you, now I understand, {food}.",
            "{food}, did I get that right?",
        ),
        1.5,
        "bare",
    ),
    Topic(
        "correction_person",
        (
            "i (said|meant|mean) {relative} not {relative2}",
            "no (i said|i meant|not that) {relative}",
            "(i was talking|i am talking|i mean to talk) about {relative}",
        ),
        (
            "I am sorry. So you mean {relative}. Please go on.",
            "Thank you, {relative}. What about it?",
            "Now I understand, {relative}. Tell me more.",
        ),
        1.5,
        "bare",
    ),
)
