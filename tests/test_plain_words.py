"""What a person is told needs no knowledge of how Attune is built."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from assistant.cli.shared.exchange import show, show_outline
from assistant.cli.shared.training import tell
from assistant.journal.store import Journal
from assistant.personalise.training.events import Judged
from assistant.values import Reply, Route, StopReason, Timings
from bench import demo
from tests.cli.house import ROOT, House
from tests.journal.exchanges import features, soft_prompt, utterance
from tests.plain_words import built

ASSISTANT = ROOT / "assistant"

TECHNICAL = (
    "bridge/kinds/ctc.py",  # 'bridge transfer'
    "bridge/kinds/kind.py",  # 'bridge transfer'
    "bridge/kinds/shared_tokens.py",  # 'bridge transfer'
    "catalog/hub.py",  # the hub's word for a password
    "cli/bridge/",
    "cli/models/",
    "cli/shared/verdict.py",  # the figures of --verbose
    "config/",  # 'config show'
    "doctor/",
    "nets/",
    "personalise/bridges/listing.py",  # 'bridge list'
    "personalise/training/transfer.py",  # 'bridge transfer'
)
"""Whatever prints what is written there is for those who look inside."""

SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE)\b")

VIEWS = {"_measured", "choices", "as_json", "register"}
"""Functions whose texts are for programs or for --verbose, or name what may be typed."""

STAGES = "_STAGES"
"""The names of the stages, which --verbose shows."""

SOURCES = [
    path
    for path in sorted(ASSISTANT.rglob("*.py"))
    if not str(path.relative_to(ASSISTANT)).startswith(TECHNICAL)
]


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The sentences in a module that may be printed, with their lines; no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    other: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            other.add(id(node.value))
        elif (isinstance(node, ast.FunctionDef) and node.name in VIEWS) or (
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == STAGES
        ):
            other |= {id(each) for each in ast.walk(node)}
    for node in ast.walk(tree):  # what is filled in is looked at where it is made
        if isinstance(node, ast.JoinedStr) and id(node) not in other:
            other |= {id(each) for each in node.values}
            whole = "".join(
                str(each.value) if isinstance(each, ast.Constant) else "_" for each in node.values
            )
            yield node.lineno, whole
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in other
        ):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_has_a_word_of_those_who_build_it(path: Path) -> None:
    for line, text in texts(path):
        if " " in text.strip() and not SQL.match(text):  # else a name, not something to read
            assert not built(text), f"{path.name}:{line}: {text}"


def test_what_run_says_of_a_recording_is_plain_unless_more_is_wished(house: House) -> None:
    """The house looks at what 'run' prints; here it has to have said something."""
    recording = min((ROOT / "models" / "starter" / "examples").glob("*.flac"))
    words = ("run", "--input", recording, "--database", house.folder / "plain.db")
    house = house.with_own_ears
    plain = house.run(*words)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert re.search(r"% sure, answered after \d+\.\d s$", plain.stdout, re.MULTILINE)
    assert "transcript route: encode " in house.run(*words, "--verbose").stdout


def test_an_exchange_is_shown_in_plain_words_unless_more_is_wished(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    turn_id = journal.hear(utterance())
    journal.transcribed(turn_id, features("what lime is it"))
    journal.answering(turn_id, llm="llm", route=Route.BRIDGE, prompt=soft_prompt())
    timings = Timings(endpoint=800, encode=500, prefill=100, first_token=900, first_audio=1_500)
    journal.answered(turn_id, Reply("Six.", Route.BRIDGE, StopReason.END_OF_TURN, timings))
    turn = journal.turn(turn_id)
    show(turn)
    show_outline(turn)
    plain = capsys.readouterr().out
    assert "88% sure, answered after 2.3 s\n" in plain
    assert f"Exchange {turn_id}: answered after 2.3 s.\n" in plain
    assert not built(plain)
    show(turn, verbose=True)
    assert "bridge route: encode 500, prefill 100, first token 900" in capsys.readouterr().out


@pytest.mark.parametrize("accepted", [True, False])
def test_a_verdict_is_told_in_plain_words(
    capsys: pytest.CaptureFixture[str], *, accepted: bool
) -> None:
    why = "of 14 test sentences it now gets 8 right; before, 3"
    tell(Judged("1a2b", accepted=accepted, why=why))
    told = capsys.readouterr().out
    assert "Of 14 test sentences it now gets 8 right; before, 3." in told
    assert not built(told)


def test_the_demonstration_is_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short one, which learns nothing to speak of."""
    few = {"held_out": 0.5, "replay": 4, "canaries": 1, "steps": 2, "threads": 1}
    flags = {f"personalise.{name}": value for name, value in few.items()}
    settings = demo.settings(tmp_path, flags)
    at = datetime(2026, 1, 5, 10, tzinfo=timezone.utc)  # so that enough become the test
    scene = demo.Scene(questions=1, unseen=1, taught=(0, 12), at=at)
    demo.demonstrate(settings, scene, tmp_path / "c.png")
    told = capsys.readouterr().out
    assert "Before:" in told
    assert "After 12 sentences:" in told
    assert re.search(r"^(Learned|Not good enough yet)\b", told, re.MULTILINE)
    assert "Understood word for word: " in told
    assert not built(told)


def test_the_first_half_of_the_readme_is_in_plain_words() -> None:
    """Everything before the part that is about models."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = text.partition("\n## Your own models\n")[0]
    assert len(first) > len(text) / 2
    assert not built(first)


@pytest.mark.parametrize(
    "word",
    ["bridge", "Bridges", "route", "prefill", "ROUGE-1", "held-out", "token", "transcript route"],
)
def test_such_a_word_is_found(word: str) -> None:
    assert built(f"Attune uses a {word} now.") == [f"Attune uses a {word} now."]
    assert not built(f"Type 'assistant {word}'.")
    assert not built("Set bridge.path, or run `assistant bridge list`.")
