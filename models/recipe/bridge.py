"""Train the starter's bridges with EmbedLink, without ever running the language model.

The speech is synthesised and recorded in imagined rooms, encoded once by the finished encoder,
and the features are kept. ``pooled`` is the paper's BridgeFormer with its loss (eqs. 1-7);
``ctc`` is the same body with a CTC output over the language model's own tokens.

    python -m models.recipe.bridge --out build --head ctc --steps 6000 --data PATH
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2ForCTC

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds import build
from assistant.config import EncodeSettings, GenerateSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.generate.words import as_words
from assistant.nets.embedlink import loss as embedlink_loss
from assistant.nets.embedlink import targets
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.tokenctc import BLANK
from models.recipe.augment import Augmenter
from models.recipe.corpus import Sentences, read, recordings, spoken_form
from models.recipe.encoder import normalised
from models.recipe.llm import PAD
from models.recipe.synthesis import Synthesiser, training_voice

QUANTUM = 6_400  # samples: recordings are filled with silence to whole multiples


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Features of one utterance and the tokens of its text."""

    frames: NDArray[np.float16]  # (n_frames, encoder_dim)
    tokens: tuple[int, ...]


@torch.inference_mode()
def encode(encoder: Wav2Vec2ForCTC, waves: list[NDArray[np.float32]]) -> list[NDArray[np.float16]]:
    """Features of recordings of equal length."""
    hidden = encoder.wav2vec2(torch.from_numpy(np.stack(waves))).last_hidden_state
    return list(hidden.numpy().astype(np.float16))


def spoken_pairs(
    encoder: Wav2Vec2ForCTC, session: LlamaSession, count: int, seed: int, data: Path | None
) -> list[Pair]:
    """Synthesised training pairs, recordings of equal length encoded together."""
    rng = random.Random(seed)
    sentences, synthesiser, augment = Sentences(seed, data), Synthesiser(), Augmenter(seed)
    waiting: dict[int, list[tuple[NDArray[np.float32], str]]] = {}
    pairs: list[Pair] = []
    began = time.monotonic()
    while len(pairs) < count:
        text = next(sentences)
        try:
            samples = synthesiser.speak(text, training_voice(rng)).samples.astype(np.float32)
        except RuntimeError:
            continue  # a few variants do not go with a few languages
        wave, _ = augment(samples)
        wave = fill(wave, rng)
        bucket = waiting.setdefault(len(wave), [])
        bucket.append((wave, text))
        if len(bucket) == 16:
            features = encode(encoder, [wave for wave, _ in bucket])
            for frames, (_, said) in zip(features, bucket, strict=True):
                pairs.append(Pair(frames, tuple(session.tokenize(as_words(said), special=False))))
            bucket.clear()
            if len(pairs) % 1600 == 0:
                rate = len(pairs) / (time.monotonic() - began)
                print(f"{len(pairs)} utterances encoded, {rate:.0f}/s", flush=True)
    return pairs


def fill(wave: NDArray[np.float32], rng: random.Random) -> NDArray[np.float32]:
    """Lengthen to a whole multiple of the quantum with the recording's own quietest noise."""
    missing = -len(wave) % QUANTUM
    noise = np.random.default_rng(rng.randrange(2**32)).standard_normal(missing)
    level = np.abs(wave[:320]).mean()
    return normalised(np.concatenate([wave, (level * noise).astype(np.float32)]))


def human_pairs(encoder: Wav2Vec2ForCTC, session: LlamaSession, data: Path) -> list[Pair]:
    """The human recordings' training part."""
    pairs: list[Pair] = []
    for clip in recordings(data, held_out_part=False):
        text = spoken_form(clip.text)
        wave = normalised(read(clip))
        if 0.5 * 16_000 < len(wave) < 9 * 16_000 and text:
            tokens = tuple(session.tokenize(as_words(text), special=False))
            pairs.append(Pair(encode(encoder, [wave])[0], tokens))
    return pairs


def batches(pairs: list[Pair], size: int, rng: random.Random) -> Iterator[list[Pair]]:
    """Endless batches of pairs of like length."""
    while True:
        shuffled = sorted(pairs, key=lambda pair: (len(pair.frames), rng.random()))
        chunks = [shuffled[i : i + size] for i in range(0, len(shuffled), size)]
        rng.shuffle(chunks)
        yield from chunks


def stacked(batch: list[Pair]) -> tuple[Tensor, Tensor]:
    """Frames padded at the end, (batch, n_frames, encoder_dim), and their lengths."""
    lengths = torch.tensor([len(pair.frames) for pair in batch])
    frames = torch.zeros(len(batch), int(lengths.max()), batch[0].frames.shape[1])
    for row, pair in enumerate(batch):
        frames[row, : len(pair.frames)] = torch.from_numpy(pair.frames.astype(np.float32))
    return frames, lengths


