"""The pages' words, dates and lengths of time in the language of this machine, by default English.

A translation is one file, ``locale/LANGUAGE.po``, made from ``locale/attune.pot``, which
``pybabel extract -F assistant/web/locale/babel.cfg --no-location --omit-header --sort-output -o
assistant/web/locale/attune.pot assistant/web`` makes anew.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError, default_locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_day_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.units import format_unit

LOCALE = Path(__file__).parent / "locale"

NEAR_DAYS = 180
"""Further away, a date is told with its year."""


@cache
def locale() -> Locale:
    """Of the machine, if there are words in its language; else British English, as the voice's."""
    try:
        found = Locale.parse(default_locale("LC_MESSAGES") or "en_GB")
    except (UnknownLocaleError, ValueError):
        return Locale("en", "GB")
    is_known = found.language == "en" or (LOCALE / f"{found.language}.po").exists()
    return found if is_known and str(found) != "en_US_POSIX" else Locale("en", "GB")


@cache
def translation() -> gettext.NullTranslations:
    """The words."""
    path = LOCALE / f"{locale().language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as written, io.BytesIO() as compiled:
        write_mo(compiled, read_po(written))
        compiled.seek(0)
        return gettext.GNUTranslations(compiled)


def _(text: str) -> str:
    return translation().gettext(text)


def when(moment: datetime | str | float, now: datetime | None = None) -> str:
    """Such as "today 14:05", "tomorrow 08:00" or "Tuesday, 3 March 2026 08:00", in local time."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    elif isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment).astimezone()
    local = moment.astimezone()
    clock = format_time(local, "short", locale=locale())
    days = (local.date() - (now or datetime.now().astimezone()).date()).days
    near = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}
    if days in near:
        return f"{near[days]} {clock}"
    if abs(days) < NEAR_DAYS:
        return f"{format_skeleton('MMMMEEEEd', local, locale=locale())} {clock}"
    return f"{format_date(local, 'full', locale=locale())} {clock}"


def lasting(seconds: float) -> str:
    """Such as "3 minutes" or "2 days"."""
    if seconds < 60:
        return _("less than a minute")
    return format_timedelta(round(seconds), threshold=0.99, locale=locale())


def weekdays(days: Sequence[int]) -> str:
    """Such as "every day" or "Monday, Friday"; Monday is 0."""
    names = get_day_names("wide", locale=locale())
    return _("every day") if len(days) == len(names) else ", ".join(names[day] for day in days)


def day(text: str) -> str:
    """A date in words, from its ISO form."""
    return format_date(date.fromisoformat(text), "full", locale=locale())


def size(n_bytes: float) -> str:
    """Such as "12 MB"."""
    unit = "byte"
    for larger in ("kilobyte", "megabyte", "gigabyte"):
        if n_bytes < 1000:
            break
        n_bytes, unit = n_bytes / 1000, larger
    shown = round(n_bytes, 1 if unit == "gigabyte" else None)
    return format_unit(shown, f"digital-{unit}", "short", locale=locale())


def sure(confidence: float | None) -> str:
    """How sure it was, in words."""
    if confidence is None:
        return ""
    for least, word in ((0.85, _("sure")), (0.6, _("fairly sure")), (0.3, _("not sure"))):
        if confidence >= least:
            return word
    return _("hardly understood")


def deed(method: str) -> str:
    """What a helper has done with a control method, in words."""
    return {
        "admit": _("was let in"),
        "back_up": _("made a backup"),
        "call_by": _("recorded a wake word"),
        "change": _("changed reminders, lists or notes"),
        "choose": _("changed how Attune behaves"),
        "confirm": _("said that something was right"),
        "consent": _("kept something from being learned"),
        "correct": _("put something right"),
        "examine": _("had every part checked"),
        "enroll": _("kept a sentence that was read aloud"),
        "erase": _("erased something"),
        "forget_me": _("erased everything"),
        "add_calendar": _("added a calendar"),
        "invite": _("let another device in"),
        "keep": _("added to reminders, lists or notes"),
        "mute": _("switched the microphone off"),
        "promote": _("chose another version"),
        "put_back": _("took something back"),
        "quiet": _("asked for quiet, or no longer"),
        "restore": _("put a backup back"),
        "remove_calendar": _("removed a calendar"),
        "retrain": _("asked it to learn"),
        "rollback": _("went back to the version before"),
        "say": _("had something said aloud"),
        "shut_out": _("shut a device out"),
        "speak_so": _("changed the voice"),
        "stop": _("interrupted it"),
        "unmute": _("switched the microphone on"),
    }.get(method, method)
