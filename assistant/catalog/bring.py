"""Imports a model from disk: a GGUF file, an encoder's folder or a Piper voice."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from assistant import durable
from assistant.catalog.entries import LICENSE, Role
from assistant.catalog.folder import MANIFEST, InstalledFile, Manifest, ModelFolder
from assistant.catalog.progress import Checking, Moved, Progress
from assistant.errors import CatalogError

_PICKLED = frozenset((".bin", ".ckpt", ".pkl", ".pt", ".pth"))
"""Suffixes of pickled weights; torch puts the pickle into a zip."""

_TAKEN = frozenset((".json", ".safetensors", ".txt", ".md"))
"""Suffixes of the files that are copied from an encoder's folder."""

WHISPER = "model.bin"
"""Weights of Whisper for CTranslate2: named tensors, not a pickle, whatever the suffix suggests."""

_SPEC = b"WhisperSpec\0"
"""How such a file begins, after its version and the length of this text."""

_TOKENS = "tokenizer.json"
_VOCABULARIES = frozenset(("vocabulary.txt", "vocabulary.json"))

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Offer:
    """A model found on a disk."""

    role: Role
    path: Path  # the file or folder that was named
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """A name for it, made from the file's."""
        stem = self.path.name if self.path.is_dir() else self.files[0].stem
        return _plain(stem) or self.role.value


def survey(path: Path) -> Offer:
    """Find the model at a path.

    Raises:
        CatalogError: if there is none that Attune can read.
    """
    try:
        return _survey(path)
    except OSError as error:
        raise CatalogError(
            f"Cannot read {path}: {error.strerror}. Check the path, and that the disk is connected."
        ) from None


def _survey(path: Path) -> Offer:
    if path.is_file():
        if path.suffix.lower() == ".onnx":
            return _voice(path, path)
        if _begins(path, b"GGUF"):
            return Offer(Role.LLM, path, (path,))
        if _is_pickled(path):
            raise _pickled(path)
        raise _neither(path)
    files = sorted(each for each in path.iterdir() if each.is_file())
    _require_inside(path, files)
    suffixes = {each.suffix for each in files}
    voices = [each for each in files if each.suffix == ".onnx"]
    models = [each for each in files if each.suffix == ".gguf"]
    if (path / "config.json") in files:
        taken = tuple(filter(_is_taken, files))
        if ".safetensors" in suffixes:
            return Offer(Role.ENCODER, path, taken)
        if (weights := path / WHISPER) in files and _is_whisper(weights):
            _require_tokens(path, {each.name for each in taken})
            return Offer(Role.ENCODER, path, (*taken, weights))
        pickles = [each for each in files if _is_pickled(each)]
        raise _pickled(pickles[0]) if pickles else _lacking(path)
    if len(voices) == 1:
        return _voice(path, voices[0])
    if len(models) == 1:
        return Offer(Role.LLM, path, (models[0],))
    if len(voices) + len(models) > 1:
        raise CatalogError(f"{path} holds several models. Name the file of one of them.")
    raise _neither(path)


def _require_inside(path: Path, files: Iterable[Path]) -> None:
    """Refuse links that lead out of a folder: they would copy whatever file a stranger chose."""
    folder = path.resolve()
    # the hub's own cache keeps a snapshot's files in a folder beside it
    blobs = folder.parents[1] / "blobs" if folder.parent.name == "snapshots" else folder
    for each in files:
        real = each.resolve()
        if not (real.is_relative_to(folder) or real.is_relative_to(blobs)):
            raise CatalogError(
                f"{each} is a link that leads out of its folder, to {real}. If you trust it, put "
                "the file itself there, then import again."
            )


def _voice(path: Path, graph: Path) -> Offer:
    description = graph.with_name(f"{graph.name}.json")
    if not description.is_file():
        raise CatalogError(
            f"The voice {graph} lacks its description {description.name}. Fetch both files."
        )
    try:
        json.loads(description.read_bytes())
    except ValueError:
        raise CatalogError(f"{description} is damaged. Fetch it again.") from None
    return Offer(Role.VOICE, path, (graph, description))


