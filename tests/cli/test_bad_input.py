"""Whatever goes wrong, a person reads one sentence."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds import build
from assistant.journal.store import Journal
from assistant.nets.projector_config import ProjectorConfig
from tests.cli.house import ANSWER, ROOT, TIMEOUT_S, House, command


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines that tell of failures; there must be no traceback beside them."""
    assert "Traceback" not in done.stdout + done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("assistant: ")]


def noise(path: Path, seconds: float, rate: int = 16_000) -> Path:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * rate))
    soundfile.write(path, samples, rate)
    return path


@dataclass(frozen=True)
class Bad:
    """What a person gives, and what must be said about it."""

    words: tuple[str, ...]
    told: str
    settings: Callable[[House, Path], dict[str, str]] = lambda _house, _folder: {}


def _truncated_model(house: House, folder: Path) -> dict[str, str]:
    whole = Path(house.settings["ATTUNE_GENERATE__PATH"]).read_bytes()
    (folder / "half.gguf").write_bytes(whole[: len(whole) // 2])
    return {"ATTUNE_GENERATE__PATH": str(folder / "half.gguf")}


def _bridge_of_another(_house: House, folder: Path) -> dict[str, str]:
    sizes = ProjectorConfig(kind="linear", encoder_dim=4, llm_dim=4)
    tokens = np.arange(3)
    weights = build(sizes).state_dict()
    bridge = Checkpoint(sizes, "another", "table", tokens, 0, weights)
    bridge.write(folder / "bridge.safetensors", torch.float16)
    return {"ATTUNE_BRIDGE__PATH": str(folder / "bridge.safetensors"), "ATTUNE_ROUTE": "bridge"}


def _file_in_the_way(_house: House, folder: Path) -> dict[str, str]:
    (folder / "file").write_text("in the way", encoding="utf-8")
    return {"ATTUNE_JOURNAL__PATH": str(folder / "file" / "journal.db")}


def _cramped(folder: Path) -> tuple[str, ...]:
    """A tiny disk under the folder where one may be mounted, else a limit on the size of files."""
    tiny_disk = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    tiny_disk += ('mount -t tmpfs -o size=160k none "$0" && exec "$@"', str(folder))
    can_mount = subprocess.run([*tiny_disk, "true"], capture_output=True, check=False)
    if can_mount.returncode == 0:
        return tiny_disk
    return ("sh", "-c", 'ulimit -f 160 && exec "$@"', "sh")


BAD = {
    "truncated model": Bad(("ask", "hello"), "is cut off or damaged", _truncated_model),
    "bridge of another pair": Bad(
        ("ask", "hello"), "What was learned was made for another speech encoder", _bridge_of_another
    ),
    "no encoder": Bad(
        ("transcribe", "speech.wav"),
        "No speech encoder in ",
        lambda _house, folder: {"ATTUNE_ENCODE__PATH": str(folder)},
    ),
    "a file where a folder belongs": Bad(
        ("ask", "hello"), "Give yourself write permission there", _file_in_the_way
    ),
    "a disk that may not be written": Bad(
        ("ask", "hello"),
        "Give yourself write permission there",
        lambda _house, _folder: {"ATTUNE_JOURNAL__PATH": "/sys/attune/journal.db"},
    ),
    "no espeak-ng": Bad(
        ("say", "hello"),
        "espeak-ng is not installed. Run: sudo apt install espeak-ng",
        lambda _house, folder: {"PATH": str(folder)},
    ),
    "no microphone of that name": Bad(
        ("run", "--device", "Headset"), "There is no microphone: connect one"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_one_sentence_and_exit_status_1(
    name: str, house: House, tmp_path: Path, spoken_sentence: Path
) -> None:
    bad = BAD[name]
    (tmp_path / "disk").mkdir()
    files = {"noise.wav": noise(tmp_path / "noise.wav", 10.0), "speech.wav": spoken_sentence}
    done = house.run(
        *(files.get(word, word) for word in bad.words),
        environment={
            "ATTUNE_JOURNAL__PATH": str(tmp_path / "journal.db"),
            **bad.settings(house, tmp_path / "disk"),
        },
    )
    (line,) = complaints(done)
    assert done.returncode == 1
    assert bad.told in line


def test_a_full_disk_is_told_and_costs_no_answer(house: House, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    done = house.run(
        *("ask", "--json", "--audio", noise(tmp_path / "noise.wav", 10.0)),
        environment={"ATTUNE_JOURNAL__PATH": str(tmp_path / "disk" / "journal.db")},
        before=_cramped(tmp_path / "disk"),
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["reply"] == ANSWER
    first, *_, last = complaints(done)
    assert "Attune goes on answering; conversations wait in memory" in first
    assert last.endswith("1 recording at the end.")


def test_every_kind_of_recording_is_read_and_what_is_none_is_told(
    house: House, tmp_path: Path, spoken_sentence: Path
) -> None:
    samples, rate = soundfile.read(spoken_sentence, dtype="float32")
    good = {
        "8-bit": (samples, rate, "PCM_U8"),
        "24-bit": (samples, rate, "PCM_24"),
        "float": (samples, rate, "FLOAT"),
        "stereo": (np.stack([samples, samples * 0], axis=1), rate, "PCM_16"),
        "48 kHz": (np.repeat(samples, 2), 48_000, "PCM_16"),
        "one sample": (samples[:1], rate, "PCM_16"),
    }
    paths = [tmp_path / f"{name}.wav" for name in good]
    for path, (wave, its_rate, subtype) in zip(paths, good.values(), strict=True):
        soundfile.write(path, wave, its_rate, subtype)
    empty, headless, text = (tmp_path / f"{name}.wav" for name in ("empty", "headless", "text"))
    soundfile.write(empty, np.zeros(0), 16_000)
    headless.write_bytes(b"")
    text.write_text("This is no sound at all.\n" * 20, encoding="utf-8")
    bad = [empty, headless, text, tmp_path / "missing.wav", tmp_path]
    done = house.run("transcribe", "--json", *bad[:2], *paths, *bad[2:])
    assert done.returncode == 1
    lines = complaints(done)
    assert lines == done.stderr.splitlines()
    assert len(lines) == len(bad)
    assert all(str(path) in line for path, line in zip(bad, lines, strict=True))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["file"] for each in found] == list(map(str, paths))
    assert all(each["text"] for each in found[:-1])
    assert found[0]["seconds"] == pytest.approx(len(samples) / rate, abs=0.01)


def test_ten_minutes_of_silence_are_no_exchange(house: House, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(10 * 60 * 16_000, np.int16), 16_000)
    database = tmp_path / "journal.db"
    words = ("run", "--input", tmp_path / "silence.wav", "--database", database)
    done = house.with_own_ears.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No speech was found in the input.\n" in done.stdout
    with Journal(database) as journal:
        assert journal.count() == 0


def test_noise_is_survived_and_a_bad_file_leaves_the_others(
    house: House, tmp_path: Path, spoken_sentence: Path
) -> None:
    talk, database = tmp_path / "talk", tmp_path / "journal.db"
    talk.mkdir()
    noise(talk / "1.wav", 30.0, rate=44_100)
    (talk / "2.wav").write_text("This is no sound at all.", encoding="utf-8")
    (talk / "3.wav").write_bytes(spoken_sentence.read_bytes())
    done = house.run("run", "--json", "--input", talk, "--database", database)
    (line,) = complaints(done)
    assert str(talk / "2.wav") in line
    assert done.returncode == 1
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert turns[-1]["source"] == str(talk / "3.wav")
    assert all(turn["reply"] == ANSWER for turn in turns)
    with Journal(database) as journal:
        assert journal.count() == len(turns)


@pytest.mark.parametrize(
    ("number", "after"), [(signal.SIGTERM, "Models ready"), (signal.SIGINT, '{"id": 1')]
)
def test_a_signal_ends_a_run_cleanly(
    number: signal.Signals, after: str, house: House, tmp_path: Path, spoken_sentence: Path
) -> None:
    talk, database = tmp_path / "talk", tmp_path / "journal.db"
    talk.mkdir()
    for name in ("1.wav", "2.wav", "3.wav"):
        (talk / name).write_bytes(spoken_sentence.read_bytes())
    words = ("run", "--json", "--real-time", "--input", talk, "--database", database)
    with subprocess.Popen(
        command(*words),
        cwd=ROOT,
        env=house.with_own_ears.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith(after):
                process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 0
    assert "Traceback" not in said
    assert '"source": "' + str(talk / "3.wav") not in said
    with Journal(database) as journal:
        assert journal.count() < 3
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
