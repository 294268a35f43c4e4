"""Make the bundled speaker encoder: Resemblyzer's weights in float16, and where voices centre.

The weights come out of the package's wheel, which holds them as a pickle: it is read once, here,
by torch's reader that takes nothing but tensors. The centre is the mean over speakers of
speechocean762 who may be trained on; without ``--data`` it is kept from the file that is there.

    pip download --no-deps resemblyzer==0.1.4
    python -m models.recipe.speaker Resemblyzer-0.1.4-py3-none-any.whl models/starter/speaker \
        --data PATH
"""

from __future__ import annotations

import argparse
import hashlib
import io
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from assistant.speaker.encoder import LAYERS, WIDTH, SpeakerEncoder, model_in, normal
from models.recipe.corpus import read, recordings

SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
"""Of the weights in the wheel of Resemblyzer 0.1.4."""

WEIGHTS, LICENCE = "resemblyzer/pretrained.pt", "Resemblyzer-0.1.4.dist-info/LICENSE"

EACH = 6
"""Recordings of each speaker that the centre is taken from."""


def converted(state: dict[str, Any]) -> dict[str, NDArray[np.float16]]:
    """Resemblyzer's weights by our names; both biases of a gate are one."""
    found: dict[str, NDArray[np.float16]] = {}
    for layer in range(LAYERS):
        for ours, theirs in (("ih", "weight_ih"), ("hh", "weight_hh")):
            found[f"{ours}_l{layer}"] = state[f"lstm.{theirs}_l{layer}"].numpy()
        biases = state[f"lstm.bias_ih_l{layer}"] + state[f"lstm.bias_hh_l{layer}"]
        found[f"bias_l{layer}"] = biases.numpy()
    found["projection"] = state["linear.weight"].numpy()
    found["projection_bias"] = state["linear.bias"].numpy()
    return {name: array.astype(np.float16) for name, array in found.items()}


def centre(encoder: SpeakerEncoder, data: Path) -> NDArray[np.float32]:
    """The mean of voices, each speaker counting the same, (256,)."""
    points: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for clip in recordings(data, held_out_part=False):
        if clip.speaker != "kathleen" and len(points[clip.speaker]) < EACH:
            voice = encoder.embed(read(clip))
            if voice is not None:
                points[clip.speaker].append(voice)
    means = [normal(np.mean(voices, axis=0)) for voices in points.values() if voices]
    return np.stack(means).mean(axis=0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = model_in(arguments.out)
    with zipfile.ZipFile(arguments.wheel) as wheel:
        data = wheel.read(WEIGHTS)
        licence = wheel.read(LICENCE)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{arguments.wheel} holds other weights than those of Resemblyzer 0.1.4")
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)["model_state"]
    known = load_file(path)["centre"] if path.is_file() else np.zeros(WIDTH, np.float16)
    found = converted(state)
    if arguments.data is not None:
        save_file({**found, "centre": np.zeros(WIDTH, np.float16)}, path)
        known = centre(SpeakerEncoder(path), arguments.data).astype(np.float16)
    save_file({**found, "centre": known}, path)
    path.chmod(0o644)  # safetensors writes files that only their owner can read
    (arguments.out / "LICENSE").write_bytes(licence.replace(b"\r\n", b"\n"))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
