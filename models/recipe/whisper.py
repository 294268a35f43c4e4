"""Make the bundled Whisper: tiny.en of CTranslate2 in float16 to the same in int8, half the size.

The arrays stay under their names: CTranslate2's own writer quantises the matrices, and nothing
else changes. Neither torch nor transformers takes part.

    assistant models pull whisper-tiny.en
    python -m models.recipe.whisper ~/.local/share/attune/models/whisper-tiny.en models/starter
"""

from __future__ import annotations

import argparse
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import LayerSpec
from numpy.typing import NDArray

TYPES = ("float32", "int8", "int16", "int32", "float16")
"""Of arrays, by CTranslate2's numbers for them."""

BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
"""Files that go along as they are."""


def arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and arrays in a ``model.bin``; names that stand for others are left out."""
    data, at = path.read_bytes(), 0

    def number(kind: str) -> int:
        nonlocal at
        found: int = struct.unpack_from(f"<{kind}", data, at)[0]
        at += struct.calcsize(kind)
        return found

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at - 1].decode()

    number("I")  # of the format
    if (kind := text()) != "WhisperSpec":
        raise SystemExit(f"{path} holds a {kind}, not Whisper")
    number("I")  # of Whisper's own
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        dtype = np.dtype(TYPES[number("B")])
        size = number("I")
        yield name, np.frombuffer(data, dtype, size // dtype.itemsize, at).reshape(shape)
        at += size


def places(spec: LayerSpec, above: str = "") -> Iterator[tuple[str, LayerSpec, str]]:
    """Every array that a model may have: its name, the layer that holds it, and the field there."""
    for field, value in vars(spec).items():
        name = above + field
        if isinstance(value, LayerSpec):
            yield from places(value, f"{name}/")
        elif isinstance(value, list):
            for number, each in enumerate(value):
                yield from places(each, f"{name}_{number}/")
        elif not field.startswith("_"):
            yield name, spec, field


def quantised(source: Path, target: Path) -> None:
    """Write the int8 model of a float16 folder into another folder."""
    found = dict(arrays(source / "model.bin"))
    layers = [
        len({name.split("/")[1] for name in found if name.startswith(f"{side}/layer_")} - {_NORM})
        for side in ("encoder", "decoder")
    ]
    heads = int(found["encoder/num_heads"])
    spec: Any = WhisperSpec(layers[0], heads, layers[1], heads)
    for name, layer, field in list(places(spec)):
        if name in found:
            value = found[name]
            setattr(layer, field, value.astype(np.float32) if value.ndim else value)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight  # stored once
    words = (source / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    spec.register_vocabulary(words[: len(found["decoder/embeddings/weight"])])
    vars(spec.config).update(json.loads((source / "config.json").read_text(encoding="utf-8")))
    spec.validate()
    spec.optimize(quantization="int8")
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as folder:
        spec.save(folder)
        shutil.copyfile(Path(folder) / "model.bin", target / "model.bin")
    for name in BESIDE:
        shutil.copyfile(source / name, target / name)


_NORM = "layer_norm"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of the float16 model")
    parser.add_argument("starter", type=Path, help="folder of the bundled models")
    arguments = parser.parse_args()
    quantised(arguments.source, arguments.starter / "whisper")


if __name__ == "__main__":
    main()
