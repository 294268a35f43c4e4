"""``anchored``: keeps, replaces, doubles or drops each token of the encoder's hypothesis."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.bridge.batch import Batch
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import (
    Head,
    Joined,
    Kind,
    Reader,
    Reading,
    TrainingContext,
    places_of,
)
from assistant.bridge.kinds.shared_tokens import Shared, described, floats
from assistant.bridge.language import Language, Tokens
from assistant.nets import alignment
from assistant.nets.alignment import unit
from assistant.nets.anchored import NOTHING, Anchored, Anchors, aligned
from assistant.nets.projector_config import ProjectorConfig
from assistant.spoken import said_words
from assistant.values import SpeechFeatures, Transcript


class _AnchoredKind(Kind):
    """Untrained, it equals the transcript route; candidates need no weights of their own."""

    retrain_steps = 300
    bootstrap_steps = 1_000

    def network(self, config: ProjectorConfig) -> nn.Module:
        return Anchored(
            config.encoder_dim, config.llm_dim, config.hidden, config.heads, config.layers
        )

    def last_matrix(self, _network: str) -> str:
        return "output.weight"

    def reader(self, joined: Joined) -> Reader:
        """Posterior-weighted mixtures of rows, for slots that say something.

        A hypothesis with tokens that are not candidates is returned unchanged.
        """
        found, language = joined.checkpoint, joined.language
        rows = joined.rows(found.config.candidates)
        directions = functional.normalize(torch.as_tensor(rows), dim=-1)
        places = places_of(found)

        def read(features: SpeechFeatures) -> Reading:
            transcript = features.transcript
            tokens = language.tokens(transcript.spoken)
            if not tokens or any(token not in places for token in tokens):
                return Reading(language.rows(tokens), tokens, transcript.confidence)
            anchors = anchors_of([places[token] for token in tokens], tokens, features, language)
            output = joined.output(features, anchors, directions)
            posteriors = output.softmax(-1).flatten(0, 1)  # (2 x slots, candidates + 1)
            said = posteriors.argmax(-1) != NOTHING
            shares, indexes = posteriors[said, 1:].topk(min(8, len(rows)), dim=-1)
            weights = (shares / shares.sum(-1, keepdim=True)).numpy()
            mixture = (weights[..., None] * rows[indexes.numpy()]).sum(axis=1)
            of_word = np.repeat(_places(tokens, transcript, language), 2)[said.numpy()]
            sure = _by_word(of_word, shares[:, 0].numpy(), transcript)
            emitted = found.token_ids[indexes[:, 0].numpy()].tolist()
            return Reading(mixture, emitted, joined.calibration(sure))

        return read

    def untrained(self, context: TrainingContext, tokens: Collection[int]) -> Checkpoint:
        return self._drawn(context, "anchored", tokens, layers=2, candidates=len(tokens))

    def head(self, found: Checkpoint, context: TrainingContext) -> Head:
        return AnchoredHead(found, context.language)

    def widened(self, found: Checkpoint, tokens: Iterable[int]) -> Checkpoint:
        known = found.token_ids.tolist()
        return _over(found, [*known, *sorted(set(tokens) - set(known))])

    def carried(
        self, found: Checkpoint, old: Tokens, new: Tokens, said: set[int]
    ) -> tuple[Checkpoint, str]:
        """A network that reads and scores new rows by mapping them back to old ones.

        It sees only rows of unit length and scores them as w · old = w · (B new + c), so B is
        multiplied into its input and into w. Every token's score then lacks w · c, so the score of
        saying nothing is reduced by it instead.
        """
        shared = Shared.between(old, new)
        fitted = shared.chosen(said)
        back = alignment.fit(unit(new.rows(fitted.new)), unit(old.rows(fitted.old)))
        matrix, offset = torch.as_tensor(back.matrix), torch.as_tensor(back.offset)
        taken, taken_bias = floats(found.weights, "token.weight", "token.bias")
        scored, scored_bias = floats(found.weights, "output.weight", "output.bias")
        gates, gates_bias = floats(found.weights, "gates.weight", "gates.bias")
        by_emission = scored.view(2, len(offset), -1)
        bias_by_emission = scored_bias.view(2, -1)
        gates, gates_bias = gates.clone(), gates_bias.clone()
        gates[1::2] -= offset @ by_emission  # every second gate means saying nothing
        gates_bias[1::2] -= bias_by_emission @ offset
        changed = {
            "token.weight": taken @ matrix.T,
            "token.bias": taken_bias + taken @ offset,
            "output.weight": (matrix @ by_emission).flatten(0, 1),
            "output.bias": (bias_by_emission @ matrix.T).flatten(),
            "gates.weight": gates,
            "gates.bias": gates_bias,
        }
        after = replace(found, weights={**found.weights, **changed})
        tokens = shared.counterparts(found.token_ids.tolist()) | said
        return _over(after, sorted(tokens)), described(back, len(fitted.old))


KIND = _AnchoredKind()


class AnchoredHead(Head):
    """Cross entropy of each slot's two emissions against the aligned text."""

    def __init__(self, checkpoint: Checkpoint, language: Language) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._places = places_of(checkpoint)
        rows = torch.as_tensor(language.rows(checkpoint.token_ids))
        self._directions = functional.normalize(rows, dim=-1)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross entropy per emission; utterances without a hypothesis are ignored."""
        losses: list[Tensor] = []
        for row, pair in enumerate(batch.pairs):
            features = pair.features
            tokens = self._language.tokens(features.transcript.spoken)
            if not tokens:
                continue
            places = [self._places[token] for token in tokens]
            anchors = anchors_of(places, tokens, features, self._language)
            wanted = [
                NOTHING if token is None else self._places[token] + 1
                for said in aligned(tokens, self._language.tokens(pair.text))
                for token in said
            ]
            frames = batch.frames[row : row + 1, : pair.frames]
            directions = self._directions.to(frames.device)
            logits = cast("Tensor", network(frames, anchors, directions))
            cross = functional.cross_entropy(logits.flatten(0, 2), torch.tensor(wanted))
            losses.append(cross * pair.weight)
        if not losses:
            return torch.zeros((), requires_grad=True)
        return torch.stack(losses).sum() / batch.weights.sum()


def anchors_of(
    candidates: Sequence[int], tokens: Sequence[int], features: SpeechFeatures, language: Language
) -> Anchors:
    """Where each token of the features' transcript was heard, as a batch of one.

    ``candidates`` are the tokens' places among the candidates.
    """
    spans = _spans(tokens, features.transcript, language)
    frames = len(features.frames)
    first = [min(int(begin * features.frame_rate), frames - 1) for begin, _ in spans]
    last = [int(np.ceil(end * features.frame_rate)) for _, end in spans]
    return Anchors(
        tokens=torch.tensor([list(candidates)]),
        first=torch.tensor([first]),
        last=torch.tensor([[max(b + 1, e) for b, e in zip(first, last, strict=True)]]),
        lengths=torch.tensor([len(tokens)]),
    )


def _spans(
    tokens: Sequence[int], transcript: Transcript, language: Language
) -> list[tuple[float, float]]:
    """Begin and end of each token in seconds, dividing a word's time by its letters."""
    times: list[float] = []  # at which each letter begins, spaces included
    for word in transcript.words:
        said = said_words(word.text)
        step = (word.end_s - word.start_s) / max(1, len(said))
        times.append(word.start_s)  # the space before it
        times += [word.start_s + step * at for at in range(len(said))]
    times.append(transcript.words[-1].end_s if transcript.words else 0.0)
    ends = np.cumsum([len(language.text([token])) for token in tokens]).clip(max=len(times) - 1)
    begins = np.concatenate([[0], ends[:-1]])
    return [(times[b], times[e]) for b, e in zip(begins.tolist(), ends.tolist(), strict=True)]


