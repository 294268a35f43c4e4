from __future__ import annotations

import pytest

from assistant.config import ServiceSettings
from assistant.daemon.health import Heartbeat, Signs, trouble
from assistant.daemon.microphone import Condition, Hearing

SETTINGS = ServiceSettings.model_validate({"deaf_s": 3, "stuck_s": 90})

NO_SOUND = "No sound has come from the microphone for 4 s."
NOT_OPEN = "The microphone has not opened for 91 s."
STUCK = "The current answer has made no progress for 91 s."


@pytest.mark.parametrize(
    ("condition", "frame_age_s", "answering_age_s", "expected"),
    [
        (Condition.LISTENING, 0, 0, None),
        (Condition.LISTENING, 3, 90, None),
        (Condition.LISTENING, 4, 0, NO_SOUND),
        (Condition.LISTENING, 0, 91, STUCK),
        (Condition.LISTENING, 4, 91, STUCK),
        (Condition.WAITING, 4, 0, None),
        (Condition.WAITING, 90, 0, None),
        (Condition.WAITING, 91, 0, NOT_OPEN),
        (Condition.WAITING, 0, 91, STUCK),
        (Condition.ABSENT, 1_000_000, 0, None),
        (Condition.ABSENT, 0, 91, STUCK),
        (Condition.MUTED, 1_000_000, 0, None),
        (Condition.MUTED, 0, 91, STUCK),
    ],
)
def test_what_is_wrong(
    condition: Condition, frame_age_s: float, answering_age_s: float, expected: str | None
) -> None:
    why = "There is no microphone." if condition is Condition.ABSENT else None
    signs = Signs(Hearing(condition, why, frame_age_s), answering_age_s)
    assert trouble(signs, SETTINGS) == expected


def test_a_heartbeat_ages_until_it_beats() -> None:
    now = 100.0
    heart = Heartbeat(lambda: now)
    assert heart.age_s == 0
    now = 107.0
    assert heart.age_s == 7
    heart.beat()
    assert heart.age_s == 0
