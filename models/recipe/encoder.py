"""Train the starter's speech encoder: a small Wav2Vec2ForCTC, from nothing, on a CPU.

Three things make that quick. The speech is synthesised on the way, so no sentence is ever
heard twice. espeak-ng says which phoneme it speaks when, and a frame-wise phoneme loss half
way up the network spares CTC its long search for an alignment. And matrices are trained with
Muon, in bfloat16 where the processor has it.

    python -m models.recipe.encoder --out build --steps 20000 --data PATH
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
)

from models.recipe.augment import Augmenter
from models.recipe.corpus import (
    Clip,
    Sentences,
    held_out_requests,
    read,
    recordings,
    spoken_form,
)
from models.recipe.synthesis import Synthesiser, held_out_voice, training_voice

VOCABULARY = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
"""The 32 symbols of wav2vec2-base-960h, in its order."""

IDS = {symbol: index for index, symbol in enumerate(VOCABULARY)}
STRIDES, KERNELS, CHANNELS = (40, 4, 4), (256, 8, 8), (128, 192, 256)
HOP = int(np.prod(STRIDES))  # samples per frame: 40 ms
RECEPTIVE = 256 + 7 * 40 + 7 * 160  # samples that one frame sees before the transformer
MIDDLE = 3  # the layer under which the phoneme loss sits
MAX_PHONEMES = 160


def configuration() -> Wav2Vec2Config:
    """The starter's architecture, 5.5 M parameters."""
    return Wav2Vec2Config(
        vocab_size=len(VOCABULARY),
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1024,
        feat_extract_norm="group",
        conv_dim=CHANNELS,
        conv_stride=STRIDES,
        conv_kernel=KERNELS,
        conv_bias=False,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=16,
        do_stable_layer_norm=True,
        apply_spec_augment=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        ctc_loss_reduction="mean",
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def filterbank(channels: int, kernel: int) -> Tensor:
    """Windowed cosines and sines at mel-spaced frequencies, shape (channels, 1, kernel).

    The first convolution starts as a quadrature filterbank and is trained from there.
    """
    mel = np.linspace(2595 * np.log10(1 + 80 / 700), 2595 * np.log10(1 + 7600 / 700), channels // 2)
    frequency = 700 * (10 ** (mel / 2595) - 1)
    at = (np.arange(kernel) - kernel / 2) / 16_000
    phase = 2 * np.pi * frequency[:, None] * at[None, :]
    bank = np.concatenate([np.cos(phase), np.sin(phase)]) * np.hanning(kernel)
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    return torch.tensor(bank[:, None, :], dtype=torch.float32)


class Trainee(nn.Module):
    """The encoder with the phoneme head that is thrown away afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Wav2Vec2ForCTC._from_config(  # noqa: SLF001 - no public way to choose
            configuration(),
            attn_implementation="eager",  # faster than SDPA on short sequences
        )
        first: Any = self.encoder.wav2vec2.feature_extractor.conv_layers[0]
        with torch.no_grad():
            first.conv.weight.copy_(filterbank(CHANNELS[0], KERNELS[0]))
        hidden = self.encoder.config.hidden_size
        self.phonemes = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, MAX_PHONEMES))

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        """Waves (batch, n_samples) to CTC and phoneme logits, (batch, n_frames, symbols)."""
        states = self.encoder.wav2vec2(waves, output_hidden_states=True)
        return self.encoder.lm_head(states.last_hidden_state), self.phonemes(
            states.hidden_states[MIDDLE]
        )


@dataclass(slots=True)
class Sample:
    """One augmented utterance with what is to be learned from it."""

    wave: NDArray[np.float32]  # shape (n_samples,)
    text: str
    phonemes: list[tuple[int, int]]  # (first sample, phoneme id); empty when not known


@dataclass(slots=True)
class Batch:
    """Utterances of like length, padded with silence at the end."""

    waves: Tensor  # (batch, n_samples)
    labels: Tensor  # (sum of lengths,)
    label_lengths: Tensor  # (batch,)
    phonemes: Tensor  # (batch, n_frames), -100 where not known


class Feed:
    """Synthesises, augments and sorts training speech in a thread of its own."""

    def __init__(
        self,
        seed: int,
        data: Path | None,
        human_share: float,
        seconds: float,
        phoneme_ids: dict[str, int],
    ) -> None:
        self._rng = random.Random(seed)
        self._sentences = Sentences(seed, data)
        self._synthesiser = Synthesiser()
        self._augment = Augmenter(seed)
        self._seconds = seconds  # of sound per batch
        self.phoneme_ids = phoneme_ids
        self._human_share = human_share if data is not None else 0.0
        self._clips: list[tuple[Clip, NDArray[np.float32]]] = []
        if self._human_share and data is not None:
            self._clips = [(clip, read(clip)) for clip in recordings(data, held_out_part=False)]
        self._queue: queue.Queue[Batch] = queue.Queue(maxsize=24)
        threading.Thread(target=self._work, daemon=True).start()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self._queue.get()

    def _work(self) -> None:
        while True:
            pool = sorted((self._sample() for _ in range(400)), key=lambda s: len(s.wave))
            batches: list[list[Sample]] = [[]]
            for sample in pool:
                if len(sample.wave) * (len(batches[-1]) + 1) > self._seconds * 16_000:
                    batches.append([])
                batches[-1].append(sample)
            self._rng.shuffle(batches)
            for batch in batches:
                if batch:
                    self._queue.put(collate(batch))

    def _sample(self) -> Sample:
        if self._clips and self._rng.random() < self._human_share:
            clip, samples = self._rng.choice(self._clips)
            if len(samples) < 16_000 * 9:
                wave, _ = self._augment(self._augment.stretch(samples))
                return Sample(wave, spoken_form(clip.text), [])
        while True:
            text = next(self._sentences)
            voice = training_voice(self._rng)
            try:
                spoken = self._synthesiser.speak(text, voice)
            except RuntimeError:
                continue  # a few variants do not go with a few languages
            wave, lead = self._augment(spoken.samples.astype(np.float32))
            marks = [
                (at + lead, self.phoneme_ids.setdefault(name, len(self.phoneme_ids)))
                for at, name in spoken.phonemes
            ]
            return Sample(wave, text, marks if voice.is_english else [])


def collate(samples: list[Sample]) -> Batch:
    """Pad to the longest and turn text and phoneme marks into targets."""
    longest = max(len(sample.wave) for sample in samples)
    frames = (longest - RECEPTIVE) // HOP + 1
    waves = torch.zeros(len(samples), longest)
    phonemes = torch.full((len(samples), frames), -100)
    labels: list[int] = []
    lengths: list[int] = []
    centres = np.arange(frames) * HOP + RECEPTIVE // 2
    for row, sample in enumerate(samples):
        waves[row, : len(sample.wave)] = torch.from_numpy(sample.wave)
        ids = [IDS[symbol] for symbol in sample.text.upper().replace(" ", "|")]
        labels += ids
        lengths.append(len(ids))
        if sample.phonemes:
            starts = np.array([at for at, _ in sample.phonemes])
            names = np.array([name if name < MAX_PHONEMES else -100 for _, name in sample.phonemes])
            index = np.searchsorted(starts, centres, side="right") - 1
            known = (index >= 0) & (centres < len(sample.wave))
            target = np.where(known, names[np.maximum(index, 0)], -100)
            phonemes[row] = torch.from_numpy(target)
    return Batch(waves, torch.tensor(labels), torch.tensor(lengths), phonemes)


def losses(trainee: Trainee, batch: Batch) -> tuple[Tensor, Tensor]:
    """CTC loss per character, and phoneme cross-entropy."""
    with torch.autocast("cpu", torch.bfloat16):
        ctc_logits, phoneme_logits = trainee(batch.waves)
    frames = ctc_logits.shape[1]
    log_probs = ctc_logits.float().log_softmax(-1).transpose(0, 1)
    ctc = functional.ctc_loss(
        log_probs,
        batch.labels,
        torch.full((log_probs.shape[1],), frames),
        batch.label_lengths,
        blank=0,
        zero_infinity=True,
        reduction="sum",
    ) / len(batch.labels)
    phoneme = functional.cross_entropy(
        phoneme_logits.float().flatten(0, 1), batch.phonemes.flatten(), ignore_index=-100
    )
    return ctc, torch.nan_to_num(phoneme)


def read_out(logits: Tensor) -> str:
    """Greedy CTC reading of one utterance's logits, (n_frames, symbols), lower case."""
    ids = torch.unique_consecutive(logits.argmax(-1)).tolist()
    text = "".join(VOCABULARY[index] for index in ids if index > 3)
    return " ".join(text.replace("|", " ").lower().split())


def word_errors(reference: str, hypothesis: str) -> int:
    """Edit distance in words."""
    ours, theirs = reference.split(), hypothesis.split()
    row = list(range(len(theirs) + 1))
    for i, word in enumerate(ours, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(theirs, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


@torch.inference_mode()
def word_error_rate(
    encoder: Wav2Vec2ForCTC, probes: list[tuple[NDArray[np.float32], str]]
) -> float:
    """Word error rate of greedy readings, utterances one by one as at run time."""
    encoder.eval()
    wrong = total = 0
    for wave, text in probes:
        logits = encoder(torch.from_numpy(wave)[None]).logits[0]
        wrong += word_errors(text, read_out(logits))
        total += len(text.split())
    encoder.train()
    return wrong / total


def normalised(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean and unit variance, as the processor does it."""
    return (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)


def synthetic_probes(seed: int, count: int) -> list[tuple[NDArray[np.float32], str]]:
    """Sentences and voices that no training has seen, clean, with 0.3 s of silence around."""
    rng = random.Random(seed)
    synthesiser = Synthesiser()
    probes: list[tuple[NDArray[np.float32], str]] = []
    for text in held_out_requests(seed, count):
        samples = synthesiser.speak(text, held_out_voice(rng)).samples.astype(np.float32)
        samples = np.pad(samples, 4_800)
        noise = np.random.default_rng(len(probes)).standard_normal(len(samples)) * 20
        probes.append((normalised(samples + noise.astype(np.float32)), text))
    return probes


def optimisers(trainee: Trainee, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the transformer's matrices, AdamW for everything else."""
    matrices = [
        parameter
        for name, parameter in trainee.named_parameters()
        if parameter.ndim == 2 and ".encoder.layers." in name
    ]
    chosen = {id(parameter) for parameter in matrices}
    others = [p for p in trainee.parameters() if id(p) not in chosen and p.requires_grad]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def train(arguments: argparse.Namespace) -> None:
    """Run one phase: a warm-up, a constant rate, then a linear decay to zero."""
    torch.manual_seed(arguments.seed)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    trainee = Trainee()
    print(sum(p.numel() for p in trainee.encoder.parameters()), "parameters", flush=True)
    probes = synthetic_probes(7_001, 100)
    human = []
    if arguments.data is not None:
        clips = recordings(arguments.data, held_out_part=True)
        human = [
            (normalised(read(clip)), spoken_form(clip.text))
            for clip in random.Random(5).sample(clips, min(60, len(clips)))
        ]
    phoneme_ids: dict[str, int] = {}
    if arguments.start:
        with safe_open(arguments.start, "np") as file:
            phoneme_ids = json.loads(file.metadata()["phonemes"])
    feed = Feed(
        arguments.seed, arguments.data, arguments.human_share, arguments.batch_seconds, phoneme_ids
    )
    optims = optimisers(trainee, arguments.rate)
    if arguments.start:
        trainee.load_state_dict(load_file(arguments.start))
    began, seen = time.monotonic(), 0
    totals = np.zeros(2)
    decay_steps = max(1, int(arguments.decay * arguments.steps))
    for step, batch in enumerate(feed, 1):
        if step > arguments.steps:
            break
        rate = arguments.rate * min(
            1.0, step / arguments.warm_up, (arguments.steps - step + 1) / decay_steps
        )
        for optim in optims:
            for group in optim.param_groups:
                group["lr"] = rate
        ctc, phoneme = losses(trainee, batch)
        (ctc + arguments.phoneme_weight * phoneme).backward()
        nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        seen += len(batch.waves)
        totals += ctc.item(), phoneme.item()
        if step % 50 == 0:
            elapsed = time.monotonic() - began
            print(
                f"step {step} seen {seen} ctc {totals[0] / 50:.3f} phoneme {totals[1] / 50:.3f} "
                f"rate {rate:.2e} {seen / elapsed:.0f} utterances/s {elapsed / 60:.1f} min",
                flush=True,
            )
            totals[:] = 0
        if step % arguments.every == 0 or step == arguments.steps:
            figures = {"step": step, "seen": seen, "wer": word_error_rate(trainee.encoder, probes)}
            if human:
                figures["human_wer"] = word_error_rate(trainee.encoder, human)
            print(json.dumps(figures), flush=True)
            save(trainee, feed, out)


def save(trainee: Trainee, feed: Feed, out: Path) -> None:
    """Write the training state, and the encoder as a Hugging Face folder in float16."""
    part = out / "state.safetensors.part"
    state = {name: value.clone() for name, value in trainee.state_dict().items()}
    save_file(state, part, {"phonemes": json.dumps(feed.phoneme_ids)})
    part.rename(out / "state.safetensors")
    export(trainee.encoder, out / "encoder")


def export(encoder: Wav2Vec2ForCTC, folder: Path) -> None:
    """Write a Wav2Vec2ForCTC folder with its processor, weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(IDS))
    tokenizer = Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"),
        word_delimiter_token="|",  # noqa: S106 - no password
        do_lower_case=False,
    )
    extractor = Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=16_000, do_normalize=True, return_attention_mask=False
    )
    Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    twin = Wav2Vec2ForCTC(encoder.config)
    twin.load_state_dict(encoder.state_dict())
    twin.half().save_pretrained(folder)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of public recordings and texts")
    parser.add_argument("--human-share", type=float, default=0.0)
    parser.add_argument("--start", type=Path, help="training state to go on from")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--batch-seconds", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--decay", type=float, default=0.3)
    parser.add_argument("--phoneme-weight", type=float, default=0.5)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