def ctc_loss(logits: Tensor, lengths: Tensor, batch: list[Pair]) -> Tensor:
    """CTC per token over candidates that are all tokens in order."""
    labels = torch.tensor([token + 1 for pair in batch for token in pair.tokens])
    return functional.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1),
        labels,
        lengths,
        torch.tensor([len(pair.tokens) for pair in batch]),
        blank=BLANK,
        zero_infinity=True,
        reduction="sum",
    ) / len(labels)


def train(arguments: argparse.Namespace) -> None:
    """Encode, train, write the checkpoint."""
    torch.manual_seed(arguments.seed)
    out: Path = arguments.out
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": arguments.encoder}))
    network = Wav2Vec2ForCTC.from_pretrained(arguments.encoder, dtype=torch.float32).eval()
    settings = GenerateSettings.model_validate({"path": arguments.llm})
    rng = random.Random(arguments.seed)
    with LlamaSession(settings) as session:
        table = session.gguf.rows(np.arange(session.gguf.n_vocab))
        fingerprint = session.gguf.embedding_fingerprint
        pairs = cached(arguments, network, session)
    is_ctc = arguments.head == "ctc"
    config = ProjectorConfig(
        kind=arguments.head,
        encoder_dim=encoder.dim,
        llm_dim=table.shape[1],
        layers=arguments.layers,
        candidates=len(table) if is_ctc else 0,
    )
    projector = build(config)
    matrices = [
        p for n, p in projector.named_parameters() if p.ndim == 2 and n.startswith("layers")
    ]
    chosen = {id(p) for p in matrices}
    others = [p for p in projector.parameters() if id(p) not in chosen]
    optims: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=arguments.rate, weight_decay=0.01)
    ]
    if matrices:
        optims.append(
            torch.optim.Muon(
                matrices, lr=arguments.rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
            )
        )
    print(sum(p.numel() for p in projector.parameters()), "parameters", len(pairs), "pairs")
    began, total = time.monotonic(), 0.0
    for step, batch in enumerate(batches(pairs, arguments.batch, rng), 1):
        if step > arguments.steps:
            break
        rate = arguments.rate * min(
            1.0, step / 100, (arguments.steps - step + 1) / arguments.steps * 2
        )
        for optim in optims:
            for group in optim.param_groups:
                group["lr"] = rate
        frames, lengths = stacked(batch)
        with torch.autocast("cpu", torch.bfloat16):
            output = projector(frames, lengths)
        if is_ctc:
            objective = ctc_loss(output, lengths, batch)
        else:
            wanted = targets([pair.tokens for pair in batch], table, config.slots, PAD)
            scale = float(table.std())  # squared error in units of the rows' own spread
            objective = embedlink_loss(output.float() / scale, wanted / scale)
        objective.backward()
        nn.utils.clip_grad_norm_(projector.parameters(), 1.0)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        total += float(objective.detach())
        if step % 50 == 0:
            elapsed = time.monotonic() - began
            print(
                f"step {step} loss {total / 50:.4f} rate {rate:.2e} "
                f"{step * arguments.batch / elapsed:.0f} utterances/s {elapsed / 60:.1f} min",
                flush=True,
            )
            total = 0.0
        if step % 500 == 0 or step == arguments.steps:
            Checkpoint(
                config=config,
                encoder=encoder.fingerprint,
                table=fingerprint,
                token_ids=np.arange(len(table)),
                pad=None if is_ctc else PAD,
                weights=projector.state_dict(),
                provenance={"recipe": "models/recipe/bridge.py", "steps": step},
            ).write(out / f"bridge-{arguments.head}.safetensors", torch.float16)


def cached(
    arguments: argparse.Namespace, network: Wav2Vec2ForCTC, session: LlamaSession
) -> list[Pair]:
    """The pairs, encoded once and kept beside the output for the next head."""
    path: Path = arguments.out / "features.npz"
    if path.is_file():
        with np.load(path) as kept:
            frames = np.split(kept["frames"], kept["frame_ends"][:-1])
            tokens = np.split(kept["tokens"], kept["token_ends"][:-1])
        return [Pair(f, tuple(t.tolist())) for f, t in zip(frames, tokens, strict=True)]
    pairs = spoken_pairs(network, session, arguments.utterances, arguments.seed, arguments.data)
    if arguments.data is not None:
        pairs += human_pairs(network, session, arguments.data)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        frames=np.concatenate([pair.frames for pair in pairs]),
        frame_ends=np.cumsum([len(pair.frames) for pair in pairs]),
        tokens=np.concatenate([pair.tokens for pair in pairs]),
        token_ends=np.cumsum([len(pair.tokens) for pair in pairs]),
    )
    return pairs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--llm", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of public recordings and texts")
    parser.add_argument("--head", choices=("bridgeformer", "ctc", "linear", "mlp"), required=True)
    parser.add_argument("--utterances", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=2_500)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
