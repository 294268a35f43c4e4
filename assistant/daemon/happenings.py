"""Notices what happens in the household, for who is told of it outside of the daemon.

What is kept now is compared with what was kept a moment ago, so that it does not matter who changed
it: somebody who spoke, a command, the page, or time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from assistant.control.messages import Happening
from assistant.errors import JournalError
from assistant.household.agenda import Ring
from assistant.household.household import Household
from assistant.household.lists import Entry

LOOK_S = 1.0
"""Time between two looks."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is compared."""

    rings: dict[int, Ring]  # what rings, by its number
    entries: dict[int, Entry]  # what is on lists, by its number


class Happenings:
    """Looks between turns, in the answering thread.

    Args:
        household: what is kept.
        publish: tells clients, without waiting; from any thread.
        monotonic: a clock that never jumps.
    """

    def __init__(
        self,
        household: Household,
        publish: Callable[[Happening], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._household = household
        self._publish = publish
        self._monotonic = monotonic
        self._look_at = monotonic()
        # what was said before this process began has been told by the one before
        self._before = _Kept({}, {})
        with suppress(JournalError):
            said = {each.id: each for each in household.agenda.rings() if each.said}
            self._before = _Kept(said, _entries(household))
        if household.summons is not None:
            household.summons.asked = self.help_asked

    def help_asked(self, reason: str) -> None:
        """Tell at once that somebody calls for help, such as "fallen"."""
        self._tell("help_asked", words=(reason,))

    def look(self) -> None:
        """Tell what has happened since the last look, if that is due; called often."""
        if self._monotonic() < self._look_at:
            return
        self._look_at = self._monotonic() + LOOK_S
        with suppress(JournalError):  # then it is told once it can be read again
            self._compare()

    def _compare(self) -> None:
        household = self._household
        rings = household.agenda.tick(household.look())
        before, now = self._before, _Kept({each.id: each for each in rings}, _entries(household))
        over = [each for number, each in before.rings.items() if number not in now.rings]
        ended = self._ended(over) if over else []
        self._before = now
        for ring in now.rings.values():
            if ring.id not in before.rings:
                self._tell(f"{ring.kind.value}_due", (ring.item,), (ring.name,))
        for ring in ended:
            if ring.how is not None:
                self._tell(f"{ring.kind.value}_{ring.how.value}", (ring.item,), (ring.name,))
        for name, ids in _changed(before.entries, now.entries):
            self._tell("list_changed", ids, (name,))

    def _ended(self, rings: list[Ring]) -> list[Ring]:
        """How these ended; what has been erased is not among them."""
        numbers = {each.id for each in rings}
        since = min(each.due_at for each in rings)
        return [each for each in self._household.agenda.past(since) if each.id in numbers]

    def _tell(self, what: str, ids: tuple[int, ...] = (), words: tuple[str, ...] = ()) -> None:
        at = self._household.look().now
        named = tuple(each for each in words if each)
        self._publish(Happening(what=what, ids=ids, words=named, at=at))


def _entries(household: Household) -> dict[int, Entry]:
    return {each.id: each for each in household.lists.entries()}


def _changed(
    before: dict[int, Entry], now: dict[int, Entry]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Lists on which something has come or gone, with the numbers of that."""
    different = {each for each in before.keys() | now.keys() if before.get(each) != now.get(each)}
    lists: dict[str, list[int]] = {}
    for number in sorted(different):
        for name in {each[number].list for each in (before, now) if number in each}:
            lists.setdefault(name, []).append(number)
    for name, numbers in lists.items():
        yield name, tuple(numbers)
