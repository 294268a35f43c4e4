"""Times on the clock as they are said, the inverse of ``spoken_time``."""

from __future__ import annotations

import re

from assistant.skills.times.durations import UNIT
from assistant.skills.times.numbers import BELOW_100, either
from assistant.skills.times.said import TIME, Clock, Said

_HOURS = either(name for name, n in BELOW_100.items() if n < 24)
_HOURS_12 = either(name for name, n in BELOW_100.items() if 1 <= n <= 12)
_MINUTES = either(name for name, n in BELOW_100.items() if 1 <= n < 60)
_AFTER_HOUR = either(name for name, n in BELOW_100.items() if 10 <= n < 60)
_DIGIT = either(name for name, n in BELOW_100.items() if n < 10)
_NAMED = {"noon": 720, "midday": 720, "midnight": 0}
_NAMES = either(_NAMED)
_CLOCK = re.compile(
    r"\b(?:(?P<at>(?:(?:about|around|at|it's|for about|by about) )+|(?:(?<=\balarm )|(?<=\balarms )"
    r"|(?<=\bup )|(?<=\bme )|(?<=\bit )|(?<=\breminder )|(?<=\bset ))for )"
    r"|(?P<for>for|by|on|of) )?"
    rf"\b(?:(?:a )?(?P<amount>quarter|half|{_MINUTES})(?P<minutes> minutes?)? "
    rf"(?P<joint>past|after|to|till?|before) (?P<of>{_HOURS_12}|{_NAMES})(?P<full> o'clock)?"
    rf"|(?:twelve )?(?P<named>{_NAMES})"
    rf"|half (?P<half>{_HOURS_12})(?: o'clock)?"
    rf"|(?P<hundreds>{_HOURS_12}) hundred and (?P<rest>{_AFTER_HOUR})(?= [ap]m\b)"
    rf"|zero (?P<early>{_DIGIT}) (?P<digits>{_DIGIT} {_DIGIT})"
    rf"|(?P<hour>{_HOURS})(?:(?P<sharp> o'clock)|(?P<hundred> hundred)(?: hours)?"
    rf"| (?P<minute>{_AFTER_HOUR})| oh (?P<oh>{_DIGIT})| point (?P<point>{_DIGIT} {_DIGIT}))?)"
    rf"(?: (?P<ampm>am|pm))?(?: (?:sharp|exactly|precisely|on the dot))?(?![\w'])"
    rf"(?! (?:{either(BELOW_100)}|hundred|thousand|half|quarter|point|percent|{UNIT})(?![\w']))"
)
_VAGUE = re.compile(r"about|around|by")


def clocks(text: str, said: Said, *, bare: bool) -> str:
    """Take the times out of a text, and leave marks.

    Args:
        text: normalised words.
        said: what they say is added there.
        bare: whether a number alone is a time, as in an answer to "When?".
    """

    def read(found: re.Match[str]) -> str:
        clock = _clock(found, told=bare or bool(found["at"]))
        if clock is None:
            return found[0]
        said.put(clock=clock)
        if _VAGUE.search(found["at"] or found["for"] or ""):
            said.sure = False
        return TIME

    return _CLOCK.sub(read, text)


def _clock(found: re.Match[str], *, told: bool) -> Clock | None:
    """The time, unless it may as well be something else, since it was not ``told`` with "at"."""
    told = told or bool(found["ampm"])
    if found["named"]:
        return None if found["ampm"] else Clock(_NAMED[found["named"]])
    if found["amount"]:
        return _beside_hour(found, told=told)
    if found["half"]:  # "half eight" is half past eight in Britain, and half past seven elsewhere
        clock = _half_of_day(BELOW_100[found["half"]] % 12 * 60 + 30, found["ampm"])
        return Clock(clock.minute, clock.twelve, sure=False) if told else None
    if found["hundreds"]:  # "215 pm"
        minute = BELOW_100[found["hundreds"]] % 12 * 60 + BELOW_100[found["rest"]]
        return _half_of_day(minute, found["ampm"])
    if found["early"]:
        minute = _two_digits(found["digits"])
        return Clock(BELOW_100[found["early"]] * 60 + minute) if told and minute < 60 else None
    return _hour(found, told=told)


def _beside_hour(found: re.Match[str], *, told: bool) -> Clock | None:
    amount, before = found["amount"], found["joint"] not in ("past", "after")
    whole = {"quarter": 15, "half": 30}.get(amount) or BELOW_100[amount]
    clear = bool(found["minutes"]) or amount in ("quarter", "half")
    if before and (amount == "half" or not (clear or whole % 5 == 0)):
        return None  # "seven to eight" is rather a span
    if found["joint"] == "before" and not clear:
        return None
    if not (told or clear or found["full"] or found["joint"] == "past"):
        return None  # "take five to eight tablets"
    shift = -whole if before else whole
    if found["of"] in _NAMED:
        return Clock((_NAMED[found["of"]] + shift) % 1_440)
    return _half_of_day((BELOW_100[found["of"]] * 60 + shift) % 720, found["ampm"])


def _hour(found: re.Match[str], *, told: bool) -> Clock | None:
    hour, minute = BELOW_100[found["hour"]], 0
    if found["minute"]:
        minute, told = BELOW_100[found["minute"]], told or found["for"] in ("for", "by")
    elif found["oh"]:
        minute = BELOW_100[found["oh"]]
    elif found["point"]:
        minute = _two_digits(found["point"])
    elif found["hundred"]:
        told = told and (hour == 0 or hour > 12)
    elif not found["sharp"] and not 1 <= hour <= 12:
        return None
    if minute >= 60 or not (told or found["sharp"]):
        return None
    if 1 <= hour <= 12:
        return _half_of_day(hour % 12 * 60 + minute, found["ampm"])
    if found["ampm"] and (found["ampm"] == "pm") != (hour >= 12):
        return None
    return Clock(hour * 60 + minute)


def _half_of_day(minute: int, ampm: str | None) -> Clock:
    # Twelve "am" is midnight by the rule, and noon to many.
    is_sure = ampm != "am" or minute >= 60
    return Clock(minute + (720 if ampm == "pm" else 0), twelve=ampm is None, sure=is_sure)


def _two_digits(words: str) -> int:
    tens, ones = words.split()
    return 10 * BELOW_100[tens] + BELOW_100[ones]
