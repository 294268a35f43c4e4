from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from assistant.cli import main
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.values import EndReason
from tests.cli.house import ROOT, command
from tests.journal.exchanges import sound
from tests.sound import silent_environment

Run = Callable[..., tuple[int, list[str], list[str]]]
"""Exit status, lines of output, lines on standard error."""

LEARNED = "Attune learns from them when it is idle, or now with 'assistant retrain'."


@pytest.fixture
def run(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("ATTUNE_JOURNAL__PATH", str(path))

    def run(*words: object) -> tuple[int, list[str], list[str]]:
        status = main(["log", "import", *map(str, words)])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.splitlines()

    return run


def record(folder: Path, **texts: str) -> Path:
    """Recordings of 1.5 s, named and with texts as given."""
    folder.mkdir(exist_ok=True)
    for seed, (name, text) in enumerate(texts.items()):
        soundfile.write(folder / f"{name}.wav", sound(1.5, seed) * 0.9, 16_000)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_recordings_with_texts_are_taken_in_once(run: Run, path: Path, tmp_path: Path) -> None:
    corpus = record(tmp_path / "corpus", a="Hello.", b="Good night!", c="½ cup.")
    assert run(corpus) == (
        0,
        [
            "Imported: sentences 2, 0.1 minutes of speech.",
            "Left out: fractions or other signs for numbers 1.",
            LEARNED,
        ],
        [],
    )
    with Journal(path) as journal:
        second, first = journal.turns()
        assert (first.correction, first.taught) == ("hello", Taught.IMPORTED)
        assert (second.correction, second.source) == ("good night", str(corpus / "b.wav"))
        assert (first.seconds, first.end_reason) == (1.5, EndReason.STOP)
        assert (first.hypothesis, first.reply, first.consent) == (None, None, True)
        assert abs(journal.audio(first.id) - soundfile.read(corpus / "a.wav")[0]).max() < 1e-4
        journal.correct(first.id, "hello you")

    record(corpus, a="Hello.", b="Good night!", d="And you?")
    status, out, err = run(corpus)
    assert (status, err) == (0, [])
    assert out[:2] == [
        "Imported: sentences 1, 0.0 minutes of speech.",
        "Already there: sentences 2.",
    ]
    assert run(corpus)[1][0] == "Imported: sentences 0, 0.0 minutes of speech."
    with Journal(path) as journal:
        assert journal.count() == 3


def test_a_dry_run_shows_and_keeps_nothing(run: Run, path: Path, tmp_path: Path) -> None:
    corpus = record(tmp_path / "corpus", a="Hello.", b="Good night!")
    assert run(corpus, "--dry-run") == (
        0,
        [
            f"{corpus / 'a.wav'}: hello",
            f"{corpus / 'b.wav'}: good night",
            "Would import: sentences 2, 0.1 minutes of speech.",
        ],
        [],
    )
    with Journal(path) as journal:
        assert journal.count() == 0


def test_problems_are_told_and_the_rest_is_taken_in(run: Run, tmp_path: Path) -> None:
    corpus = record(tmp_path / "corpus", a="Hello.", b="Good night!")
    (corpus / "a.wav").write_bytes(b"no sound")
    (corpus / "c.wav").write_bytes((corpus / "b.wav").read_bytes())
    status, out, err = run(corpus)
    assert status == 0
    assert out[0].startswith("Imported: sentences 1,")
    assert out[1] == "To be fixed: problems 2."
    assert [line.split(": ")[:2] for line in err] == [
        ["assistant", str(corpus / "a.txt")],
        ["assistant", str(corpus / "c.wav")],
    ]
    (corpus / "b.txt").unlink()
    (corpus / "b.wav").unlink()
    status, out, err = run(record(tmp_path / "other", x="½ cup."))
    assert (status, err) == (0, [])
    assert out[1].startswith("Left out: ")
    (tmp_path / "other" / "x.txt").unlink()
    status, out, err = run(tmp_path / "other")
    assert (status, len(err)) == (1, 1)


def test_the_count_is_given_as_json(run: Run, tmp_path: Path) -> None:
    corpus = record(tmp_path / "corpus", a="Hello.", b="½ cup.")
    (corpus / "c.wav").write_bytes(b"no sound")
    status, (line,), err = run(corpus, "--json")
    assert (status, len(err)) == (0, 1)
    assert json.loads(line) == {
        "imported": 1,
        "already_there": 0,
        "seconds": 1.5,
        "skipped": {"fractions or other signs for numbers": 1},
        "problems": [
            {
                "where": str(corpus / "c.wav"),
                "why": "has no text: write what is said in it to c.txt",
            }
        ],
        "dry_run": False,
    }


def test_a_chosen_participant_is_taken_from_a_transcript(
    run: Run, path: Path, tmp_path: Path
) -> None:
    sounds = record(tmp_path / "sounds", visit="-")
    (tmp_path / "visit.cha").write_text(
        "@Begin\n*PAR:\tmorning . \x150_700\x15\n*INV:\tand to you . \x15700_1400\x15\n@End\n",
        encoding="utf-8",
    )
    words = (tmp_path / "visit.cha", "--participant", "INV", "--audio", sounds)
    assert run(*words)[0] == 0
    assert run(*words)[1][1] == "Already there: sentences 1."
    with Journal(path) as journal:
        (turn,) = journal.turns()
    assert (turn.correction, turn.seconds) == ("and to you", 0.8)
    assert turn.source == f"{sounds / 'visit.wav'}#700-1400"


def test_a_path_that_is_not_there_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    status, out, err = run(tmp_path / "gone")
    assert (status, out) == (1, [])
    assert err == [f"assistant: There is no {tmp_path / 'gone'}. Check the path."]


def test_a_name_that_is_not_utf_8_is_told(run: Run, tmp_path: Path) -> None:
    corpus = record(tmp_path / "corpus", a="Hello.", b="Good night!")
    for suffix in (".wav", ".txt"):
        (corpus / f"a{suffix}").rename(
            os.fsdecode(os.fsencode(corpus) + b"/\xe9" + suffix.encode())
        )
    status, out, (line,) = run(corpus)
    assert (status, out[0][:22]) == (0, "Imported: sentences 1,")
    assert line.endswith(r"\xe9.wav is not UTF-8. Rename it.")


def test_what_was_taken_in_before_ctrl_c_stays(path: Path, tmp_path: Path) -> None:
    corpus = record(tmp_path / "corpus", a="Hello.")
    soundfile.write(tmp_path / "long.flac", sound(19.0) * 0.9, 16_000)
    for number in range(300):
        (corpus / f"b{number}.flac").hardlink_to(tmp_path / "long.flac")
        (corpus / f"b{number}.txt").write_text("On and on.", encoding="utf-8")
    with subprocess.Popen(
        command("log", "import", corpus),
        cwd=ROOT,
        env=silent_environment(tmp_path / "silent") | {"ATTUNE_JOURNAL__PATH": str(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            with Journal(path) as journal:
                while journal.count() < 2:
                    assert process.poll() is None
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
        finally:
            process.kill()
    assert (process.returncode, err) == (130, "")
    with Journal(path) as journal:
        assert 2 <= journal.count() < 301
        assert out.startswith(f"Imported: sentences {journal.count()}, ")
