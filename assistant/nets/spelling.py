"""From letter logits to the words that an encoder's CTC symbols spell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.nets import ctc
from assistant.nets.calibration import LETTERS, Calibration
from assistant.values import Transcript, Word


@dataclass(frozen=True, slots=True)
class Spelling:
    """An encoder's CTC symbols and how to decode them."""

    symbols: tuple[str, ...]
    delimiter: int  # index of the word delimiter
    blank: int  # index of CTC's blank
    seconds: float  # from frame to frame
    fusion: ctc.Fusion | None  # a character n-gram; None for greedy decoding
    calibration: Calibration = LETTERS  # turns word probabilities into a confidence

    def transcript(self, logits: NDArray[np.float32], temperature: float = 1.0) -> Transcript:
        """The words in letter logits, (n_frames, n_symbols).

        For weighing them against the n-gram, but not for the confidence, the logits are divided by
        ``temperature``.
        """
        probabilities = ctc.posteriors(logits)
        if self.fusion is None:
            spans = [
                span
                for span in ctc.spans(probabilities, self.blank)
                if len(self.symbols[span.symbol]) == 1  # <s>, </s> and <unk> are not speech
            ]
        else:
            softened = ctc.posteriors(logits / np.float32(temperature))
            log_probs = np.log(softened + 1e-10)
            symbols = ctc.search(log_probs, self.blank, self.fusion, self.delimiter)
            spans = ctc.align(probabilities, symbols, self.blank)
        words = tuple(self._word(group) for group in ctc.words(spans, self.delimiter))
        text = " ".join(word.text for word in words)
        confidence = self.calibration([word.confidence for word in words])
        return Transcript(text, confidence, words)

    def labels(self, text: str) -> list[int]:
        """Symbols that spell words between single spaces, without letters the encoder lacks."""
        places = {symbol.lower(): at for at, symbol in enumerate(self.symbols) if len(symbol) == 1}
        places[" "] = self.delimiter
        return [places[letter] for letter in text.lower() if letter in places]

    def _word(self, group: Sequence[ctc.Span]) -> Word:
        return Word(
            text="".join(self.symbols[span.symbol] for span in group).lower(),
            start_s=group[0].first_frame * self.seconds,
            end_s=(group[-1].last_frame + 1) * self.seconds,
            confidence=float(np.mean([span.confidence for span in group])),
        )
