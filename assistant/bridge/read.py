"""How each kind of projector is read: rows for the LLM, the tokens nearest them, confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.nets import ctc
from assistant.nets.anchored import NOTHING, Anchors
from assistant.nets.calibration import Calibration
from assistant.nets.spelling import Spelling
from assistant.nets.tokenctc import BLANK, emissions
from assistant.spoken import said_words
from assistant.values import SpeechFeatures, Transcript


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a projector made of an utterance."""

    rows: NDArray[np.float32]  # shape (n_tokens, llm_dim)
    tokens: list[int]  # what the rows read as
    confidence: float  # the chance that all of it is right, 0 to 1; 0 where there is nothing


class Reader(Protocol):
    """A projector with what is needed to read its output."""

    def __call__(self, features: SpeechFeatures) -> Reading:
        """Read one utterance."""
        ...


class Words(Protocol):
    """Words as tokens, tokens as rows."""

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows of the embedding table, (n_tokens, llm_dim)."""
        ...

    def tokens(self, text: str) -> list[int]:
        """Tokens of words."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens say."""
        ...


class SlotReader:
    """The paper's slots, less those that read as padding.

    An LLM has never seen a row of pads in the middle of a request.
    """

    def __init__(
        self,
        projector: nn.Module,
        token_ids: NDArray[np.int64],
        rows: NDArray[np.float32],
        pad: int | None,
        calibration: Calibration,
    ) -> None:
        self._projector = projector
        self._calibration = calibration
        self._token_ids = token_ids
        self._directions = functional.normalize(torch.as_tensor(rows), dim=-1)
        self._pad = pad

    def __call__(self, features: SpeechFeatures) -> Reading:
        """Each slot as it is; it reads as the token whose row lies nearest by cosine."""
        output: Tensor = self._projector(_batch(features))[0]
        cosines = functional.normalize(output, dim=-1) @ self._directions.T
        cosine, nearest = cosines.max(dim=-1)
        ids = self._token_ids[nearest.numpy()]
        speech = ids != self._pad
        sure = cosine.clamp(0, 1).numpy()[speech]
        return Reading(output.numpy()[speech], ids[speech].tolist(), self._calibration(sure))


class EmissionReader:
    """CTC emissions over candidate tokens.

    Without an n-gram each is the posterior-weighted mixture of the rows it may stand for;
    where the n-gram has decided between them, it is the one row.
    """

    def __init__(
        self,
        projector: nn.Module,
        token_ids: NDArray[np.int64],
        rows: NDArray[np.float32],
        fusion: ctc.Fusion | None,
        calibration: Calibration,
    ) -> None:
        self._projector = projector
        self._calibration = calibration
        self._token_ids = token_ids
        self._rows = rows
        self._fusion = fusion

    def __call__(self, features: SpeechFeatures) -> Reading:
        """One row per emission."""
        output: Tensor = self._projector(_batch(features))[0]
        if self._fusion is None:
            indexes, weights, certainty = (each.numpy() for each in emissions(output))
            rows = (weights[..., None] * self._rows[indexes]).sum(axis=1)
            tokens = self._token_ids[indexes[:, 0]].tolist()
            return Reading(rows, tokens, self._calibration(certainty))
        posteriors = output.softmax(-1).numpy()
        found = ctc.search(np.log(posteriors + 1e-10), BLANK, self._fusion)
        spans = ctc.align(posteriors, found, BLANK)
        chosen = np.array(found, np.int64) - 1
        sure = self._calibration([span.confidence for span in spans])
        return Reading(self._rows[chosen], self._token_ids[chosen].tolist(), sure)


class LetterReader:
    """The encoder's letters after the speaker's own map, spelled out and tokenised."""

    def __init__(
        self, projector: nn.Module, spelling: Spelling, words: Words, temperature: float
    ) -> None:
        self._projector = projector
        self._temperature = temperature
        self._spelling = spelling
        self._words = words

    def __call__(self, features: SpeechFeatures) -> Reading:
        """The rows of the words' own tokens."""
        output: Tensor = self._projector(_batch(features))[0]
        said = self._spelling.transcript(output.numpy(), self._temperature)
        tokens = self._words.tokens(said.text)
        return Reading(self._words.rows(tokens), tokens, said.confidence)


