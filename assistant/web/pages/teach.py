"""Sentences to read aloud, one at a time, to the device or into the helper's own."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from assistant.control.messages import Lesson
from assistant.errors import ControlError
from assistant.personalise.data.prompts import PROMPTS
from assistant.spoken import spoken_form
from assistant.web.visit import Visit, back

if TYPE_CHECKING:
    from starlette.responses import Response

LISTEN_S = 10.0
"""Longest wait for a sentence; then it is asked for again."""

PIECE = 45_000
"""Bytes of a recording in one call; even, so that no sample is cut."""

BYTES_PER_S = 32_000
"""Of a recording: 16 kHz, 16 bits."""

LONGEST = 1_000_000
"""Longest recording in bytes, with the form around it: it is never written to a file."""

ENOUGH = 12
"""Sentences after which it is said that this is enough for one day."""


def show(visit: Visit) -> Response:
    """The next sentence, and what came of the last."""
    done = set(visit.client.read_aloud())
    own = visit.query.get("own", "").strip()
    texts = [own] if own else [text for text in PROMPTS if spoken_form(text) not in done]
    behind = _count(visit.query.get("skip", ""))
    text = texts[behind % len(texts)] if texts else None
    return visit.page(
        "teach",
        text=text,
        own=own,
        behind=behind,
        read=len(done),
        of=len(PROMPTS),
        enough=ENOUGH,
        today=_count(visit.query.get("today", "")),
        heard=None,
        fault=None,
        by_form=False,
        recording="",
    )


def listen(visit: Visit) -> Response:
    """Wait until the sentence has been read to the device, and show how it went."""
    return _heard(visit, visit.client.lesson(LISTEN_S, _spoken(visit)))


def recorded(visit: Visit) -> Response:
    """Take the sentence as the helper's own device has recorded it, and show how it went."""
    text, sound = _spoken(visit), visit.sound
    pieces = [sound[begin : begin + PIECE] for begin in range(0, len(sound), PIECE)]
    lesson = None
    for place, piece in enumerate([*pieces, b""]):
        lesson = visit.client.hand_in(b64encode(piece).decode(), place, text)
    return _heard(visit, lesson)


def _heard(visit: Visit, lesson: Lesson | None) -> Response:
    form = visit.form
    seconds = 0.0 if lesson is None else lesson.voiced_s or len(visit.sound) / BYTES_PER_S
    return visit.page(
        "teach",
        text=form.get("text", ""),
        own=form.get("own", ""),
        behind=_count(form.get("behind", "")),
        read=len(visit.client.read_aloud()),
        of=len(PROMPTS),
        enough=ENOUGH,
        today=_count(form.get("today", "")),
        heard=seconds,
        by_form=bool(visit.sound),
        recording="" if lesson is None else b64encode(lesson.flac).decode(),
        fault="nothing was heard" if lesson is None else lesson.fault,
    )


def _spoken(visit: Visit) -> str:
    """The sentence as it is spoken, or ``ControlError``."""
    try:
        return spoken_form(visit.form.get("text", ""))
    except ValueError as error:
        raise ControlError(
            f"That cannot be learned: it contains {error}. Write it as it is spoken."
        ) from None


def keep(visit: Visit) -> Response:
    """Keep what was read last."""
    visit.client.enroll(_spoken(visit))
    return back("/teach", today=_count(visit.form.get("today", "")) + 1)


def say(visit: Visit) -> Response:
    """Say the sentence aloud, for who repeats rather than reads."""
    visit.client.say(visit.form.get("text", ""))
    again = {name: visit.form[name] for name in ("own", "today") if visit.form.get(name)}
    return back("/teach", skip=_count(visit.form.get("behind", "")), **again)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
