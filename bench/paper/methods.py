"""The methods of the comparison, on the product's own projectors, heads and loss.

| name | trained | through |
|---|---|---|
| ``ours`` | BridgeFormer | EmbedLink: the LLM's embedding rows (eqs. 1-7) |
| ``a1`` | a two-layer MLP | the frozen LLM's loss on the reply, in the manner of NExT-GPT |
| ``a2-lora``, ``a2-full`` | the same MLP and the LLM | the same loss, in the manner of X-VILA |
| ``a3`` | the speech encoder, behind a fixed MLP | the same loss, in the manner of LanguageBind |
| ``mlp`` | the same MLP (the paper's Proj_only) | EmbedLink |
| ``linear`` | one matrix (arXiv 2406.13357) | EmbedLink |
| ``ctc``, ``anchored``, ``letters`` | Attune's heads | as the product trains them |
| ``cascade`` | nothing: the transcript | |

The three baselines are as large as this machine allows, which the paper does, too: one MLP with
as many slots as BridgeFormer instead of their own adapters.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from assistant.bridge.batch import Batch, EncodedPair, Pair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds import build
from assistant.bridge.kinds.kind import Source, TrainingContext
from assistant.bridge.kinds.pooled import KIND, PooledHead
from assistant.config import PersonaliseSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.vocabulary import Vocabulary
from assistant.nets import embedlink
from assistant.nets.projector_config import ProjectorConfig
from assistant.personalise.judging.score import Replies, Score, result, score
from assistant.values import SpeechFeatures
from bench.paper.corpora import Corpus, Sample
from bench.paper.language import Twin

LORA_RANK = 8

SLOTS = 30
"""The paper's casted token size T."""

RATES = {"a2-full": 1e-4, "a3": 1e-4}
"""Learning rates where the paper's 1e-3 would wreck weights that are already trained."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What the methods share: the encoder, the LLM's tokens and rows, its answers."""

    encoder: Wav2Vec2Encoder
    language: Vocabulary
    replies: Replies
    twin: Callable[[], Twin]  # loaded only by those that need it
    settings: PersonaliseSettings

    def score(self, pairs: Sequence[Pair], given: Sequence[str], heard: Sequence[str]) -> Score:
        """Replies and readings against those to the true texts."""
        wanted, tokens = self.replies.to_text, self.language.tokens
        return score(
            [
                result(wanted(pair.text), reply, pair.text, read, tokens)
                for pair, reply, read in zip(pairs, given, heard, strict=True)
            ]
        )

    def score_bridge(self, bridge: Bridge, pairs: Sequence[Pair]) -> Score:
        """A bridge's soft prompts through llama.cpp."""
        prompts = [bridge.soft_prompt(pair.features) for pair in pairs]
        given = [self.replies.to_prompt(prompt) for prompt in prompts]
        return self.score(pairs, given, [prompt.heard for prompt in prompts])


class Method(Protocol):
    """A way to align speech with an LLM."""

    def parameters(self) -> Sequence[nn.Parameter]:
        """What is trained."""
        ...

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """The training objective of a batch."""
        ...

    def judge(self, samples: Sequence[Sample]) -> Score:
        """The dual-path score on utterances that were not trained on."""
        ...


