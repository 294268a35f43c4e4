"""Check of what a household has set: calendars, its own sentences, and who is called for help."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from assistant.config import HouseholdSettings
from assistant.doctor.finding import Finding, fail, ok, warn
from assistant.doctor.subject import Subject
from assistant.errors import ConfigError
from assistant.household.calendars import Calendars
from assistant.household.clocks import look
from assistant.household.summons import is_local
from assistant.skills.grammar import grammar


def household(subject: Subject) -> Finding:
    """Whether the calendars can be read, and a call for help reaches somebody."""
    settings = subject.settings.household
    broken, lesser = [*_sentences(settings), *_unreachable(settings)], [*_unread(settings)]
    broken += _not_local(subject.settings.home.url, "home.url", "could not be asked for anything")
    if not settings.help_command and not settings.help_webhook:
        lesser.append("Nobody is called for help; set household.help_command.")
    if broken:
        return fail(" ".join(broken + lesser))
    if lesser:
        return warn(" ".join(lesser))
    return ok(f"A call for help is passed on, and calendars read: {len(settings.calendars)}.")


def _unread(settings: HouseholdSettings) -> Iterator[str]:
    for path in settings.calendars:
        if not path.exists():
            yield f"There is no calendar at {path}; put one there, or change household.calendars."
    notes: list[str] = []
    now = look().now
    Calendars(settings.calendars, notes.append).between(now, now + timedelta(days=1))
    yield from notes


def _sentences(settings: HouseholdSettings) -> Iterator[str]:
    try:
        for name in ("requests", "home"):
            grammar(name, "en", settings.sentences)
    except ConfigError as error:
        yield str(error)


def _unreachable(settings: HouseholdSettings) -> Iterator[str]:
    """Why a call for help would not arrive."""
    if settings.help_command and shutil.which(settings.help_command[0]) is None:
        yield (
            f"The program {settings.help_command[0]} is missing or may not be run, so nobody would "
            "be called for help; change household.help_command."
        )
    yield from _not_local(
        settings.help_webhook, "household.help_webhook", "could not be asked for help"
    )


def _not_local(address: str | None, setting: str, lost: str) -> Iterator[str]:
    """Why nothing would be sent to an address."""
    if address is None:
        return
    host = urlsplit(address).hostname or ""
    try:
        if not is_local(host):
            yield f"{host} is not in the local network, so it {lost}; change {setting}."
    except OSError:
        yield (
            f"No address is known of {host}, so it {lost}; change {setting}, or give the address "
            "in numbers."
        )
