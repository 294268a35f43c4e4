"""How well it understands: what it has learned, when, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response

    from assistant.control.messages import Record

WIDTH, HEIGHT = 320, 120
"""Of the picture, in its own units."""


@dataclass(frozen=True, slots=True)
class Point:
    """One judged version in the picture."""

    x: float
    y: float
    right: int  # sentences of the test that it gets right
    before: int
    of: int


def show(visit: Visit) -> Response:
    """What was learned, newest first, with a picture of the learned versions that were judged."""
    versions = visit.client.bridges()
    return visit.page(
        "learning",
        status=visit.client.status(),
        versions=versions,
        points=points(versions),
        width=WIDTH,
        height=HEIGHT,
    )


def points(versions: list[Record]) -> list[Point]:
    """Accepted versions, oldest first: how many sentences of the test each gets right."""
    judged = [figures for each in reversed(versions) if (figures := _measured(each)) is not None]
    step = WIDTH / max(1, len(judged))
    return [
        Point(
            x=step * (place + 0.5),
            y=HEIGHT * (1 - after),
            right=round(after * of),
            before=round(before * of),
            of=round(of),
        )
        for place, (of, before, after) in enumerate(judged)
    ]


def _measured(version: Record) -> tuple[float, float, float] | None:
    """Sentences of the test, and the shares of them that were right before and after."""
    verdict: dict[str, object] = version["verdict"] or {}
    found = [verdict.get(name) for name in ("held_out", "before_right", "after_right")]
    numbers = [float(each) for each in found if isinstance(each, int | float)]
    if not version["accepted"] or len(numbers) != len(found):
        return None
    return numbers[0], numbers[1], numbers[2]


def learn(visit: Visit) -> Response:
    """Learn as soon as there is room for it."""
    visit.client.retrain()
    return back("/learning", done="learn")


def go_back(visit: Visit) -> Response:
    """Use the version before."""
    visit.client.rollback()
    return back("/learning", done="back")


def use(visit: Visit) -> Response:
    """Use another version."""
    visit.client.promote(visit.form.get("version") or None)
    return back("/learning", done="use")
