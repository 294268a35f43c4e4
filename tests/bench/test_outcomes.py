"""The table of what corrections brought."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.personalise.judging.score import Result
from bench.outcomes import Row, cell, draw, interval, row_of, show


def row(head: str, count: int, *wrong: int) -> Row:
    results = [Result(0.5, 0.5, each == 0, 4, each, 4, each) for each in wrong]
    return row_of("Ann", head, count, results)


def test_a_cell_has_its_measures_with_their_intervals() -> None:
    one = row("letters", 10, *[0] * 10, *[2] * 10)
    assert (one.word_error, one.success) == (0.25, 0.5)
    assert one.word_error_in[0] < 0.25 < one.word_error_in[1]
    assert cell(one, "success").startswith("50 (")
    assert row("letters", 10, 1, 1, 1).word_error_in == (0.25, 0.25)


def test_the_more_sentences_the_narrower_the_interval() -> None:
    few, many = (interval([(0, 4), (4, 4)] * count) for count in (4, 40))
    assert few[0] < many[0] < 0.5 < many[1] < few[1]


def test_long_sentences_count_by_their_words() -> None:
    low, high = interval([(0, 1), (9, 9)] * 50)
    assert low > 0.8
    assert high < 1


def test_the_table_and_the_picture_have_every_route(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(head, count, 4, 2, 0) for head in ("transcript", "Attune") for count in (0, 25)]
    show(rows)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line[:3] == "Ann"]
    assert [line[1] for line in lines] == ["transcript", "Attune"] * 2
    assert lines[0][2:4] == ["50", "(0-100)"]
    draw(rows, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG\r\n")