class AnchorReader:
    """The hypothesis's tokens, each kept, changed, doubled or dropped."""

    def __init__(
        self,
        projector: nn.Module,
        token_ids: NDArray[np.int64],
        rows: NDArray[np.float32],
        words: Words,
        calibration: Calibration,
    ) -> None:
        self._projector = projector
        self._calibration = calibration
        self._token_ids = token_ids
        self._places = {token: at for at, token in enumerate(token_ids.tolist())}
        self._rows = rows
        self._directions = functional.normalize(torch.as_tensor(rows), dim=-1)
        self._words = words

    def __call__(self, features: SpeechFeatures) -> Reading:
        """The posterior-weighted mixture of rows where a slot says something.

        A hypothesis with tokens that are no candidates is left as it is.
        """
        transcript = features.transcript
        tokens = self._words.tokens(transcript.spoken)
        if not tokens or any(token not in self._places for token in tokens):
            return Reading(self._words.rows(tokens), tokens, transcript.confidence)
        anchors = anchored([self._places[token] for token in tokens], tokens, features, self._words)
        output: Tensor = self._projector(_batch(features), anchors, self._directions)[0]
        posteriors = output.softmax(-1).flatten(0, 1)  # (2 x slots, candidates + 1)
        best = posteriors.argmax(-1)
        said = best != NOTHING
        shares, indexes = posteriors[said, 1:].topk(min(8, len(self._rows)), dim=-1)
        weights = (shares / shares.sum(-1, keepdim=True)).numpy()
        rows = (weights[..., None] * self._rows[indexes.numpy()]).sum(axis=1)
        places = np.repeat(_places(tokens, transcript, self._words), 2)[said.numpy()]
        sure = _by_word(places, shares[:, 0].numpy(), transcript)
        read = self._token_ids[indexes[:, 0].numpy()].tolist()
        return Reading(rows, read, self._calibration(sure))


def anchored(
    candidates: Sequence[int], tokens: Sequence[int], features: SpeechFeatures, words: Words
) -> Anchors:
    """Where each token of a hypothesis was heard, as a batch of one.

    Args:
        candidates: the tokens' places among the candidates.
        tokens: the tokens of the features' transcript.
        features: with the times of the transcript's words.
        words: says how long a token's text is.
    """
    spans = _spans(tokens, features.transcript, words)
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
    tokens: Sequence[int], transcript: Transcript, words: Words
) -> list[tuple[float, float]]:
    """Seconds in which each token was said, a word's time divided by its letters."""
    times: list[float] = []  # of every letter's beginning, spaces included
    for word in transcript.words:
        said = said_words(word.text)
        step = (word.end_s - word.start_s) / max(1, len(said))
        times.append(word.start_s)  # the space before it
        times += [word.start_s + step * at for at in range(len(said))]
    times.append(transcript.words[-1].end_s if transcript.words else 0.0)
    ends = np.cumsum([len(words.text([token])) for token in tokens]).clip(max=len(times) - 1)
    begins = np.concatenate([[0], ends[:-1]])
    return [(times[b], times[e]) for b, e in zip(begins.tolist(), ends.tolist(), strict=True)]


def _places(tokens: Sequence[int], transcript: Transcript, words: Words) -> NDArray[np.int64]:
    """Which word of a transcript each token stands in, (n_tokens,)."""
    of_letters: list[int] = []
    for at, word in enumerate(transcript.words):
        of_letters += [at] * (len(said_words(word.text)) + 1)
    of_letters = of_letters or [0]
    ends: list[int] = np.cumsum([len(words.text([token])) for token in tokens]).tolist()
    return np.array([of_letters[min(max(end - 1, 0), len(of_letters) - 1)] for end in ends])


def _by_word(
    places: NDArray[np.int64], shares: NDArray[np.floating], transcript: Transcript
) -> list[float]:
    """How sure a reading is of each word: as it was heard, and as its least sure slot.

    Args:
        places: which word each slot stands in, (n_slots,).
        shares: how sure each slot is of what it says, (n_slots,).
        transcript: how surely each word was heard.
    """
    heard = [word.confidence for word in transcript.words] or [transcript.confidence]
    return [float(shares[places == at].min()) * heard[at] for at in np.unique(places)]


def _batch(features: SpeechFeatures) -> Tensor:
    return torch.as_tensor(features.frames.copy())[None]