def bring(
    offer: Offer, name: str, folder: ModelFolder, check: Callable[[Path], None]
) -> Iterator[Progress]:
    """Copy a model into the folder of models under a name, reporting progress.

    ``check`` is given the folder of the copy, opens it, and raises if the model does not work.

    Raises:
        CatalogError: if the name is taken, the disk is full, or a file cannot be copied.
    """
    place = folder.place(name)
    if place.exists():
        raise CatalogError(
            f"There is already a model {name}. Give this one another name with --name, or remove "
            f"the other with 'assistant models remove {name}'."
        )
    with folder.claimed(name) as partial, _disk_errors(offer.path):
        of = sum(path.stat().st_size for path in offer.files)
        folder.require_room(of)
        partial.mkdir(exist_ok=True)
        kept: dict[str, InstalledFile] = {}
        done = 0
        for path in offer.files:
            target = partial / _plain(path.name)
            digest = hashlib.sha256()
            for piece in _copied(path, target):
                digest.update(piece)
                done += len(piece)
                yield Moved(done, of)
            kept[target.name] = InstalledFile(size=target.stat().st_size, sha256=digest.hexdigest())
        for each in list(partial.iterdir()):
            if each.name not in kept:
                each.unlink()
        durable.sync(partial)
        yield Checking(name)
        check(partial)
        folder.install(
            partial,
            Manifest(
                name=name,
                role=offer.role,
                source=str(offer.path.absolute()),
                licence=None,
                installed_at=datetime.now(timezone.utc),
                files=kept,
            ),
        )


def _copied(path: Path, target: Path) -> Iterator[bytes]:
    """Copy a file and sync it to disk, yielding its bytes on the way."""
    with path.open("rb") as source, target.open("wb") as file:
        while piece := source.read(_BLOCK):
            file.write(piece)
            yield piece
        file.flush()
        os.fsync(file.fileno())


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[-64:].lstrip("._-")


@contextmanager
def _disk_errors(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"Cannot copy {error.filename or path}: {error.strerror}. Check the disk and its free "
            "space, then import again."
        ) from None


def _is_taken(path: Path) -> bool:
    """Whether a file of an encoder's folder is copied; the manifest is written fresh."""
    is_ours = path.suffix in _TAKEN and path.name[0] != "." and path.name != MANIFEST
    return is_ours or path.name == LICENSE


def _is_whisper(path: Path) -> bool:
    """Whether this is a Whisper for CTranslate2: a version, then a text with its length."""
    with path.open("rb") as file:
        head = file.read(struct.calcsize("<IH") + len(_SPEC))
    return head[4:] == struct.pack("<H", len(_SPEC)) + _SPEC


def _require_tokens(path: Path, names: set[str]) -> None:
    if _TOKENS not in names or not _VOCABULARIES & names:
        missing = _TOKENS if _TOKENS not in names else "vocabulary.txt"
        raise CatalogError(f"The Whisper in {path} lacks its {missing}. Fetch the folder again.")


def _is_pickled(path: Path) -> bool:
    return path.suffix.lower() in _PICKLED and _begins(path, b"PK\x03\x04", b"\x80")


def _begins(path: Path, *marks: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith(marks)


def _pickled(path: Path) -> CatalogError:
    return CatalogError(
        f"The weights in {path} are pickled, and opening a pickle can run any program on this "
        "computer. Use a model with safetensors weights, or convert this one on a computer that "
        "holds none of your data."
    )


def _lacking(path: Path) -> CatalogError:
    return CatalogError(
        f"The folder {path} has no weights: a .safetensors file, or Whisper's {WHISPER} for "
        "CTranslate2, is missing."
    )


def _neither(path: Path) -> CatalogError:
    return CatalogError(
        f"{path} is not a model that Attune can read. It takes a GGUF file, a folder with "
        "config.json and safetensors weights or a Whisper for CTranslate2, or a Piper voice "
        "(.onnx with its .onnx.json)."
    )
