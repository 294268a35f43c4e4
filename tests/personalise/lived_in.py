"""A data directory that has been lived in: exchanges, features, learned bridges, spoken replies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds import build
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.nets.projector_config import ProjectorConfig
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.values import Route, SpeechFeatures, Transcript
from tests.journal.exchanges import reply, soft_prompt, utterance

SIZES = ProjectorConfig(kind="linear", encoder_dim=24, llm_dim=32)


@dataclass(frozen=True)
class Traces:
    """Bytes by which an exchange, or what was learned from it, would be recognised."""

    of: tuple[bytes, ...]

    def left_in(self, folder: Path) -> list[tuple[str, bytes]]:
        """Files that hold any of them."""
        return [
            (path.name, trace)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            for trace in self.of
            if trace in path.read_bytes()
        ]


def talk(journal: Journal, number: int) -> Traces:
    """Put one corrected exchange into the journal, with its spoken reply beside it."""
    said, meant, answer = (f"{word} number {number:03}" for word in ("zaid", "meant", "answer"))
    frames = np.random.default_rng(number).normal(size=(40, 24)).astype(np.float32)
    turn_id = journal.hear(utterance(1.5, seed=number))
    journal.transcribed(turn_id, SpeechFeatures(frames, 50.0, Transcript(said, 0.5), "encoder-1"))
    prompt = soft_prompt(f"heard number {number:03}")
    journal.answering(turn_id, llm="llm-1", route=Route.BRIDGE, prompt=prompt)
    journal.answered(turn_id, reply(answer))
    journal.correct(turn_id, meant)
    corrected = journal.turn(turn_id).correction or ""
    replies = journal.path.parent / "replies"
    replies.mkdir(exist_ok=True)
    wave = np.random.default_rng(1_000 + number).bytes(3_000)
    (replies / f"turn-{turn_id:06}.wav").write_bytes(wave)
    return Traces(
        (
            said.encode(),
            corrected.encode(),
            answer.encode(),
            prompt.heard.encode(),
            middle(journal.flac(turn_id)),
            middle(frames.astype(np.float16).tobytes()),
            middle(wave),
        )
    )


def learn(
    journal: Journal,
    folder: BridgeFolder,
    turns: Iterable[int],
    *,
    seed: int,
    start: str = "base",
) -> tuple[str, Traces]:
    """Promote a bridge that was taught by these exchanges."""
    torch.manual_seed(seed)
    weights = {name: torch.randn_like(t) for name, t in build(SIZES).state_dict().items()}
    bridge = Checkpoint(SIZES, "encoder-1", "table", np.arange(3), 0, weights, accepted=True)
    record = Lineage(journal).trained(bridge.version, "linear", start, turns, ())
    Lineage(journal).judged(record, {"rouge1": 0.5}, accepted=True)
    folder.add(bridge)
    folder.promote(bridge.version)
    data = weights[next(iter(weights))].numpy().tobytes()
    return bridge.version, Traces((middle(data),))


def begin_training(folder: BridgeFolder) -> Traces:
    """Leave the state of a training that was interrupted."""
    folder.folder.mkdir(exist_ok=True)
    weights = np.random.default_rng(99).bytes(2_000)
    (folder.folder / "training.safetensors").write_bytes(weights)
    (folder.folder / "training.safetensors.part").write_bytes(weights[::-1])
    return Traces((middle(weights), middle(weights[::-1])))


def middle(data: bytes) -> bytes:
    """64 bytes from the middle."""
    return data[len(data) // 2 : len(data) // 2 + 64]
