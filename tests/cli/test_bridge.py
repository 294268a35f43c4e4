from __future__ import annotations

import argparse
import json
import math
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.bridge.checkpoint import Checkpoint, read
from assistant.cli.bridge import commands as bridge
from assistant.config import Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import (
    AttuneError,
    BridgeError,
    CheckpointError,
    DependencyError,
    MismatchError,
)
from assistant.generate.gguf import GGUFFile
from assistant.journal.lineage import CurvePoint, Lineage
from assistant.journal.store import Journal
from assistant.nets.calibration import LETTERS
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.values import SpeechFeatures, Transcript
from tests.bridge.tables import ENCODER, checkpoint, config
from tests.cli.house import House
from tests.encode import tiny
from tests.journal.exchanges import utterance

Run = Callable[..., list[str]]
Told = Callable[..., tuple[int, list[str], list[str]]]
"""Exit status, lines of output, lines on standard error."""

CURVE = (
    CurvePoint(0, 0.0, math.nan, 2.5),
    CurvePoint(20, 1.5, 2.0, 1.25),
    CurvePoint(40, 3.0, 1.0, 1.5),
)
NUMBERS = {
    "held_out": 12,
    "canaries": 40,
    "transcript_rouge1": 0.31,
    "transcript_right": 0.25,
    "transcript_rougeL": 0.3,
    "transcript_equal": 0.2,
    "transcript_word_error": 0.55,
    "before_rouge1": 0.42,
    "before_right": 0.25,
    "before_rougeL": 0.4,
    "before_equal": 0.3,
    "before_word_error": 0.5,
    "after_rouge1": 0.71,
    "after_right": 0.75,
    "after_rougeL": 0.7,
    "after_equal": 0.6,
    "after_word_error": 0.24,
    "canary_before_rouge1": 0.9,
    "canary_before_word_error": 0.1,
    "canary_after_rouge1": 0.91,
    "canary_after_word_error": 0.09,
}

SURE = f"{LETTERS([1.0] * 3):.2f}"
"""Of three tokens without a doubt."""


@pytest.fixture
def settings(tmp_path: Path, house: House) -> Settings:
    """Of a house whose base bridge is a file of the test's own."""
    base = tmp_path / "base.safetensors"
    checkpoint(seed=100, accepted=True, provenance={"recipe": "by hand"}).write(base)
    flags = {"journal.path": tmp_path / "data" / "journal.db", "bridge.path": base, "route": "auto"}
    return load(flags, environ=house.settings, files=()).settings


@pytest.fixture
def folder(settings: Settings) -> BridgeFolder:
    return BridgeFolder(settings.bridges)