class EmbedLinked:
    """A projector trained toward embedding rows; the LLM does not run."""

    def __init__(self, room: Room, corpus: Corpus, kind: str, number: int, slots: int) -> None:
        settings = room.settings.model_copy(
            update={
                "head": "pooled",
                "tuned": replace(room.settings.tuned, seed=number, slots=slots),
            }
        )
        source = Source(room.encoder.fingerprint, room.encoder.dim)
        context = TrainingContext(settings, source, room.language)
        begun = KIND.untrained(context, said(room.language, corpus))
        if kind != "bridgeformer":
            begun = _of_kind(begun, kind)
        self.checkpoint = begun
        self.network = build(begun.config)
        self.network.load_state_dict(begun.weights)
        self.head = PooledHead(
            begun, room.language, room.language.pad, settings.tuned.alpha, settings.tuned.beta
        )
        self._room = room
        self.learns_padding = True  # whether the slots after the text are in the loss

    def parameters(self) -> Sequence[nn.Parameter]:
        """All of the projector's."""
        return list(self.network.parameters())

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """EmbedLink's (eq. 7)."""
        batch = Batch.of([each.pair for each in samples])
        if self.learns_padding:
            return self.head.loss(self.network, batch)
        wanted, is_text = self.head.targets(batch)
        return embedlink.loss(self.head.slots(self.network, batch)[is_text], wanted[is_text])

    def bridge(self, *, pads: bool = False) -> Bridge:
        """As the product would use it; with ``pads``, the padding slots stay in."""
        return _bridge(self.checkpoint, self.network, self._room, pads=pads)

    def judge(self, samples: Sequence[Sample]) -> Score:
        """Slots that read as padding are left out, as the product does."""
        return self._room.score_bridge(self.bridge(), [each.pair for each in samples])


class ThroughLLM:
    """An MLP trained through the LLM's loss on the reply to the true text (A1 and A2)."""

    def __init__(self, room: Room, corpus: Corpus, number: int, llm: str, slots: int) -> None:
        self._room = room
        self.twin = room.twin()
        self.checkpoint, self.network = _mlp(room, corpus, number, slots)
        self._wanted = _wanted_replies(room, corpus)
        self._trained_llm = adapted(self.twin, llm)

    def parameters(self) -> Sequence[nn.Parameter]:
        """The MLP's, and the LLM's as far as it is trained."""
        return [*self.network.parameters(), *self._trained_llm]

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """Cross-entropy of the replies."""
        batch = Batch.of([each.pair for each in samples])
        rows = self.network(batch.frames, batch.lengths)
        return self.twin.loss(list(rows), [self._wanted[each.pair.text] for each in samples])

    def judge(self, samples: Sequence[Sample]) -> Score:
        """Through llama.cpp while the LLM is as it was, else through its trained twin."""
        pairs = [each.pair for each in samples]
        bridge = _bridge(self.checkpoint, self.network, self._room, pads=True)
        if not self._trained_llm:
            return self._room.score_bridge(bridge, pairs)
        prompt, prompts = self.twin.prompt, [bridge.soft_prompt(pair.features) for pair in pairs]
        given = [
            self._room.language.text(
                self.twin.reply(prompt.before, torch.tensor(each.rows), prompt.after)
            ).strip()
            for each in prompts
        ]
        return self._room.score(pairs, given, [each.heard for each in prompts])


class ThroughEncoder:
    """The speech encoder trained through a fixed MLP and the frozen LLM (A3)."""

    def __init__(self, room: Room, corpus: Corpus, number: int, slots: int) -> None:
        self._room = room
        self.twin = room.twin()
        self.twin.freeze()
        self.checkpoint, self.network = _mlp(room, corpus, number, slots)
        self.network.requires_grad_(requires_grad=False)
        self._wanted = _wanted_replies(room, corpus)
        self.body: Any = copy.deepcopy(room.encoder.body)
        self.body.requires_grad_(requires_grad=True)

    def parameters(self) -> Sequence[nn.Parameter]:
        """The encoder's."""
        return list(self.body.parameters())

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """Cross-entropy of the replies."""
        rows = [self.network(self.body(self._waves(each)).last_hidden_state)[0] for each in samples]
        return self.twin.loss(rows, [self._wanted[each.pair.text] for each in samples])

    def judge(self, samples: Sequence[Sample]) -> Score:
        """With the features of the encoder as it is now."""
        bridge = _bridge(self.checkpoint, self.network, self._room, pads=True)
        with torch.inference_mode():
            pairs = [EncodedPair(self._features(each), each.pair.text) for each in samples]
        return self._room.score_bridge(bridge, pairs)

    def _features(self, sample: Sample) -> SpeechFeatures:
        old = sample.pair.features
        frames = self.body(self._waves(sample)).last_hidden_state[0].numpy()
        return SpeechFeatures(
            np.ascontiguousarray(frames), old.frame_rate, old.transcript, old.encoder
        )

    def _waves(self, sample: Sample) -> Tensor:
        return torch.as_tensor(self._room.encoder.normalise(sample.utterance.samples))[None]


