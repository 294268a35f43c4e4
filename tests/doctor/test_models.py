from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds import build
from assistant.config import Settings
from assistant.doctor import models
from assistant.doctor.finding import Level
from assistant.doctor.subject import Subject
from assistant.errors import (
    CheckpointError,
    EmbeddingPathError,
    EncoderError,
    GGUFError,
    MismatchError,
)
from assistant.nets.projector_config import ProjectorConfig
from assistant.personalise.bridges.folder import BridgeFolder
from tests.encode import tiny
from tests.generate import toys

ARM = "Features : fp asimd evtstrm crc32 atomics fphp asimdhp cpuid asimdrdm asimddp"
OLD_ARM = "Features : fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"


class House:
    """Toy models that belong together, and a subject that uses them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.encoder = tiny.write(folder / "encoder")
        self.llm = toys.write(folder / "toy.gguf", toys.Toy())

    def subject(self, **changes: object) -> Subject:
        blocks: dict[str, object] = {
            "encode": {"path": self.encoder, "threads": 1},
            "generate": toys.settings(self.llm),
            "bridge": {"path": None},
            "journal": {"path": self.folder / "journal.db"},
        }
        return Subject(Settings.model_validate(blocks | changes))

    def bridge(self, **changes: object) -> Checkpoint:
        """A linear bridge between the two, or one that differs."""
        subject = self.subject()
        encoder = str(models.encoder(subject).figures["fingerprint"])
        table = str(models.language_model(subject).figures["fingerprint"])
        sizes = ProjectorConfig(kind="linear", encoder_dim=tiny.HIDDEN, llm_dim=toys.Toy().n_embd)
        torch.manual_seed(0)
        weights = build(sizes).state_dict()
        fields: dict[str, object] = {"encoder": encoder, "table": table, "weights": weights}
        whole = {"config": sizes, "token_ids": np.arange(3), "pad": 0, **fields, **changes}
        return Checkpoint(**whole)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(tmp_path: Path) -> BridgeFolder:
    return BridgeFolder(tmp_path / "bridges")


def learned(house: House, folder: BridgeFolder) -> Subject:
    return house.subject(personalise={"folder": folder.folder})


def test_models_that_are_whole_are_told_with_their_fingerprints(house: House) -> None:
    subject = house.subject()
    encoder, llm = models.encoder(subject), models.language_model(subject)
    assert encoder.level is llm.level is Level.OK
    assert encoder.text == f"encoder loads; its fingerprint is {encoder.figures['fingerprint']}."
    assert encoder.figures["dim"] == tiny.HIDDEN
    assert llm.text.startswith(f"toy.gguf is intact: llama, {toys.N_VOCAB} tokens")
    probe = models.embedding_path(subject)
    assert probe.level is Level.OK
    assert probe.figures == {"scale": 1.0, "difference": 0.0}


def test_models_that_are_not_there_or_cut_off_are_refused(house: House, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="No speech encoder in"):
        models.encoder(house.subject(encode={"path": tmp_path}))
    half = tmp_path / "half.gguf"
    half.write_bytes(house.llm.read_bytes()[: house.llm.stat().st_size // 2])
    cut_off = house.subject(generate={"path": half})
    for check in (models.language_model, models.embedding_path):
        with pytest.raises(GGUFError, match="cut off or damaged"):
            check(cut_off)


def test_a_model_that_cannot_be_given_sound_is_refused(house: House, tmp_path: Path) -> None:
    deep = toys.write(tmp_path / "deep.gguf", toys.Toy(architecture="gemma4"))
    subject = house.subject(generate={"path": deep})
    assert models.language_model(subject).level is Level.OK
    with pytest.raises(EmbeddingPathError, match="looks up words in every layer"):
        models.embedding_path(subject)


def test_the_base_bridge_must_belong_to_both_models(house: House, tmp_path: Path) -> None:
    def judged(**changes: object) -> Level:
        house.bridge(**changes).write(tmp_path / "bridge.safetensors")
        subject = house.subject(bridge={"path": tmp_path / "bridge.safetensors"})
        return models.base_bridge(subject).level

    assert judged() is Level.OK
    with pytest.raises(MismatchError, match="made for another speech encoder"):
        judged(encoder="another")
    with pytest.raises(MismatchError, match="made for another language model"):
        judged(table="another")
    with pytest.raises(CheckpointError, match="weights do not fit"):
        judged(weights={"body.weight": torch.zeros(2, 2)})
    (tmp_path / "bridge.safetensors").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="is damaged"):
        models.base_bridge(house.subject(bridge={"path": tmp_path / "bridge.safetensors"}))


def test_no_bridge_is_well_unless_the_route_wants_one(house: House) -> None:
    assert models.base_bridge(house.subject()).level is Level.OK
    assert models.base_bridge(house.subject(route="transcript")).level is Level.OK
    finding = models.base_bridge(house.subject(route="bridge"))
    assert finding.level is Level.FAIL
    assert "set bridge.path" in finding.text


def test_bridges_are_not_blamed_for_models_that_do_not_load(house: House, tmp_path: Path) -> None:
    house.bridge().write(tmp_path / "bridge.safetensors")
    subject = house.subject(
        bridge={"path": tmp_path / "bridge.safetensors"}, encode={"path": tmp_path}
    )
    finding = models.base_bridge(subject)
    assert finding.level is Level.WARN
    assert finding.text.startswith("Skipped, because the encoder or language model does not load")


def test_learned_bridges_are_read_and_the_answering_one_is_joined(
    house: House, folder: BridgeFolder
) -> None:
    assert models.learned_bridges(learned(house, folder)).text == "None learned yet."
    version = folder.add(house.bridge())
    assert models.learned_bridges(learned(house, folder)).text.startswith("1 kept, none of them")
    folder.promote(version)
    finding = models.learned_bridges(learned(house, folder))
    assert (finding.level, finding.text) == (
        Level.OK,
        f"1 kept, all readable; {version} is in use.",
    )
    assert finding.figures == {"bridges": 1, "current": version}


def test_a_learned_bridge_for_other_models_is_told(house: House, folder: BridgeFolder) -> None:
    version = folder.add(house.bridge(encoder="another"))
    folder.promote(version)
    finding = models.learned_bridges(learned(house, folder))
    assert finding.level is Level.WARN
    assert finding.text.startswith(f"The learned bridge {version} was made for another encoder")
    assert "'assistant retrain --from base'" in finding.text


def test_damaged_learned_bridges_are_told(house: House, folder: BridgeFolder) -> None:
    version = folder.add(house.bridge())
    folder.path(version).write_bytes(b"rubbish")
    finding = models.learned_bridges(learned(house, folder))
    assert finding.level is Level.WARN
    assert finding.text.startswith(f"1 of 1 cannot be read ({version}). Remove the file")
    whole = folder.add(house.bridge())
    folder.promote(whole)
    folder.path(whole).write_bytes(b"rubbish")
    finding = models.learned_bridges(learned(house, folder))
    assert "'assistant bridge rollback' goes back to one that works" in finding.text


def test_this_machine_has_a_build_that_is_made_for_it(house: House) -> None:
    finding = models.llama_cpp(house.subject())
    assert finding.level is Level.OK
    assert finding.figures["features"]


@pytest.mark.parametrize(
    ("info", "changes", "told"),
    [
        ("CPU : NEON = 1 | DOTPROD = 1 | ", {}, None),
        ("CPU : NEON = 1 | DOTPROD = 0 | ", {}, "built without DOTPROD"),
        ("CPU : NEON = 1 | ", {}, "-DGGML_NATIVE=on"),
        ("CPU : NEON = 1 | ", {"cpu": OLD_ARM}, None),
        ("CPU : RVV = 1 | ", {"architecture": "riscv64"}, None),
        ("CPU : SSE3 = 1 | ", {"architecture": "x86_64", "cpu": "flags : avx avx2"}, "AVX2"),
        ("CPU : SSE3 = 1 | ", {"architecture": "x86_64", "cpu": "flags : avx"}, None),
        ("CPU : DOTPROD = 1 | ", {"is_jetson": True}, "-DCMAKE_CUDA_ARCHITECTURES=87"),
        ("CPU : DOTPROD = 1 | ", {"is_jetson": True, "has_gpu": True}, "without CUDA"),
        (
            "CUDA : ARCHS = 870 | CPU : DOTPROD = 1 | ",
            {"is_jetson": True, "has_gpu": True},
            "set generate.gpu_layers to -1",
        ),
        (
            "CUDA : ARCHS = 870 | CPU : DOTPROD = 1 | ",
            {"is_jetson": True, "has_gpu": True, "wants_gpu": True},
            None,
        ),
        ("CPU : DOTPROD = 1 | ", {"wants_gpu": True}, "Set it to 0"),
    ],
)
def test_builds_for_other_machines_are_told_with_the_command_that_mends_them(
    info: str, changes: dict[str, bool], told: str | None
) -> None:
    circumstances = {
        "has_gpu": False,
        "wants_gpu": False,
        "is_jetson": False,
        "architecture": "aarch64",
        "cpu": ARM,
    }
    finding = models.build(info, **(circumstances | changes))  # pyright: ignore[reportArgumentType]
    assert finding.level is (Level.OK if told is None else Level.WARN)
    assert told is None or told in finding.text
