"""Whisper folders of CTranslate2 that are not whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.ctranslate import _fits
from assistant.encode.encoder import open_encoder
from assistant.encode.folder import is_ctranslate
from assistant.encode.whisper import WhisperEncoder
from assistant.errors import EncoderError
from tests.encode import tiny
from tests.encode.sounds import examples, said

WHISPER = starter_dir() / "whisper"
CONFIG = json.loads((WHISPER / "config.json").read_text(encoding="utf-8"))
FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")


def settings(folder: Path) -> EncodeSettings:
    return EncodeSettings.model_validate({"path": folder})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The bundled files, of which any may be replaced."""
    folder = tmp_path / "whisper"
    folder.mkdir()
    for name in FILES:
        (folder / name).symlink_to(WHISPER / name)
    return folder


def replaced(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def _missing(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    replaced(path, b"")


def _half(path: Path) -> None:
    content = path.read_bytes()
    replaced(path, content[: len(content) // 2])


def _swapped(path: Path) -> None:
    other = FILES[(FILES.index(path.name) + 1) % len(FILES)]
    replaced(path, (WHISPER / other).read_bytes())


def _nothing_known(path: Path) -> None:
    replaced(path, b"{}")


DAMAGES = (_missing, _empty, _half, _swapped, _nothing_known)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_is_not_whole_is_refused_in_words(
    name: str, damage: Callable[[Path], None], folder: Path
) -> None:
    damage(folder / name)
    with pytest.raises(EncoderError) as caught:
        open_encoder(settings(folder))
    told = str(caught.value)
    assert str(folder) in told
    assert "\n" not in told
    assert told.endswith(".")
    assert (
        "Fetch the folder again" in told
        or "must be a complete" in told
        or "Set encode.path" in told
    )


def test_what_holds_the_words_may_be_json(folder: Path) -> None:
    words = (WHISPER / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    (folder / "vocabulary.txt").unlink()
    (folder / "vocabulary.json").write_text(json.dumps(words), encoding="utf-8")
    transcript = open_encoder(settings(folder)).encode(said(examples()[1])).transcript
    assert transcript.spoken == "what time is it please"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alignment_heads", None),
        ("alignment_heads", []),
        ("alignment_heads", [[4, 0]]),  # tiny has four layers
        ("alignment_heads", [[0, 6]]),  # of six heads
        ("alignment_heads", [[-1, 0]]),
        ("alignment_heads", [[1]]),
        ("alignment_heads", "all"),
        ("suppress_ids", [1_000_000]),
        ("suppress_ids", ["a"]),
        ("suppress_ids", 7),
        ("suppress_ids_begin", [-5]),
        ("lang_ids", [1_000_000]),
    ],
)
def test_a_configuration_of_another_model_is_known_by_what_is_not_there(
    name: str, value: object
) -> None:
    assert _fits(CONFIG, layers=4, heads=6, tokens=50_363)
    assert not _fits(CONFIG | {name: value}, layers=4, heads=6, tokens=50_363)


@pytest.mark.parametrize("name", ["alignment_heads", "suppress_ids", "suppress_ids_begin"])
def test_a_configuration_without_its_lists_is_refused(name: str) -> None:
    without = {key: value for key, value in CONFIG.items() if key != name}
    assert not _fits(without, layers=4, heads=6, tokens=50_363)


@pytest.mark.parametrize("changes", [{"alignment_heads": [[5, 0]]}, {"suppress_ids": [1_000_000]}])
def test_a_configuration_of_another_model_crashes_nothing(
    changes: dict[str, object], folder: Path
) -> None:
    replaced(folder / "config.json", json.dumps(CONFIG | changes).encode())
    with pytest.raises(EncoderError, match=r"config\.json belongs to another model"):
        open_encoder(settings(folder))


def test_no_tokens_that_must_not_be_written_are_fine(folder: Path) -> None:
    nothing = {"suppress_ids": None, "suppress_ids_begin": []}
    replaced(folder / "config.json", json.dumps(CONFIG | nothing).encode())
    transcript = open_encoder(settings(folder)).encode(said(examples()[1])).transcript
    assert transcript.spoken == "what time is it please"


def test_the_weights_say_whether_ctranslate2_computes_them(tmp_path: Path, folder: Path) -> None:
    assert is_ctranslate(folder)
    assert not is_ctranslate(tmp_path / "none")
    assert not is_ctranslate(tiny.write_whisper(tmp_path / "hub"))
    replaced(folder / "model.bin", b"\x80\x02ccollections\nOrderedDict\n")  # a pickle
    assert not is_ctranslate(folder)


def test_other_weights_are_another_encoder(tmp_path: Path) -> None:
    shutil.copytree(WHISPER, tmp_path / "other")
    with (tmp_path / "other" / "model.bin").open("r+b") as file:
        file.seek(30_000_000)
        before = file.read(1)
        file.seek(30_000_000)
        file.write(bytes([before[0] ^ 1]))
    other, ours = open_encoder(settings(tmp_path / "other")), open_encoder(settings(WHISPER))
    assert isinstance(other, WhisperEncoder)
    assert other.fingerprint != ours.fingerprint
