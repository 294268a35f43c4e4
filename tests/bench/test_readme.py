"""Every marked figure in a document is what its bench printed last."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import readme

FIGURES = {bench: each["figures"] for bench, each in readme.kept().items()}

TOY = {
    "demo": {"taught_50": {"words": 7.26}},
    "wait": {"rows": [{"median_ms": 1_240.0}], "span_s": 3.0},
    "readme": {"printed": "  you     hello"},
}


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: str(page.relative_to(readme.ROOT)))
def test_the_documents_say_what_was_printed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == readme.brought_up_to_date(text, FIGURES)
    assert len(re.findall(r"<!--\w+ [^>]*-->", text)) == len(readme.FIGURE.findall(text))


def test_there_are_figures_and_each_names_a_command_that_exists() -> None:
    first, *_ = readme.PAGES
    assert len(readme.FIGURE.findall(first.read_text(encoding="utf-8"))) >= 8
    for bench, each in readme.kept().items():
        assert f"bench.{bench}" in each["command"]
        assert (readme.ROOT / "bench" / f"{bench}.py").is_file()


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("9 %<!--demo taught_50/words-->", "7 %<!--demo taught_50/words-->"),
        ("**9.1**<!--demo taught_50/words-->", "**7.3**<!--demo taught_50/words-->"),
        ("9 s<!--wait rows/0/median_ms-->", "1 s<!--wait rows/0/median_ms-->"),
        ("9.0 s<!--wait rows/0/median_ms-->", "1.2 s<!--wait rows/0/median_ms-->"),
        ("9 ms<!--wait rows/0/median_ms-->", "1240 ms<!--wait rows/0/median_ms-->"),
        ("9 s<!--wait span_s-->", "3 s<!--wait span_s-->"),
        ("7.3 %<!--demo taught_50/words-->", "7.3 %<!--demo taught_50/words-->"),
        (
            f"{readme.BEGIN}old\n{readme.END}",
            (
                f'{readme.BEGIN}```\n$ make run ARGS="--input recordings"\n'
                f"  you     hello\n```\n{readme.END}"
            ),
        ),
    ],
)
def test_what_is_wrong_is_put_right(written: str, right: str) -> None:
    assert readme.brought_up_to_date(f"a {written} b", TOY) == f"a {right} b"


@pytest.mark.parametrize("place", ["nobody words", "demo taught_99/words"])
def test_a_figure_that_no_bench_printed_is_refused(place: str) -> None:
    with pytest.raises(KeyError):
        readme.brought_up_to_date(f"9 %<!--{place}-->", TOY)