def _places(tokens: Sequence[int], transcript: Transcript, language: Language) -> NDArray[np.int64]:
    """The index of the word that each token belongs to, (n_tokens,)."""
    of_letters: list[int] = []
    for at, word in enumerate(transcript.words):
        of_letters += [at] * (len(said_words(word.text)) + 1)
    of_letters = of_letters or [0]
    ends: list[int] = np.cumsum([len(language.text([token])) for token in tokens]).tolist()
    return np.array([of_letters[min(max(end - 1, 0), len(of_letters) - 1)] for end in ends])


def _by_word(
    places: NDArray[np.int64], shares: NDArray[np.floating], transcript: Transcript
) -> list[float]:
    """Confidence per word: the encoder's, times that of the word's least confident slot.

    Args:
        places: the word that each slot belongs to, (n_slots,).
        shares: each slot's confidence, (n_slots,).
        transcript: the encoder's words.
    """
    heard = [word.confidence for word in transcript.words] or [transcript.confidence]
    return [float(shares[places == at].min()) * heard[at] for at in np.unique(places)]


def _over(found: Checkpoint, tokens: Sequence[int]) -> Checkpoint:
    """The same bridge with other candidates."""
    config = found.config.model_copy(update={"candidates": len(tokens)})
    return replace(found, config=config, token_ids=np.array(tokens, np.int64))
