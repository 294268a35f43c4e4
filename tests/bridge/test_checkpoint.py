from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from assistant.bridge.checkpoint import FORMAT, Checkpoint, read
from assistant.bridge.kinds import projector
from assistant.errors import CheckpointError, MismatchError
from tests.bridge.tables import ENCODER, TABLE, checkpoint, config


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "bridge.safetensors"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("kind", ["bridgeformer", "linear", "mlp", "ctc"])
def test_what_is_written_is_read(kind: str, dtype: torch.dtype, path: Path) -> None:
    sizes = config(kind=kind, candidates=5 if kind == "ctc" else 0)
    written = checkpoint(sizes, accepted=True, provenance={"steps": 3, "from": ["a", "b"]})
    written.write(path, dtype)
    found = read(path)
    for name in ("config", "encoder", "table", "pad", "accepted", "provenance", "version"):
        assert getattr(found, name) == getattr(written, name)
    np.testing.assert_array_equal(found.token_ids, written.token_ids)
    frames = torch.randn(1, 9, sizes.encoder_dim)
    given, wanted = projector(found)(frames), projector(written)(frames)
    assert given.dtype == torch.float32
    if dtype == torch.float32:
        torch.testing.assert_close(given, wanted, rtol=0, atol=0)
    else:
        torch.testing.assert_close(given, wanted, rtol=1e-2, atol=1e-2)


def test_a_bridge_is_not_accepted_unless_it_says_so(path: Path) -> None:
    checkpoint().write(path)
    assert read(path).accepted is False


def test_equal_weights_have_equal_versions_and_others_another() -> None:
    assert checkpoint(seed=1).version == checkpoint(seed=1).version
    assert checkpoint(seed=1).version != checkpoint(seed=2).version
    assert checkpoint(seed=1).version == checkpoint(seed=1, accepted=True).version
    assert checkpoint(config(slots=4)).version != checkpoint(config(slots=5)).version


def test_using_a_projector_leaves_the_checkpoint_as_it_is() -> None:
    ours = checkpoint()
    before = ours.version
    with torch.no_grad():
        for weight in projector(ours).parameters():
            weight.add_(1.0)
    assert ours.version == before


def test_writing_replaces_the_old_file_and_leaves_nothing_behind(path: Path) -> None:
    checkpoint(seed=1).write(path)
    checkpoint(seed=2).write(path)
    assert read(path).version == checkpoint(seed=2).version
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_refused(path: Path) -> None:
    path.mkdir(parents=True)  # a folder stands where the file belongs
    with pytest.raises(CheckpointError, match="Cannot write what was learned to"):
        checkpoint().write(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with pytest.raises(CheckpointError, match="Cannot write what was learned to"):
        checkpoint().write(Path(__file__) / "bridge.safetensors")


def _gone(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _garbage(path: Path) -> None:
    path.write_bytes(b"This is no bridge at all, but quite a long text. " * 50)


def _pickled(path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, path)


class _Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return pytest.fail, ("a pickle was loaded",)


def _explosive(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Bomb()))


def _foreign(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def _of_another_version(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, metadata={"format": "attune-bridge-0"})


def _header(**changes: str | None) -> Callable[[Path], None]:
    """Change or leave out entries of the header."""

    def damage(path: Path) -> None:
        header = {
            "format": FORMAT,
            "config": config().model_dump_json(),
            "encoder": ENCODER,
            "table": TABLE,
            "pad": "0",
            "accepted": "false",
            "provenance": "{}",
        }
        kept = {name: text for name, text in (header | changes).items() if text is not None}
        save_file(load_file(path), path, metadata=kept)

    return damage


def _without_tokens(path: Path) -> None:
    tensors = load_file(path)
    del tensors["token_ids"]
    save_file(tensors, path)
    _header()(path)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_gone, "Nothing learned is at .* Set bridge.path, or use '--route transcript'."),
        (_empty, "is damaged"),
        (_truncated, "is damaged"),
        (_garbage, "is damaged"),
        (_pickled, "is damaged"),
        (_explosive, "is damaged"),
        (_foreign, "is nothing that this version of Attune has learned .format None"),
        (_of_another_version, "is nothing that .*'attune-bridge-0', expected 'attune-bridge-1'"),
        (_header(config=None), "is damaged"),
        (_header(config="{}"), "is damaged"),
        (_header(config="no JSON"), "is damaged"),
        (_header(pad="no JSON"), "is damaged"),
        (_header(encoder=None), "is damaged"),
        (_without_tokens, "is damaged"),
    ],
)
def test_a_file_that_is_no_bridge_is_refused_in_one_line(
    damage: Callable[[Path], None], told: str, path: Path
) -> None:
    checkpoint().write(path)
    damage(path)
    with pytest.raises(CheckpointError, match=told) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    assert "'--route transcript'" in str(raised.value) or "version of Attune" in str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": 16},
        {"layers": 2},
        {"kind": "mlp"},
        {"heads": 3},  # does not divide the width
        {"kind": "ctc"},  # without candidates
        {"hidden": 1 << 40},  # must not be made before it is refused
    ],
)
def test_a_header_that_does_not_fit_the_weights_is_refused(
    changes: dict[str, object], path: Path
) -> None:
    checkpoint().write(path)
    _header(config=json.dumps(config().model_dump() | changes))(path)
    with pytest.raises(CheckpointError, match="do not fit their own header") as raised:
        projector(read(path))
    assert "\n" not in str(raised.value)


def test_another_encoder_or_language_model_is_refused_with_what_mends_it() -> None:
    ours = checkpoint()
    ours.require(ENCODER, TABLE)
    with pytest.raises(MismatchError, match=r"another speech encoder .*encode\.path is other"):
        ours.require("other", TABLE)
    with pytest.raises(MismatchError, match=r"another language model .*generate\.path") as raised:
        ours.require(ENCODER, "other")
    assert "Set bridge.path" in str(raised.value)
    assert "'--route transcript'" in str(raised.value)


def test_a_checkpoint_is_a_value() -> None:
    assert replace(checkpoint(), accepted=True).accepted
    with pytest.raises(AttributeError):
        Checkpoint.__setattr__(checkpoint(), "accepted", True)
