from __future__ import annotations

from datetime import timedelta

import pytest

from assistant.config import JournalSettings
from assistant.journal.retention import MEGABYTE, StoredTurn, expired
from assistant.journal.turn import stamp
from tests.journal.archives import NOW


def kept(strip: str) -> list[StoredTurn]:
    """One exchange of 1 MB per character, a day apart, the last one now: T taught, . not."""
    return [
        StoredTurn(
            number, stamp(NOW - timedelta(days=len(strip) - number)), MEGABYTE, taught=char == "T"
        )
        for number, char in enumerate(strip, 1)
    ]


def gone(strip: str, days: int = 0, megabytes: int = 0, *, spare: bool = True) -> str:
    """The strip with what is to be erased struck out."""
    settings = JournalSettings.model_validate(
        {"keep_days": days, "keep_mb": megabytes, "keep_taught": spare}
    )
    ids = expired(kept(strip), settings, NOW)
    assert ids == sorted(ids)
    return "".join("x" if number in ids else char for number, char in enumerate(strip, 1))


@pytest.mark.parametrize(
    ("days", "megabytes", "spare", "strip", "left"),
    [
        (0, 0, True, "..T.....", "..T....."),
        (0, 0, True, "", ""),
        (3, 5, True, "", ""),
        (3, 0, True, "........", "xxxx...."),
        (3, 0, True, "T..T....", "TxxT...."),
        (3, 0, False, "T..T....", "xxxx...."),
        (99, 0, True, "........", "........"),
        (10**9, 0, True, "........", "........"),
        (0, 8, True, "........", "........"),
        (0, 5, True, "........", "xxx....."),
        (0, 5, True, "T..T....", "TxxTx..."),
        (0, 5, False, "T..T....", "xxxT...."),
        (0, 2, True, "TTTTT...", "TTTTTxx."),
        (0, 1, True, "........", "xxxxxxx."),
        (5, 3, True, "........", "xxxxx..."),
        (2, 6, True, "........", "xxxxx..."),
    ],
)
def test_the_oldest_go_first_and_the_newest_stays(
    days: int,
    megabytes: int,
    spare: bool,  # noqa: FBT001 - pytest gives it by name
    strip: str,
    left: str,
) -> None:
    assert gone(strip, days, megabytes, spare=spare) == left


def test_age_counts_from_the_moment_of_speech_whatever_the_number() -> None:
    imported_late = StoredTurn(9, stamp(NOW - timedelta(days=400)), 1, taught=False)
    fresh = StoredTurn(8, stamp(NOW), 1, taught=False)
    newest = StoredTurn(10, stamp(NOW), 1, taught=False)
    settings = JournalSettings.model_validate({"keep_days": 30})
    assert expired([fresh, imported_late, newest], settings, NOW) == [9]