@pytest.fixture
def told(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a bridge command."""

    def told(*words: object, settings: Settings = settings) -> tuple[int, list[str], list[str]]:
        parser = argparse.ArgumentParser()
        bridge.register(parser.add_subparsers())
        args = parser.parse_args(["bridge", *map(str, words)])
        status = args.run(args, settings, None)
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.splitlines()

    return told


@pytest.fixture
def run(told: Told) -> Run:
    """Run a bridge command that must succeed and give the lines it prints."""

    def run(*words: object) -> list[str]:
        status, out, err = told(*words)
        assert (status, err) == (0, [])
        return out

    return run


def trained(
    settings: Settings,
    found: Checkpoint,
    *,
    accepted: bool | None = True,
    keep: bool = True,
    turns: int = 3,
) -> str:
    """A bridge that was trained here on some exchanges, judged, and promoted if accepted."""
    folder = BridgeFolder(settings.bridges)
    with Journal.open(settings.journal) as journal:
        ids = [journal.typed("hello") for _ in range(turns)]
        lineage = Lineage(journal)
        record = lineage.trained(found.version, "ctc", "base", [1, *ids], CURVE)
        if accepted is not None:
            why = "replies got better" if accepted else "common talk suffers"
            lineage.judged(record, {"why": why, **NUMBERS}, accepted=accepted)
    if keep:
        folder.add(found)
        if accepted:
            folder.promote(found.version)
    return found.version


def learned(seed: int, *, accepted: bool = True) -> Checkpoint:
    return checkpoint(seed=seed, accepted=accepted)


def base_version(settings: Settings) -> str:
    assert settings.bridge.path is not None
    return read(settings.bridge.path).version


def test_before_anything_is_learned_there_is_the_base(run: Run, settings: Settings) -> None:
    head, row, _, *note = run("list")
    assert head.split() == [
        "VERSION", "TRAINED", "HEAD", "EXAMPLES", "UNDERSTOOD", "VERDICT",
    ]  # fmt: skip
    assert row.split() == ["*", base_version(settings), "bridgeformer", "base"]
    assert " ".join(note).startswith("Nothing has been learned yet. 'assistant enroll'")
    (line,) = run("list", "--json")
    assert json.loads(line) == {
        "version": base_version(settings), "head": "bridgeformer", "standing": "base",
        "answers": True, "file": str(settings.bridge.path), "created_at": None, "start": None,
        "examples": None, "accepted": None, "verdict": None, "erased_at": None,
    }  # fmt: skip


def test_a_list_tells_how_each_bridge_did(
    run: Run, settings: Settings, folder: BridgeFolder
) -> None:
    first = trained(settings, learned(1))
    erased = trained(settings, learned(2), keep=False)
    with Journal.open(settings.journal) as journal:
        Lineage(journal).erased(erased)
    rejected = trained(settings, learned(3), accepted=False, keep=False, turns=5)
    gone = trained(settings, learned(4), keep=False)
    unjudged = trained(settings, learned(5), accepted=None)
    strange = folder.add(checkpoint(config(kind="linear"), accepted=True))
    _, *rows = run("list")
    words = [row.split() for row in rows[:7]]
    assert [row[0] for row in words[1:2] + words[3:4]] == [gone, erased]
    scores = "3 → 9 of 12".split()
    assert words[0] == [unjudged, *words[0][1:3], "ctc", "4", "not", "judged"]
    assert words[1] == [gone, *words[1][1:3], "ctc", "4", *scores, "file", "is", "gone"]
    assert words[2] == [rejected, *words[2][1:3], "ctc", "6", *scores, "rejected"]
    assert words[3][-1] == "erased"
    assert words[4] == ["*", first, *words[4][2:4], "ctc", "3", *scores, "accepted"]
    assert words[5] == [strange, "linear", "accepted"]
    assert words[6] == [base_version(settings), "bridgeformer", "base"]
    assert max(map(len, rows)) <= 100
    assert rows[8].startswith("* in use. ")
    records = [json.loads(line) for line in run("list", "--json")]
    assert [record["standing"] for record in records] == [
        "not judged", "file is gone", "rejected", "erased", "accepted", "accepted", "base",
    ]  # fmt: skip
    assert [record["version"] for record in records if record["answers"]] == [first]
    assert records[2]["verdict"] == {"why": "common talk suffers", **NUMBERS}


def test_a_list_survives_damage_and_tells_of_it(
    told: Told, settings: Settings, folder: BridgeFolder
) -> None:
    trained(settings, learned(1))
    strange = folder.add(learned(2))
    folder.path(strange).write_bytes(b"no bridge")
    assert settings.bridge.path is not None
    settings.bridge.path.write_bytes(b"no bridge")
    folder.state.write_text("no versions")
    status, (_, *rows), (error,) = told("list")
    assert status == 1
    assert [row.split()[-1] for row in rows[:3]] == ["accepted", "damaged", "damaged"]
    assert not any(row.startswith("*") for row in rows[:3])
    assert "'assistant bridge promote ID'" in error


def test_a_list_tells_when_no_bridge_is_used(told: Told, settings: Settings) -> None:
    _, out, _ = told("list", settings=settings.model_copy(update={"route": "transcript"}))
    assert out[-1] == "No bridge is used, because the setting 'route' is \"transcript\"."


def test_show_tells_everything(run: Run, settings: Settings, folder: BridgeFolder) -> None:
    version = trained(settings, learned(1), turns=3)
    lines = run("show", version[:4])
    shown = dict(re.split(r" {2,}", line, maxsplit=1) for line in lines[: lines.index("")])
    assert shown.pop("trained").endswith(", from base")
    assert shown == {
        "version": f"{version}, in use",
        "head": "ctc",
        "standing": "accepted",
        "why": "replies got better",
        "examples": "3: 1-3",
        "curve": "40 steps in 3 s, loss 1 at the end",
        "held out": "loss 2.5 at first, lowest 1.25 after 20 steps",
        "judged by": "12 held-out exchanges, 40 of common talk",
        "file": str(folder.path(version)),
        "encoder": ENCODER,
        "embeddings": "table-1",
    }
    head, *rows = lines[lines.index("") + 1 :]
    assert re.split(r" {2,}", head.strip()) == [
        "RIGHT", "WORD ERROR", "ROUGE-1", "ROUGE-L", "EQUAL REPLIES",
    ]  # fmt: skip
    cells = [re.split(r" {2,}", row) for row in rows]
    assert cells == [
        ["plain transcription", "0.25", "0.55", "0.31", "0.30", "0.20"],
        ["the previous bridge", "0.25", "0.50", "0.42", "0.40", "0.30"],
        ["this bridge", "0.75", "0.24", "0.71", "0.70", "0.60"],
        ["common talk, before", "0.10", "0.90"],
        ["common talk, after", "0.09", "0.91"],
    ]


def test_show_as_json_has_the_curve(run: Run, settings: Settings) -> None:
    version = trained(settings, learned(1))
    (line,) = run("show", version, "--json")
    record = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert record["curve"] == [
        {"step": 0, "seconds": 0.0, "loss": None, "held_out": 2.5},
        {"step": 20, "seconds": 1.5, "loss": 2.0, "held_out": 1.25},
        {"step": 40, "seconds": 3.0, "loss": 1.0, "held_out": 1.5},
    ]
    assert (record["encoder"], record["table"], record["start"]) == (ENCODER, "table-1", "base")
    assert record["examples"] == [1, 2, 3]


def test_show_tells_where_the_base_comes_from(run: Run, settings: Settings) -> None:
    for name in ("base", base_version(settings)):
        shown = dict(line.split(maxsplit=1) for line in run("show", name))
        assert shown["recipe"] == "by hand"
        assert shown["version"] == f"{base_version(settings)}, in use"


def test_show_tells_of_erased_and_damaged_ones(
    run: Run, settings: Settings, folder: BridgeFolder
) -> None:
    version = trained(settings, learned(1))
    folder.path(version).write_bytes(b"no bridge")
    assert f"file        {folder.path(version)} (damaged)" in run("show", version)
    folder.destroy(version)
    with Journal.open(settings.journal) as journal:
        Lineage(journal).erased(version)
    names = [line.partition(" ")[0] for line in run("show", version)]
    assert "erased" in names
    assert "file" not in names


@pytest.mark.parametrize("command", ["show", "promote", "inspect"])
def test_an_unknown_bridge_is_named(command: str, run: Run, settings: Settings) -> None:
    with pytest.raises(CheckpointError, match=r"no bridge 'x'\. 'assistant bridge list'"):
        run(command, "x")
    versions = [trained(settings, learned(seed), keep=False) for seed in range(20)]
    first = next(v[0] for v in versions if sum(w[0] == v[0] for w in versions) > 1)
    with pytest.raises(CheckpointError, match=f"More than one bridge begins with {first}: "):
        run(command, first)
    with pytest.raises(CheckpointError, match="no bridge ''"):
        run(command, "")


def test_rollback_says_who_answers_now(run: Run, settings: Settings, folder: BridgeFolder) -> None:
    first, second = (trained(settings, learned(seed)) for seed in (1, 2))
    assert folder.current == second
    assert run("rollback") == [f"Bridge {first} is in use again from the next turn on."]
    assert folder.current == first
    assert run("rollback") == ["The base bridge is in use again from the next turn on."]
    assert folder.current is None
    with pytest.raises(CheckpointError, match="nothing to go back to"):
        run("rollback")


def speaking(settings: Settings, letter: str, *, accepted: bool = False) -> Checkpoint:
    """A bridge for the house's models that hears a letter in each of its three slots."""
    gguf = GGUFFile(settings.generate.path)
    row = torch.as_tensor(gguf.rows([ord(letter)])[0])
    sizes = config(kind="linear", encoder_dim=tiny.HIDDEN, llm_dim=gguf.embedding_length)
    return checkpoint(
        sizes,
        encoder=Wav2Vec2Encoder(settings.encode).fingerprint,
        table=gguf.embedding_fingerprint,
        token_ids=np.arange(256),
        weights={"body.weight": torch.outer(row, torch.zeros(tiny.HIDDEN)), "body.bias": row},
        accepted=accepted,
    )


def test_promote_takes_a_bridge_by_its_first_letters(
    run: Run, settings: Settings, folder: BridgeFolder
) -> None:
    a = trained(settings, speaking(settings, "a", accepted=True))
    b = trained(settings, speaking(settings, "b", accepted=True))
    assert folder.current == b
    assert run("promote", a[:6]) == [f"Bridge {a} is in use from the next turn on."]
    assert folder.current == a
    folder.state.write_text("no versions")
    run("promote", b)
    assert folder.current == b


def test_promote_refuses_what_was_not_accepted_unless_forced(
    run: Run, settings: Settings, folder: BridgeFolder
) -> None:
    rejected = trained(settings, speaking(settings, "a"), accepted=False)
    unjudged = trained(settings, speaking(settings, "b"), accepted=None)
    with pytest.raises(
        BridgeError, match=rf"rejected bridge {rejected}: common talk suffers\. .*--force"
    ):
        run("promote", rejected)
    with pytest.raises(BridgeError, match=rf"{unjudged} has not been judged .*--force"):
        run("promote", unjudged)
    assert folder.current is None
    for version in (rejected, unjudged):
        run("promote", version, "--force")
        assert folder.current == version
        assert folder.read(version).accepted is True
        assert stat.S_IMODE(folder.path(version).stat().st_mode) == 0o600


def test_promote_refuses_what_cannot_answer(
    run: Run, settings: Settings, folder: BridgeFolder
) -> None:
    with pytest.raises(BridgeError, match=r"The base bridge is used when .*'assistant bridge roll"):
        run("promote", "base", "--force")
    foreign = trained(settings, learned(1))
    folder.rollback()
    with pytest.raises(MismatchError, match=r"another speech encoder .*'assistant retrain --from"):
        run("promote", foreign, "--force")
    folder.path(foreign).write_bytes(b"no bridge")
    with pytest.raises(CheckpointError, match=r"is damaged.*'assistant bridge list'"):
        run("promote", foreign)
    folder.destroy(foreign)
    with pytest.raises(BridgeError, match=r"is missing.*'assistant bridge list'"):
        run("promote", foreign)
    with Journal.open(settings.journal) as journal:
        Lineage(journal).erased(foreign)
    with pytest.raises(BridgeError, match=r"was erased.*cannot be restored\. 'assistant retrain'"):
        run("promote", foreign, "--force")
    assert folder.current is None


def test_inspect_tells_the_singular_values(run: Run, settings: Settings) -> None:
    version = trained(settings, checkpoint(config(kind="linear"), seed=1))
    gone = trained(settings, learned(2), keep=False)
    of_ours, of_base = run("inspect")
    assert of_ours == f"{version} (ctc), accepted: replies got better."
    assert of_base == f"{base_version(settings)} (bridgeformer), base."
    lines = run("inspect", "--verbose")
    assert lines[:2] == [of_ours, of_base]
    assert lines[2:4] == ["", version]
    assert any(line.split()[-3:] == ["0.50", "0.24", "0.55"] for line in lines)
    head, ours, base, _, legend = lines[-5:]
    assert head.split() == [
        "VERSION", "HEAD", "MATRIX", "SIZE", "RANK", "CONDITION", "FIRST", "8",
    ]  # fmt: skip
    assert ours.split()[:7] == [version, "ctc", "body.weight", "4", "x", "6", "4"]
    assert base.split()[:3] == [base_version(settings), "bridgeformer", "output.2.weight"]
    assert legend.startswith("FIRST 8: share ")
    (line,) = run("inspect", version[:5], gone, "--json")
    found = json.loads(line)
    weights = checkpoint(config(kind="linear"), seed=1).weights["body.weight"].numpy()
    wanted = np.linalg.svd(weights, compute_uv=False)
    np.testing.assert_allclose(found["singular_values"], wanted, rtol=1e-5)
    assert found["condition"] == pytest.approx(wanted[0] / wanted[-1], rel=1e-4)
    assert (found["rank"], found["shape"], found["energy_first_8"]) == (4, [4, 6], 1.0)


def test_inspect_reads_an_exchange_with_each_bridge(run: Run, settings: Settings) -> None:
    a, b = (trained(settings, speaking(settings, letter, accepted=True)) for letter in "ab")
    with Journal.open(settings.journal) as journal:
        heard = journal.hear(utterance())
        typed = journal.typed("aaa")
        journal.correct(heard, "bbb")
    lines = run("inspect", a, b, "--turn", heard)
    lines = lines[lines.index(f"exchange    {heard}") :]
    transcript = Wav2Vec2Encoder(settings.encode).encode(utterance()).transcript.text
    assert transcript
    assert lines[1:3] == [f"transcript  {transcript}", "correction  bbb"]
    assert [line.split() for line in lines[4:]] == [
        ["VERSION", "SURE", "HEARD"],
        [b, SURE, "bbb"],
        [a, SURE, "aaa"],
    ]
    with pytest.raises(AttuneError, match="was typed"):
        run("inspect", a, "--turn", typed)
    fingerprint = speaking(settings, "a").encoder
    frames = np.zeros((4, tiny.HIDDEN), np.float32)
    with Journal.open(settings.journal) as journal:  # kept features need no recording
        journal.keep_features(
            typed, SpeechFeatures(frames, 50.0, Transcript("aaa", 1.0), fingerprint)
        )
    (line,) = run("inspect", a, "--turn", typed, "--json")
    found = json.loads(line)
    assert (found["turn"], found["transcript"], found["heard"]) == (typed, "aaa", "aaa")
    assert found["rank"] == 0
    assert found["condition"] is None


def test_inspect_tells_of_those_that_cannot_be_read(
    told: Told, settings: Settings, folder: BridgeFolder
) -> None:
    ours = trained(settings, speaking(settings, "a", accepted=True))
    damaged = trained(settings, learned(2))
    folder.path(damaged).write_bytes(b"no bridge")
    with Journal.open(settings.journal) as journal:
        turn = journal.hear(utterance())
    status, out, (first, second) = told("inspect", "--turn", turn)
    assert status == 1
    assert out[-1].split() == [ours, SURE, "aaa"]
    assert f"The file of version {damaged} is damaged." in first
    assert f"Bridge {base_version(settings)} cannot read exchanges here." in second
    with pytest.raises(AttuneError, match="There is no exchange 99"):
        told("inspect", "--turn", "99")


def test_inspect_draws_a_picture(run: Run, settings: Settings, tmp_path: Path) -> None:
    versions = [trained(settings, learned(seed)) for seed in range(3)]
    trained(settings, learned(3), accepted=None)
    picture = tmp_path / "picture.png"
    assert run("inspect", "--png", picture)[-1] == f"The plot is now in {picture}."
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (1300, 450)
    run("inspect", versions[0], "--png", picture)
    assert picture.read_bytes() != content
    with pytest.raises(AttuneError, match=r"Cannot write the plot to .* Give --png"):
        run("inspect", "--png", tmp_path)
    with pytest.raises(BridgeError, match=r"nothing to draw\. 'assistant retrain'"):
        run("inspect", "base", "--png", picture)


def test_without_matplotlib_there_is_no_picture(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(settings, learned(0))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DependencyError, match=r"not installed\. Run 'pip install matplotlib', or"):
        run("inspect", "--png", tmp_path / "picture.png")
    assert list(tmp_path.glob("*.png")) == []


@pytest.mark.parametrize("words", [(), ("show",), ("promote",), ("inspect", "--turn", "0")])
def test_what_is_no_command_is_refused(words: tuple[str, ...], run: Run) -> None:
    with pytest.raises(SystemExit):
        run(*words)
