"""An encoder's folder in the hub's layout: its kind, how to prepare its sound, its weights."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors import SafetensorError, safe_open

from assistant.errors import EncoderError

if TYPE_CHECKING:  # CTranslate2's folders need no torch
    import torch
    from torch import Tensor

WEIGHTS = "model.safetensors"
"""The weights, if they are one file."""

INDEX = f"{WEIGHTS}.index.json"
"""Which of several files has which tensor."""

CTRANSLATE = "model.bin"
"""The weights of a Whisper model in CTranslate2's own format; not a pickle."""

CTRANSLATE_CONFIG = "suppress_ids"
"""A key that only the config.json of such a model has."""

_CTRANSLATE_BEGINS = re.compile(rb"[\x01-\x20]\0{3}.\0Whisper\w*\0", re.DOTALL)

FORMER = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
"""Suffixes of the parts of a normalised weight before PyTorch 2.0, and since."""


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """Configuration and weights of one encoder."""

    path: Path
    config: dict[str, Any]  # config.json
    sound: dict[str, Any]  # how its sound is prepared: preprocessor_config.json

    @classmethod
    def open(cls, path: Path) -> EncoderFolder:
        """Read the folder's configuration; ``EncoderError`` if it is missing or unreadable."""
        config = _json(path / "config.json")
        if config is None:
            raise EncoderError(
                f"No speech encoder in {path}: config.json is missing. Set encode.path to a folder "
                "with Whisper, or with a wav2vec2, HuBERT or WavLM model that writes letters."
            )
        # transformers 5 writes the feature extractor's settings into the processor's
        processor = _json(path / "processor_config.json") or {}
        sound = _json(path / "preprocessor_config.json") or processor.get("feature_extractor") or {}
        return cls(path, config, sound)

    @property
    def family(self) -> str:
        """The model's architecture, such as ``wav2vec2`` or ``whisper``."""
        return str(self.config.get("model_type"))

    @property
    def generation(self) -> dict[str, Any]:
        """The contents of generation_config.json, for a model that writes text."""
        return _json(self.path / "generation_config.json") or {}

    @property
    def normalises(self) -> bool:
        """Whether sound is normalised to zero mean and unit variance; not in WavLM's base."""
        return bool(self.sound.get("do_normalize", True))

    def refuse(self, why: str) -> EncoderError:
        """The error that says why the folder cannot be used."""
        return EncoderError(
            f"Cannot load the speech encoder in {self.path}: {why}. It must be a complete folder "
            "of a wav2vec2, HuBERT, WavLM or Whisper model with safetensors weights."
        )

    def weights(self, prefixes: Iterable[str] = ("",)) -> Weights:
        """Its tensors, named without the first of these prefixes that occurs.

        Raises:
            EncoderError: if there are no safetensors, or they are damaged.
        """
        files: dict[str, Path] = {}
        for path in self._files():
            with self.opened(path) as file:
                files |= dict.fromkeys(file.keys(), path)
        prefix = next(
            (each for each in prefixes if any(name.startswith(each) for name in files)), ""
        )
        places = {
            _today(name.removeprefix(prefix)): (path, name)
            for name, path in files.items()
            if name.startswith(prefix)
        }
        return Weights(self, places)

    @contextmanager
    def opened(self, path: Path) -> Generator[Any, None, None]:
        """One of its safetensors files; ``EncoderError`` if it is damaged."""
        try:
            with cast("Any", safe_open)(path, framework="pt") as file:
                yield file
        except (SafetensorError, OSError) as error:
            raise self.refuse(f"{path.name} is damaged ({error})") from None

    def _files(self) -> list[Path]:
        index = _json(self.path / INDEX)
        if index is not None:
            parts = cast("dict[str, str]", index.get("weight_map") or {})
            return [self.path / Path(name).name for name in sorted(set(parts.values()))]
        if (self.path / WEIGHTS).is_file():
            return [self.path / WEIGHTS]
        if any(self.path.glob("*.bin")):
            raise self.refuse("its weights are pickled, and opening them could run any program")
        raise self.refuse(f"{WEIGHTS} is missing")


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors that are read one by one, so that never more than one is in memory twice."""

    folder: EncoderFolder
    places: dict[str, tuple[Path, str]]  # file and name in it, by today's name

    def read(self, name: str, shape: torch.Size) -> Tensor:
        """One tensor in memory of its own; floating-point numbers become float32.

        Raises:
            EncoderError: if it has another shape, or cannot be read.
        """
        import torch  # noqa: PLC0415

        path, former = self.places[name]
        with self.folder.opened(path) as file:  # opened each time, to release its pages
            mapped: Tensor = file.get_tensor(former)
            dtype = torch.float32 if mapped.is_floating_point() else mapped.dtype
            tensor = mapped.to(dtype, copy=True)
        if tensor.shape != shape:
            raise self.folder.refuse(
                f"{name} has shape {tuple(tensor.shape)}, but config.json says {tuple(shape)}"
            )
        return tensor

    def all(self, shapes: dict[str, torch.Size]) -> Iterator[tuple[str, Tensor]]:
        """The tensors with these names and shapes, ordered by name.

        Raises:
            EncoderError: if some are missing, have another shape, or cannot be read.
        """
        missing = sorted(shapes.keys() - self.places.keys())
        if missing:
            raise EncoderError(
                f"The speech encoder in {self.folder.path} lacks {len(missing)} weights, "
                f"{missing[0]} among them; it is not a complete checkpoint of this kind. Download "
                "the folder again."
            )
        for name in sorted(shapes):
            yield name, self.read(name, shapes[name])

    def fingerprint(self, shapes: dict[str, torch.Size]) -> str:
        """Hex digest of the names, shapes and values of these weights; errors as in ``all``."""
        digest = hashlib.sha256()
        for name, tensor in self.all(shapes):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(cast("Any", tensor.reshape(-1).numpy()))
        return digest.hexdigest()[:16]


def is_ctranslate(folder: Path) -> bool:
    """Whether a folder holds a Whisper model in CTranslate2's format."""
    try:
        with (folder / CTRANSLATE).open("rb") as file:
            return _CTRANSLATE_BEGINS.match(file.read(64)) is not None
    except OSError:
        return False


def _today(name: str) -> str:
    for former, now in FORMER.items():
        if name.endswith(former):
            return name.removesuffix(former) + now
    return name


def _json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, none without the file; ``EncoderError`` if it is not one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise EncoderError(f"Cannot read {path} ({error}). Fetch the folder again.") from None
    if not isinstance(found, dict):
        raise EncoderError(f"{path} does not hold an object. Fetch the folder again.")
    return cast("dict[str, Any]", found)
