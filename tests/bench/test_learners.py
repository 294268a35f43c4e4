"""Who teaches in the benches."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.encoder import open_encoder
from assistant.values import SAMPLE_RATE
from bench.learners import MISREAD, human, kathleen, people
from tests.encode.sounds import examples

SPEAKERS = ("0005", "0010", "0015", "0020")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Short recordings in the public collections' form, all of them held out."""
    rows = {
        "kathleen": [
            (f"arctic_a0{number:02}7_x.wav", f"word {first} {second}", "kathleen")
            for number, (first, second) in enumerate((a, b) for a in "abcd" for b in "efghij")
        ],
        "speechocean762-train": [
            (f"{speaker}-{number}.wav", "good morning", speaker)
            for speaker in SPEAKERS
            for number in range(20)
        ],
    }
    for name, found in rows.items():
        folder = tmp_path / "speech" / name
        folder.mkdir(parents=True)
        with (folder / "utterances.tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t").writerows([("file", "text", "speaker"), *found])
        for path, _, _ in found:
            soundfile.write(folder / path, examples()[0][: SAMPLE_RATE // 2], SAMPLE_RATE)
    return tmp_path


def test_no_sentence_of_kathleen_comes_twice(data: Path) -> None:
    texts = [text for _, text in kathleen(data).spoken()]
    assert len(texts) == len(set(texts)) == 24


def test_kathleen_is_tested_on_fifty_held_out_sentences_however_many_she_teaches(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "speech" / "kathleen"
    folder.mkdir(parents=True)
    letters = "abcdefghijklmnopqrst"
    said = [f"{first} {second}" for first in letters for second in letters][:240]
    # every third is held out, and each of those is said twice
    files = [(f"arctic_a{n:04}{7 if n % 3 == 0 else 1}_x.wav", text) for n, text in enumerate(said)]
    files += [(f"arctic_b{n:04}7_x.wav", text) for n, text in enumerate(said) if n % 3 == 0]
    with (folder / "utterances.tsv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([("file", "text"), *files])
    for path, _ in files:
        soundfile.write(folder / path, examples()[0][:160], SAMPLE_RATE)
    learner = kathleen(tmp_path)
    texts = [text for _, text in learner.spoken()]
    taught, unseen = texts[: learner.taught], texts[learner.taught :]
    assert (len(taught), len(unseen), len(set(texts))) == (100, 50, 150)
    assert set(unseen) | set(taught[:30]) == set(said[::3])  # then those not held out


def test_a_speaker_teaches_half_of_the_recordings_with_their_sound(data: Path) -> None:
    speakers = human(data)
    assert [each.name for each in speakers] == [f"so{name}" for name in SPEAKERS]
    encoder = open_encoder(EncodeSettings.model_validate({"path": starter_dir() / "encoder"}))
    user = speakers[0].heard(encoder)
    assert (len(user.taught), len(user.unseen)) == (10, 10)
    assert user.taught[0].text == "good morning"
    assert user.taught[0].samples.shape == (SAMPLE_RATE // 2,)
    assert user.taught[0].features.encoder == encoder.fingerprint
    fewer = speakers[0].heard(encoder, 3)
    assert [pair.text for pair in fewer.unseen] == [pair.text for pair in user.unseen]
    assert len(fewer.taught) == 3


@pytest.mark.skipif(find_spec("pyworld") is None, reason="extra 'impair'")
def test_people_are_taken_as_they_are_and_made_atypical(data: Path, tmp_path: Path) -> None:
    errors = dict(zip((f"so{name}" for name in SPEAKERS), (0.5, 0.9, 0.1, 0.7), strict=True))
    (tmp_path / "misread.json").write_text(json.dumps(errors))
    found = people(data, tmp_path)
    assert [each.name for each in found] == [
        "Kathleen",
        *(f"Kathleen, {how} (simulated)" for how in ("mild", "moderate", "severe")),
        *("so0010", "so0020", "so0005")[:MISREAD],
        "so0005, moderate (simulated)",
    ]
    (samples, text), *_ = found[3].spoken()
    assert text == next(found[0].spoken())[1]
    assert len(samples) > 1.5 * SAMPLE_RATE // 2
