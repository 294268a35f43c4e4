"""An adapter changes what its recogniser hears, for everybody, and no other recogniser."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.adapter import BASE, adapter_for, identity, together
from assistant.encode.encoder import open_encoder
from assistant.encode.whisper import WhisperEncoder
from assistant.errors import EncoderError, MismatchError
from assistant.values import Adaptation
from tests.encode.sounds import examples, said

WHISPER = starter_dir() / "whisper"
WEIGHTS = WHISPER / "model.bin"
MATRIX = "decoder/layer_0/ffn/linear_1/weight"


def settings(**changes: object) -> EncodeSettings:
    return EncodeSettings.model_validate({"path": WHISPER, **changes})


def opened(**changes: object) -> WhisperEncoder:
    return cast("WhisperEncoder", open_encoder(settings(**changes)))


def changes(size: float = 0.2) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    up, down = rng.standard_normal((384, 2)), rng.standard_normal((2, 1_536))
    return {MATRIX: ((size * up).astype(np.float32), down.astype(np.float32))}


def adapter(path: Path, base: str | None = None, outputs: int = 384) -> Path:
    """A file with changes of one matrix of the bundled recogniser."""
    ((name, (up, down)),) = changes().items()
    tensors = {f"{name}.up": up[:outputs].astype(np.float16), f"{name}.down": down}
    save_file(tensors, path, {BASE: base or identity(WEIGHTS)})
    return path


def test_it_changes_what_is_heard_and_the_fingerprint(tmp_path: Path) -> None:
    path, recording = adapter(tmp_path / "a.safetensors"), said(examples()[0])
    plain, changed = opened(), opened(adapter=path)
    assert changed.fingerprint != plain.fingerprint
    assert changed.encode(recording).transcript.text != plain.encode(recording).transcript.text
    without = opened(adapter="")
    assert without.fingerprint == plain.fingerprint
    assert without.encode(recording).transcript == plain.encode(recording).transcript


def test_what_somebody_teaches_comes_on_top_and_goes_again(tmp_path: Path) -> None:
    recording = said(examples()[0])
    plain, changed = opened(), opened(adapter=adapter(tmp_path / "a.safetensors"))
    heard = changed.encode(recording).transcript
    ((name, (up, down)),) = changes().items()
    changed.adapt(Adaptation("one", {name: (-up.astype(np.float16).astype(np.float32), down)}))
    assert changed.encode(recording).transcript.text == plain.encode(recording).transcript.text
    changed.adapt(None)
    assert changed.encode(recording).transcript == heard


def test_training_begins_with_it(tmp_path: Path) -> None:
    plain, changed = opened(), opened(adapter=adapter(tmp_path / "a.safetensors"))
    own, learner = plain.adaptable(), changed.adaptable()
    assert own is not None
    assert learner is not None
    before, after = own.weights(), learner.weights()
    up, down = changes()[MATRIX]
    added = up.astype(np.float16).astype(np.float32) @ down
    np.testing.assert_allclose(after[MATRIX], before[MATRIX] + added, atol=1e-5)
    assert all((after[name] == before[name]).all() for name in before if name != MATRIX)


def test_changes_of_one_matrix_add_up() -> None:
    one, two = changes(), changes(0.5)
    found = together(Adaptation("1", one), None, Adaptation("2", {**two, "other": one[MATRIX]}))
    up, down = found[MATRIX]
    wanted = one[MATRIX][0] @ one[MATRIX][1] + two[MATRIX][0] @ two[MATRIX][1]
    np.testing.assert_allclose(up @ down, wanted, rtol=1e-4, atol=1e-4)
    assert (found["other"][0] == one[MATRIX][0]).all()
    assert together(None, None) == {}


def test_one_of_another_recogniser_is_refused(tmp_path: Path) -> None:
    path = adapter(tmp_path / "a.safetensors", base="0" * 64)
    with pytest.raises(MismatchError, match="was made for another speech recogniser"):
        opened(adapter=path)


def test_one_that_does_not_fit_its_matrices_is_refused(tmp_path: Path) -> None:
    path = adapter(tmp_path / "a.safetensors", outputs=128)
    with pytest.raises(EncoderError, match=f"it has no {MATRIX} of shape"):
        opened(adapter=path)


def test_what_is_no_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"none\.safetensors is missing, or no adapter"):
        opened(adapter=tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("no tensors")
    with pytest.raises(EncoderError, match=r"is missing, or no adapter .*Set encode\.adapter to"):
        opened(adapter=tmp_path / "text")


def test_the_one_that_comes_with_attune_is_used_with_its_recogniser_and_language_alone(
    tmp_path: Path,
) -> None:
    ours = adapter(tmp_path / "a.safetensors")
    assert adapter_for(settings(), WEIGHTS, ours) is not None
    assert adapter_for(settings(language="de"), WEIGHTS, ours) is None
    assert adapter_for(settings(adapter=""), WEIGHTS, ours) is None
    assert adapter_for(settings(), WEIGHTS, adapter(tmp_path / "b", base="0" * 64)) is None
    assert adapter_for(settings(), WEIGHTS, tmp_path / "none") is None
