from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.soak.ledger import Ledger


def test_what_has_passed_is_not_done_again_and_what_has_failed_is(tmp_path: Path) -> None:
    done: list[int] = []

    def live() -> dict[str, object]:
        done.append(len(done))
        if len(done) == 1:
            raise ValueError("no luck")
        return {"counts": {"kills": 5}}

    with pytest.raises(ValueError, match="no luck"):
        Ledger("kills", tmp_path).settle(7, live)
    assert list(Ledger("kills", tmp_path).summary())[1:] == ["  failed seeds: [7]"]
    for _ in range(2):
        Ledger("kills", tmp_path).settle(7, live)
    assert done == [0, 1]
    assert list(Ledger("kills", tmp_path).summary()) == [
        "kills: 1 seeds in 0 minutes, 0 failed",
        f"  {'kills':44} {5:5}",
    ]


def test_what_other_code_has_lived_through_does_not_count(tmp_path: Path) -> None:
    line = {"seed": 7, "code": "of old", "seconds": 1.0, "passed": True}
    (tmp_path / "kills.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert Ledger("kills", tmp_path).lines() == {}
