from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bench.paper import plots, published, report
from bench.paper.cells import Cell
from bench.paper.corpora import PRESETS
from bench.paper.efficiency import to_same_loss
from bench.paper.markdown import DASH, listed, number
from bench.paper.questions import variants, verdict
from bench.paper.rows import Rows, Setup, Spread
from tests.bench.measured import everything, point, row

PICTURES = ("fig5", "fig6", "fig7", "fig8", "questions", "speed")


def written(rows: list[dict[str, Any]]) -> str:
    return "\n".join(report.document(Rows(tuple(rows))))


def part(text: str, title: str) -> str:
    """A section or subsection, up to the next of its level or a higher one."""
    level = title.partition(" ")[0]
    _, _, rest = text.partition(f"{title}\n")
    ends = [rest.find(f"\n{'#' * depth} ") for depth in range(2, len(level) + 1)]
    return rest[: min((end for end in ends if end >= 0), default=len(rest))]


def cells(text: str, first: str) -> list[str]:
    """The cells of a table's line, by what stands in its first one."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def table_rows() -> list[dict[str, Any]]:
    return [each for each in everything() if each["cell"]["experiment"] == "table"]


@pytest.fixture(scope="module")
def text() -> str:
    return written(everything())


def test_the_report_and_its_pictures_are_written_and_copied(tmp_path: Path) -> None:
    out, copy = tmp_path / "out", tmp_path / "kept"
    report.write(everything(), out, copy)
    for folder in (out, copy):
        found = (folder / "REPORT.md").read_text(encoding="utf-8")
        assert sorted(path.stem for path in (folder / "figures").iterdir()) == sorted(PICTURES)
        for name in PICTURES:
            assert f"(figures/{name}.png)" in found
            assert (folder / "figures" / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_convergence_is_told_as_ratios_to_ours(text: str) -> None:
    table = part(part(text, "## 1. Convergence"), "### polish with starter")
    assert cells(table, "Ours")[2:6] == ["10", "1", "20", "1"]
    assert cells(table, "A1")[2:6] == ["300", "30", "1,200", "60"]
    assert cells(table, "A3")[2:6] == ["40", "4", "not reached", "> 75"]
    assert cells(table, "Attune, letters")[1:6] == ["400 steps", "5", "0.5", DASH, DASH]
    assert "cascade" not in table


def test_each_baseline_is_held_against_the_aim_and_the_papers_own_table(text: str) -> None:
    table = part(part(text, "## 1. Convergence"), "### Times as long as Ours, over all of these")
    paper = "21.6 (2.64 to 153)"  # of Table I's 25 pairs of A1
    assert cells(table, "A1") == ["30", "not met", "60", "met", paper]
    assert cells(table, "A2, LoRA")[:4] == ["60", "met", "> 75", "met"]
    assert cells(table, "A2, full")[:4] == ["52", "met", "50", "met"]
    assert cells(table, "A3")[:4] == ["4", "not met", "> 75", "met"]


def test_ratios_over_several_corpora_are_averaged_geometrically() -> None:
    rows = table_rows()
    for each in rows:
        if each["cell"]["corpus"] == "kathleen" and each["cell"]["method"] == "a1":
            each["course"]["settled"]["seconds"] *= 4
    table = part(written(rows), "### Times as long as Ours, over all of these")
    assert cells(table, "A1")[:2] == ["60 (30 to 120)", "met"]


def test_a_target_that_ours_never_came_to_gives_no_ratio() -> None:
    rows = [each for each in table_rows() if each["cell"]["corpus"] == "polish"]
    for each in rows:
        if each["cell"]["method"] == "ours":
            each["course"]["reached"] = None
    found = part(written(rows), "## 1. Convergence")
    table = part(found, "### Times as long as Ours, over all of these")
    assert cells(table, "A1")[2:4] == ["Ours never there", DASH]
    assert "Ours did not come to loss 0.05 on polish with starter and polish with small" in found


def test_a_bound_below_the_aim_leaves_it_open() -> None:
    rows = table_rows()
    for each in rows:
        if each["cell"]["method"] == "a3":
            each["course"]["points"][-1]["seconds"] = 200.0
    table = part(written(rows), "### Times as long as Ours, over all of these")
    assert cells(table, "A3")[2:4] == ["> 10", "open"]


def test_a_training_that_diverged_is_named_and_drawn(tmp_path: Path) -> None:
    rows = table_rows()
    for each in rows:
        if each["cell"]["method"] == "a2-full":
            each["course"]["points"][-1] = point(7, math.nan, 30.0)
    assert cells(written(rows), "A2, full")[1] == "7, diverged"
    plots.losses(Rows(tuple(rows)), tmp_path / "fig6.png")
    assert (tmp_path / "fig6.png").stat().st_size > 10_000


def test_energy_has_a_column_where_it_is_counted(text: str) -> None:
    rows = table_rows()
    for each in rows:
        if each["cell"]["method"] == "a1":
            for at in (*each["course"]["points"], each["course"]["settled"]):
                at["joules"] = 4_500.0
    found = written(rows)
    table = part(part(found, "## 1. Convergence"), "### polish with starter")
    assert (cells(table, "A1")[-1], cells(table, "Ours")[-1]) == ("4,500", DASH)
    assert "settled (J)" not in text
    assert "Energy:" in text
    assert "Energy:" not in found


def test_the_best_of_each_column_is_bold_and_slots_of_baselines_are_not_read(text: str) -> None:
    table = part(part(text, "## 2. Quality"), "### polish with starter")
    assert cells(table, "Attune, letters") == ["**0.900**", "**0.890**", "**0.450**", "**0.100**"]
    assert cells(table, "A1") == ["0.200", "0.190", "0.100", DASH]
    assert table.count("**") == 8


def test_a_head_that_is_ahead_is_said_to_be(text: str) -> None:
    found = part(part(text, "## 2. Quality"), "### polish with starter")
    assert "best head (letters, 0.900) beats every other row; the next is cascade (0.500)" in found
    assert "cascade wins" not in found


def test_the_cascade_is_said_to_win_where_it_does(text: str) -> None:
    found = part(text, "## 2. Quality")
    small = part(found, "### kathleen with small")
    assert cells(small, "cascade")[0] == "**0.950**"
    assert "best head (letters, 0.900) does not beat cascade (0.950)." in small
    assert "**The cascade wins here** by ROUGE-1, ROUGE-L, equal replies and token error." in small
    assert "beats every other row in 3 of 4" in found
    assert "highest ROUGE-1 in 1 of 4, and a higher one than Ours in 4 of 4" in found
    assert "Ours has 1.60 times the ROUGE-1 of the best of A1 to A3" in found


def test_the_gain_of_the_instruction_is_that_over_audio_alone(text: str) -> None:
    found = part(text, "## 3. Instruction injection")
    assert cells(found, "polish with small")[0::5] == ["0.450", "+50 %"]
    assert cells(found, "polish with starter")[:3] == [
        "0.460 ± 0.010",
        "0.210 ± 0.010",
        "0.310 ± 0.010",
    ]


def test_open_questions_are_answered_with_their_spread(text: str) -> None:
    found = part(text, "## 4. Open questions")
    positions = part(found, "### Positional encoding")
    assert cells(positions, "sinusoidal")[:2] == ["3", "0.210 ± 0.010"]
    assert "*none* is best by ROUGE-1, beyond the spread of the seeds." in positions
    slots = part(found, "### Slots (the casted token size T)")
    assert [line.split(" ")[1] for line in slots.splitlines() if line.startswith("| ")][1:] == [
        "10", "20", "30", "50", "100",
    ]  # fmt: skip
    assert "beyond the spread of the seeds only against *10*." in slots
    padding = part(found, "### Padding in the loss and in the prompt")
    assert cells(padding, "in the loss, in the prompt")[1] == "0.310 ± 0.010"
    assert cells(padding, "out of the loss, not in the prompt")[1] == "0.415 ± 0.010"
    order = part(found, "### Audio first or instruction first")
    assert cells(order, "audio first")[1] == "0.210 ± 0.010"
    weeks = part(found, "### Adaptation over weeks")
    assert cells(weeks, "Attune, letters, instruction kept")[4] == "0.710 ± 0.010"
    assert "Attune, letters: from 0.310 to 0.710; changed instructions make -0.020" in weeks


def test_one_seed_decides_nothing() -> None:
    setup = Setup("polish", "starter")
    rows = Rows(tuple(each for each in everything() if each["cell"]["seed"] == 0))
    assert "a single seed does not say" in verdict(variants(rows, "positions", setup))


def test_differences_within_the_spread_are_called_that() -> None:
    rows = [each for each in everything() if each["cell"]["value"] not in ("10", "sinusoidal")]
    found = variants(Rows(tuple(rows)), "slots", Setup("polish", "starter"))
    assert "within the spread of the seeds" in verdict(found)


def test_loops_are_compared_at_a_loss_that_all_come_to(text: str) -> None:
    found = part(text, "## 5. Speed of training")
    assert cells(found, "plain") == ["60", "3", "0.4200", "180", DASH]
    assert cells(found, "cached features")[3:] == ["18", "10"]
    assert cells(found, "in batches")[3:] == ["6", "3"]
    assert cells(found, "cached targets")[3:] == ["3", "2"]
    assert "**60 times faster**; aim of at least 20: met." in found
    assert "3 epochs would take 480 s, **160 times** as long as the last line" in found


def test_the_same_loss_is_the_highest_of_the_lowest() -> None:
    curves = {
        "slow": [point(1, 3.0, 10.0), point(2, 1.0, 20.0), point(3, 0.5, 30.0)],
        "fast": [point(1, 3.0, 1.0), point(2, 0.9, 2.0), point(3, 1.2, 3.0)],
    }
    found = to_same_loss(curves)
    assert {name: at["seconds"] for name, at in found.items()} == {"slow": 30.0, "fast": 2.0}


def test_a_loop_that_is_not_known_yet_is_named() -> None:
    rows = [each for each in everything() if each["cell"]["value"] != "plain"]
    found = part(written(rows), "## 5. Speed of training")
    assert "Not measured here: plain." in found
    assert "times faster" not in found


def test_encoders_stand_beside_the_papers(text: str) -> None:
    found = part(text, "## 6. Encoders")
    assert cells(found, "wav2vec2") == [
        "350", "458", "149 frames of 768", "trained", "0.02 after 1000 epochs",
    ]  # fmt: skip
    assert cells(found, "audioldm")[1:4] == ["> 3,500", "149 frames of 768", "random"]
    assert "Learning curves of whisper and audioldm in Fig. 5: random weights" in text


def test_the_tables_rows_are_the_largest_size(text: str) -> None:
    found = part(text, "## 7. Size of the data")
    assert cells(found, "A1") == ["0.050", "0.100", "0.200", "300", "300", "300"]


def test_costs_at_the_papers_sizes_are_told_as_ratios_to_ours(text: str) -> None:
    found = part(text, "## 8. Cost at the paper's sizes")
    assert cells(found, "Ours") == ["3,422,720", "0.02", "1", "600"]
    assert cells(found, "A1") == ["3,422,720", "2", "100", "600"]


def test_what_was_not_measured_is_one_line_with_its_command() -> None:
    found = written([each for each in everything() if each["cell"]["experiment"] == "speed"])
    for title, experiment in (
        ("1. Convergence", "table"),
        ("3. Instruction injection", "table"),
        ("4. Open questions", "positions slots padding weeks"),
        ("7. Size of the data", "sizes"),
    ):
        command = f"`python -m bench.paper --experiments {experiment}`"
        assert part(found, f"## {title}").strip() == f"Not measured: {command} does it."


def test_no_rows_at_all_still_give_a_report(tmp_path: Path) -> None:
    report.write([], tmp_path, None)
    assert "Nothing has been measured yet." in (tmp_path / "REPORT.md").read_text()
    assert list((tmp_path / "figures").iterdir()) == []


@pytest.mark.parametrize(
    ("corpus", "llm", "used", "command"),
    [
        ("polish", "starter", {}, "python -m bench.paper"),
        ("polish", "small", {"epochs": 50}, "python -m bench.paper --small --epochs 50"),
        ("polish", "starter", {"size": 8, "epochs": 2}, "python -m bench.paper --smoke"),
        (
            "kathleen",
            "big",
            {},
            "python -m bench.paper --data PATH --corpora kathleen --llm big=FILE.gguf",
        ),
        (
            "adress",
            "starter",
            {},
            "python -m bench.paper --corpora adress --corpus adress=FOLDER",
        ),
    ],
)
def test_the_command_is_told_from_the_rows(
    corpus: str, llm: str, used: dict[str, int], command: str
) -> None:
    of = {"epochs": 400, "size": 100, "unseen": 50, **used}
    rows = [row(Cell("table", corpus, llm, method), used=of) for method in ("ours", "a1")]
    assert f"- Command: `{command}`" in written(rows)


def test_what_was_measured_is_not_said_to_be_missing(text: str) -> None:
    assert "People: all speech here is simulated" not in text
    assert "StableLM-2-1.6B: measured here with starter and small." in text
    known = zip(PRESETS, published.LLMS, strict=True)
    rows = [row(Cell("table", corpus, llm, "ours")) for corpus, llm in known]
    found = part(written(rows), "## 9. Not reproduced, and why")
    assert "TalkBank" not in found
    assert "smaller LLM" not in found


def test_machines_are_named_by_processor_or_board() -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"
    assert report.processor(cpuinfo, "") == "Some CPU @ 2 GHz"
    assert report.processor("processor\t: 0\n", "Raspberry Pi 5\0") == "Raspberry Pi 5"
    assert report.processor("", "") == "unknown processor"


def test_brief_rows_have_no_curves_and_their_ends() -> None:
    found = report.brief(row(Cell("table", "polish", "starter", "a1")))
    assert found["course"]["points"] == [point(400, 0.2, 1_500.0)]
    assert found["course"]["settled"]["seconds"] == 300.0
    loop = report.brief(row(Cell("speed", "polish", "starter", "ours", value="plain")))
    assert loop["held_out"] == [point(5, 0.5, 300.0)]
    assert report.brief(row(Cell("table", "polish", "starter", "cascade")))["score"]
    assert json.loads(json.dumps(found)) == found


def test_brief_leaves_the_row_as_it_was() -> None:
    whole = row(Cell("table", "polish", "starter", "a1"))
    report.brief(whole)
    assert len(whole["course"]["points"]) == 3


def test_table_one_is_in_seconds() -> None:
    found = {(each.dataset, each.method, each.llm): each for each in published.PAPER}
    assert len(found) == 5 * 4 * 5
    assert found["ADReSS", "Ours", "Gemma-2-2B"].seconds == 97
    assert found["ADReSS", "Ours", "Llama-3.2-1B"].seconds == 1_110
    assert found["NEURAL", "A3", "StableLM-2-1.6B"].rouge1 == 0.061
    assert max(published.ratios("A1")) == pytest.approx(12_530 / 82)


def test_figures_have_three_digits_and_no_powers() -> None:
    assert [number(each) for each in (0.01234, 1.5, 99.94, 99.96, 12_345.6)] == [
        "0.0123", "1.5", "99.9", "100", "12,346",
    ]  # fmt: skip


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [listed(each) for each in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_spreads_are_those_of_samples() -> None:
    assert str(Spread.of([1.0, 2.0, 3.0])) == "2.000 ± 1.000"
    assert str(Spread.of([0.5])) == "0.500"
