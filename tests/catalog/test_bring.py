from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

from assistant.catalog.bring import Offer, bring, survey
from assistant.catalog.entries import Role
from assistant.catalog.folder import MANIFEST, PARTIAL, ModelFolder
from assistant.catalog.progress import Checking, Moved
from assistant.errors import CatalogError, LLMError


def gguf(path: Path, size: int = 3_000_000) -> Path:
    path.write_bytes(b"GGUF" + bytes(size - 4))
    return path


def encoder(folder: Path) -> Path:
    folder.mkdir()
    for name in ("config.json", "vocab.json", "model.safetensors", ".hidden.json", "notes.pdf"):
        (folder / name).write_bytes(name.encode())
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    return folder


def whisper(folder: Path, vocabulary: str = "vocabulary.txt") -> Path:
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", vocabulary, "LICENSE", MANIFEST, "notes.pdf"):
        (folder / name).write_bytes(b"{}")
    spec = b"WhisperSpec\0"
    head = struct.pack("<IH", 6, len(spec)) + spec
    (folder / "model.bin").write_bytes(head + struct.pack("<II", 3, 0) + bytes(1_000))
    return folder


def voice(folder: Path) -> Path:
    folder.mkdir()
    (folder / "en_GB-x-medium.onnx").write_bytes(b"graph")
    (folder / "en_GB-x-medium.onnx.json").write_text(json.dumps({"audio": {}}), encoding="utf-8")
    return folder


def opened(_folder: Path) -> None:
    pass


def names(offer: Offer) -> list[str]:
    return [path.name for path in offer.files]


def test_a_gguf_is_known_by_what_it_begins_with(tmp_path: Path) -> None:
    offer = survey(gguf(tmp_path / "My Llama (1).model"))
    assert (offer.role, offer.name) == (Role.LLM, "My-Llama-1-")
    gguf(tmp_path / "b.gguf")
    assert survey(tmp_path).files == (tmp_path / "b.gguf",)


def test_an_encoder_is_a_folder_without_its_pickles(tmp_path: Path) -> None:
    offer = survey(encoder(tmp_path / "wav2vec2-base"))
    assert (offer.role, offer.name) == (Role.ENCODER, "wav2vec2-base")
    assert names(offer) == ["config.json", "model.safetensors", "vocab.json"]


@pytest.mark.parametrize("vocabulary", ["vocabulary.txt", "vocabulary.json"])
def test_a_whisper_for_ctranslate2_is_a_folder(vocabulary: str, tmp_path: Path) -> None:
    folder = whisper(tmp_path / "whisper-base", vocabulary)
    offer = survey(folder)
    assert (offer.role, offer.name) == (Role.ENCODER, "whisper-base")
    assert sorted(names(offer)) == [
        "LICENSE", "config.json", "model.bin", "tokenizer.json", vocabulary
    ]  # fmt: skip
    for missing in (vocabulary, "tokenizer.json"):
        (folder / missing).unlink()
        told = "vocabulary.txt" if missing == vocabulary else missing
        with pytest.raises(CatalogError, match=f"lacks its {told}"):
            survey(folder)


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (pickle.dumps({"WhisperSpec": 1}, protocol=4), r"model\.bin are pickled"),
        (b"PK\x03\x04" + bytes(100), r"model\.bin are pickled"),
        (struct.pack("<IH", 6, 16) + b"TransformerSpec\0", "has no weights"),
        (struct.pack("<IH", 6, 9) + b"WhisperSpec\0", "has no weights"),
        (b"WhisperSpec\0", "has no weights"),
        (b"", "has no weights"),
    ],
)
def test_what_is_only_called_as_whisper_s_weights_is_refused(
    weights: bytes, why: str, tmp_path: Path
) -> None:
    folder = whisper(tmp_path / "whisper-base")
    (folder / "model.bin").write_bytes(weights)
    with pytest.raises(CatalogError, match=why):
        survey(folder)


