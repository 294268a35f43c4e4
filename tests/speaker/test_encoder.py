from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from assistant.config import starter_dir
from assistant.errors import EncoderError
from assistant.listen.recordings import load
from assistant.speaker.encoder import LAYERS, WIDTH, SpeakerEncoder, model_in, normal
from assistant.values import SAMPLE_RATE

BUNDLED = model_in(starter_dir() / "speaker")
SENTENCES = (
    "where did i put my glasses",
    "please remind me to take my pills",
    "the kettle is on the stove",
)


def say(text: str, voice: str, folder: Path) -> NDArray[np.float32]:
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text], check=True)
    return load(path)


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return SpeakerEncoder(BUNDLED)


def test_the_bundled_file_is_the_one_that_its_card_names() -> None:
    card = (starter_dir() / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(BUNDLED.read_bytes()).hexdigest() in card


def test_a_voice_is_nearer_to_itself_than_to_others(
    encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    names = ("en-us", "en-us+f4", "en-us+steph2")
    voices = {
        name: [encoder.embed(say(text, name, tmp_path)) for text in SENTENCES] for name in names
    }
    for name in names:
        first, second, third = voices[name]
        assert first is not None
        assert second is not None
        assert third is not None
        user = normal(first + second)
        assert float(third @ user) > 0.6
        for other in names:
            for voice in voices[other] if other != name else ():
                assert voice is not None
                assert float(voice @ user) < 0.6


def test_loudness_and_silence_around_a_voice_change_little(
    encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    said = say(SENTENCES[1], "en-us", tmp_path)
    near = encoder.embed(said)
    far = encoder.embed(np.pad(0.05 * said, SAMPLE_RATE).astype(np.float32))
    assert near is not None
    assert far is not None
    assert float(near @ far) > 0.9


@pytest.mark.parametrize("n_samples", [0, 100, SAMPLE_RATE // 2])
def test_too_little_says_nothing(encoder: SpeakerEncoder, n_samples: int) -> None:
    noise = np.random.default_rng(1).standard_normal(n_samples).astype(np.float32) * 0.1
    assert encoder.embed(noise) is None


def test_silence_says_nothing(encoder: SpeakerEncoder) -> None:
    assert encoder.embed(np.zeros(3 * SAMPLE_RATE, np.float32)) is None


def test_its_network_computes_what_torch_does(encoder: SpeakerEncoder) -> None:
    weights = {
        name: torch.from_numpy(a.astype(np.float32)) for name, a in load_file(BUNDLED).items()
    }
    network = torch.nn.LSTM(40, WIDTH, LAYERS, batch_first=True)
    state = {}
    for n in range(LAYERS):
        state |= {f"weight_ih_l{n}": weights[f"ih_l{n}"], f"weight_hh_l{n}": weights[f"hh_l{n}"]}
        state |= {f"bias_ih_l{n}": weights[f"bias_l{n}"]}
        state |= {f"bias_hh_l{n}": torch.zeros_like(weights[f"bias_l{n}"])}
    network.load_state_dict(state)
    mel = np.random.default_rng(1).random((2, 30, 40), np.float32)
    with torch.no_grad():
        out, _ = network(torch.from_numpy(mel))
        raw = torch.relu(out[:, -1] @ weights["projection"].T + weights["projection_bias"])
        expected = torch.nn.functional.normalize(raw, dim=1).numpy()
    np.testing.assert_allclose(encoder._points(mel), expected, atol=1e-5)


def test_a_missing_or_damaged_file_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no tensors")
    other = tmp_path / "other.safetensors"
    save_file({"ih_l0": np.zeros((4, 4), np.float16)}, other)
    for path in (tmp_path / "none.safetensors", wrong, other):
        with pytest.raises(EncoderError, match=r"cannot be read .* Install Attune again\."):
            SpeakerEncoder(path)


def test_it_does_without_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from assistant.config import starter_dir\n"
        "from assistant.speaker.encoder import SpeakerEncoder, model_in\n"
        "sound = np.random.default_rng(1).standard_normal(32_000).astype(np.float32) * 0.1\n"
        "assert SpeakerEncoder(model_in(starter_dir() / 'speaker')).embed(sound) is not None\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
