"""Recordings and texts from strangers: none takes the memory, none hangs, each is named."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.errors import AudioFileError
from assistant.listen import recordings
from tests.attacks.bounds import command

HEAD = "@UTF8\n@Begin\n@Participants:\tPAR Participant\n@ID:\teng|x|PAR|||||Participant|||\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    tone = 0.1 * np.sin(np.arange(16_000 * 4) / 20)
    soundfile.write(folder / "visit.wav", tone, 16_000, subtype="PCM_16")
    return folder


def imported(tmp_path: Path, corpus: Path) -> str:
    done = command(tmp_path, ["log", "import", str(corpus)])
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    assert "MemoryError" not in told
    assert "There already" not in told
    return told


@pytest.mark.parametrize(
    "said",
    [
        "the boy [x 99999999999] .",
        "the boy [x 999999999&99] .",
        "the boy [x 30000000] .",
        "the boy [x 00000000030000000] .",
        "the boy [x +30000000] .",
        "<<<the boy [x 40]> [x 40]> [x 40]> [x 40] .",
        "the boy [X 51] .",
    ],
)
def test_a_bomb_of_repetitions_costs_its_line(tmp_path: Path, corpus: Path, said: str) -> None:
    text = f"{HEAD}*PAR:\t{said} \x15100_2000\x15\n*PAR:\tgood morning . \x152100_3500\x15\n@End\n"
    (corpus / "visit.cha").write_text(text, encoding="utf-8")
    told = imported(tmp_path, corpus)
    assert "visit.cha:5: repeats words more than 50 times" in told
    assert "sentences 1" in told


def test_more_text_than_its_time_holds_is_refused(tmp_path: Path, corpus: Path) -> None:
    long = "the boy goes home again " * 40
    text = f"{HEAD}*PAR:\t{long} . \x15100_2000\x15\n@End\n"
    (corpus / "visit.cha").write_text(text, encoding="utf-8")
    assert "more text (959 letters) than can be said in 1.9 s" in imported(tmp_path, corpus)
    (corpus / "visit.cha").unlink()
    (corpus / "visit.txt").write_text(long * 30, encoding="utf-8")
    assert "than can be said in 4.0 s" in imported(tmp_path, corpus)


@pytest.mark.parametrize("kind", ["fifo", "zero"])
@pytest.mark.parametrize("name", ["visit.cha", "visit.txt"])
def test_what_is_no_ordinary_file_is_named_and_never_read(
    tmp_path: Path, corpus: Path, name: str, kind: str
) -> None:
    if kind == "fifo":
        os.mkfifo(corpus / name)
    else:
        (corpus / name).symlink_to("/dev/zero")
    told = imported(tmp_path, corpus)
    assert "visit" in told


@pytest.mark.parametrize("way", ["link", "climbing", "absolute", "text", "media"])
def test_nothing_from_outside_of_the_folder_is_taken(
    tmp_path: Path, corpus: Path, way: str
) -> None:
    secret = (corpus / "visit.wav").rename(tmp_path / "secret.wav")
    (tmp_path / "secret.txt").write_text("my secret key", encoding="utf-8")
    table = corpus / "table.csv"
    if way == "link":
        (corpus / "a.wav").symlink_to(secret)
        (corpus / "a.txt").write_text("good morning", encoding="utf-8")
    elif way == "text":
        (corpus / "a.wav").write_bytes(secret.read_bytes())
        (corpus / "a.txt").symlink_to(tmp_path / "secret.txt")
    elif way == "media":
        (corpus / "visit.wav").symlink_to(secret)
        text = f"{HEAD}*PAR:\tgood morning . \x152100_3500\x15\n@End\n"
        (corpus / "visit.cha").write_text(text, encoding="utf-8")
    else:
        name = "../secret.wav" if way == "climbing" else str(secret)
        table.write_text(f"path,text\n{name},good morning\n", encoding="utf-8")
    told = imported(tmp_path, table if table.exists() else corpus)
    assert f"leads out of {corpus}, to {tmp_path}/secret" in told
    assert "sentences 0" in told


def test_a_model_s_folder_is_not_left_by_links(tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    key.write_text("a private key")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").symlink_to(key)
    (folder / "model.safetensors").write_bytes(b"weights")
    done = command(tmp_path, ["models", "import", str(folder)])
    assert done.returncode == 1
    assert f"config.json is a link that leads out of its folder, to {key}" in done.stderr


def test_a_rate_of_one_hertz_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(75_000), 16_000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[24:32] = struct.pack("<II", 1, 2)
    path.write_bytes(data)
    with pytest.raises(AudioFileError, match="claims 1 samples per second and 1 channels"):
        recordings.load(path)
    done = command(tmp_path, ["transcribe", str(path)])
    assert done.returncode == 1
    assert "claims 1 samples per second" in done.stderr


def test_hours_of_silence_in_a_small_file_do_not_take_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_16") as file:
        for _ in range(3):
            file.write(np.zeros(8_000 * 3_600, np.int16))
    assert path.stat().st_size < 2_000_000
    done = command(tmp_path, ["transcribe", str(path)])
    assert done.returncode == 1
    assert "is longer than 2 hours" in done.stderr