def test_a_voice_is_two_files(tmp_path: Path) -> None:
    folder = voice(tmp_path / "voice")
    for path in (folder, folder / "en_GB-x-medium.onnx"):
        offer = survey(path)
        assert offer.role is Role.VOICE
        assert names(offer) == ["en_GB-x-medium.onnx", "en_GB-x-medium.onnx.json"]
    (folder / "en_GB-x-medium.onnx.json").write_text("{", encoding="utf-8")
    with pytest.raises(CatalogError, match="is damaged"):
        survey(folder)
    (folder / "en_GB-x-medium.onnx.json").unlink()
    with pytest.raises(CatalogError, match="lacks its description"):
        survey(folder)


def test_pickles_are_refused_with_the_reason(tmp_path: Path) -> None:
    folder = encoder(tmp_path / "old")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CatalogError, match=r"pytorch_model\.bin are pickled, and opening a pickle"):
        survey(folder)
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("data.pkl", pickle.dumps({}))
    with pytest.raises(CatalogError, match=r"model\.pt are pickled"):
        survey(tmp_path / "model.pt")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(CatalogError, match=r"has no weights: a \.safetensors file, or Whisper's"):
        survey(folder)


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    for path in (tmp_path / "letter.txt", tmp_path):
        with pytest.raises(CatalogError, match="is not a model that Attune can read"):
            survey(path)
    with pytest.raises(CatalogError, match=r"Cannot read .*nowhere: No such file"):
        survey(tmp_path / "nowhere")
    gguf(tmp_path / "a.gguf")
    gguf(tmp_path / "b.gguf")
    with pytest.raises(CatalogError, match="holds several models"):
        survey(tmp_path)


def test_a_model_is_copied_and_known(tmp_path: Path, folder: ModelFolder) -> None:
    path = gguf(tmp_path / "x.gguf")
    seen: list[list[str]] = []

    def check(copy: Path) -> None:
        seen.append([each.name for each in copy.iterdir()])
        assert folder.names() == []

    steps = list(bring(survey(path), "mine", folder, check))
    assert steps[-2:] == [Moved(3_000_000, 3_000_000), Checking("mine")]
    assert len(steps) > 3
    assert seen == [["x.gguf"]]
    manifest = folder.manifest("mine")
    assert (manifest.role, manifest.source, manifest.licence) == (Role.LLM, str(path), None)
    assert folder.damaged("mine") == []
    place = folder.place("mine")
    assert (place / "x.gguf").read_bytes() == path.read_bytes()
    assert sorted(each.name for each in place.iterdir()) == [MANIFEST, "x.gguf"]


def test_a_copy_that_does_not_open_gets_no_name(tmp_path: Path, folder: ModelFolder) -> None:
    def check(_copy: Path) -> None:
        raise LLMError("It is no good.")

    with pytest.raises(LLMError, match="It is no good"):
        list(bring(survey(gguf(tmp_path / "x.gguf")), "mine", folder, check))
    assert folder.names() == []
    list(bring(survey(gguf(tmp_path / "y.gguf")), "mine", folder, opened))
    assert list(folder.manifest("mine").files) == ["y.gguf"]
    assert sorted(each.name for each in folder.place("mine").iterdir()) == [MANIFEST, "y.gguf"]
    assert not (folder.path / PARTIAL / "mine").exists()


def test_a_name_that_is_taken_is_told(tmp_path: Path, folder: ModelFolder) -> None:
    offer = survey(gguf(tmp_path / "x.gguf"))
    list(bring(offer, "mine", folder, opened))
    with pytest.raises(CatalogError, match="There is already a model mine"):
        list(bring(offer, "mine", folder, opened))
    with pytest.raises(CatalogError, match="cannot be the name of a model"):
        list(bring(offer, "../mine", folder, opened))


def test_a_disk_that_is_pulled_out_is_told(tmp_path: Path, folder: ModelFolder) -> None:
    offer = survey(gguf(tmp_path / "x.gguf"))
    offer.path.unlink()
    with pytest.raises(CatalogError, match=r"Cannot copy .*x\.gguf: No such file"):
        list(bring(offer, "mine", folder, opened))
    assert folder.names() == []