def adapted(twin: Twin, how: str) -> list[nn.Parameter]:
    """What of an LLM is trained: ``frozen`` nothing, ``lora`` low-rank additions, ``full`` all."""
    if how == "frozen":
        twin.freeze()
        return []
    if how == "lora":
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - slow to import

        twin.model = get_peft_model(
            twin.model,
            LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules="all-linear"),
        )
    else:
        twin.model.requires_grad_(requires_grad=True)
    return [parameter for parameter in twin.model.parameters() if parameter.requires_grad]


def cascade(room: Room, samples: Sequence[Sample]) -> Score:
    """The transcript as ordinary tokens, which the paper leaves out."""
    heard = [each.pair.features.transcript.text for each in samples]
    return room.score(
        [each.pair for each in samples], [room.replies.to_text(text) for text in heard], heard
    )


def make(name: str, room: Room, corpus: Corpus, number: int, slots: int = SLOTS) -> Method:
    """A method of the table, freshly initialised.

    Args:
        name: see the module; not one of Attune's heads, nor the cascade.
        room: what they share.
        corpus: what is said in it decides which tokens a slot can read as.
        number: the seed.
        slots: the casted token size T.
    """
    match name:
        case "ours":
            return EmbedLinked(room, corpus, "bridgeformer", number, slots)
        case "mlp" | "linear":
            return EmbedLinked(room, corpus, name, number, slots)
        case "a1":
            return ThroughLLM(room, corpus, number, "frozen", slots)
        case "a2-lora":
            return ThroughLLM(room, corpus, number, "lora", slots)
        case "a2-full":
            return ThroughLLM(room, corpus, number, "full", slots)
        case "a3":
            return ThroughEncoder(room, corpus, number, slots)
        case _:
            raise ValueError(f"no method {name}")


def said(language: Vocabulary, corpus: Corpus) -> set[int]:
    """Tokens of everything said and of everything understood in training."""
    texts = [
        text
        for each in corpus.train
        for text in (each.pair.text, each.pair.features.transcript.text)
    ]
    return {token for text in texts for token in language.tokens(text)}


def _of_kind(begun: Checkpoint, kind: str) -> Checkpoint:
    config = ProjectorConfig.model_validate({**begun.config.model_dump(), "kind": kind})
    return Checkpoint(
        config, begun.encoder, begun.table, begun.token_ids, begun.pad, build(config).state_dict()
    )


def _mlp(room: Room, corpus: Corpus, number: int, slots: int) -> tuple[Checkpoint, nn.Module]:
    begun = EmbedLinked(room, corpus, "mlp", number, slots)
    return begun.checkpoint, begun.network


def _bridge(checkpoint: Checkpoint, network: nn.Module, room: Room, *, pads: bool) -> Bridge:
    return Bridge(
        Checkpoint(
            checkpoint.config,
            checkpoint.encoder,
            checkpoint.table,
            checkpoint.token_ids,
            None if pads else checkpoint.pad,
            {name: tensor.detach() for name, tensor in network.state_dict().items()},
        ),
        room.language,
    )


def _wanted_replies(room: Room, corpus: Corpus) -> dict[str, list[int]]:
    """What the LLM answers to the true texts, as tokens."""
    texts = {each.pair.text for each in corpus.train}
    return {
        text: room.language.model.tokenize(room.replies.to_text(text), special=False)
        for text in texts
    }
