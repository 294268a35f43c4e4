"""The interface of speech encoders, and how to open the one in the settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assistant.config import EncodeSettings
from assistant.encode.adaptable import Adaptable
from assistant.encode.folder import CTRANSLATE_CONFIG, EncoderFolder, is_ctranslate
from assistant.encode.tuning_record import Execution
from assistant.encode.whisper import WhisperEncoder
from assistant.errors import EncoderError, translated
from assistant.nets.spelling import Spelling
from assistant.values import Adaptation, SpeechFeatures, Utterance

if TYPE_CHECKING:
    from torch import Tensor


class Encoder(Protocol):
    """Turns speech into features, and into a transcript if it has letters or a decoder."""

    @property
    def fingerprint(self) -> str:
        """Identifies the weights."""
        ...

    @property
    def execution(self) -> Execution:
        """How its network is computed."""
        ...

    @property
    def dim(self) -> int:
        """Width of a frame."""
        ...

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        ...

    @property
    def transcribes(self) -> bool:
        """Whether it writes transcripts."""
        ...

    @property
    def spelling(self) -> Spelling | None:
        """How its symbols are read; none if it does not write letters."""
        ...

    def ctc_head(self) -> tuple[Tensor, Tensor] | None:
        """Weight (n_symbols, dim) and bias (n_symbols,) to symbol logits, if it has letters."""
        ...

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance of any length."""
        ...

    def export(self, cache: Path) -> None:
        """Write the network for ONNX Runtime; it must run in float. ``AttuneError`` if it fails."""
        ...


@runtime_checkable
class Weighs(Protocol):
    """An encoder that can say how well other texts fit what was said."""

    def weigh(self, features: SpeechFeatures, texts: Sequence[str]) -> NDArray[np.float64]:
        """Natural logarithms of the texts' probabilities given the sound, (n_texts,).

        The network does not run over the sound again. All are 0 if it cannot tell.

        Args:
            features: of what was said, as ``encode`` gave them.
            texts: spoken words in lower case, none of them empty.
        """
        ...


@runtime_checkable
class Adapts(Protocol):
    """An encoder that can hear with changed weights of its own."""

    def adapt(self, adaptation: Adaptation | None) -> None:
        """Hear with changed weights from now on, or with its own for ``None``.

        Its fingerprint stays; that of its features does not. Raises ``EncoderError`` if they do
        not fit, and then changes nothing.
        """
        ...

    def adaptable(self) -> Adaptable | None:
        """What trains its own weights; none if they cannot learn."""
        ...


def adapt(encoder: Encoder, adaptation: Adaptation | None) -> None:
    """Have an encoder hear with changed weights, or with its own for ``None``.

    Raises:
        EncoderError: if it cannot; then nothing changes.
    """
    if isinstance(encoder, Adapts):
        encoder.adapt(adaptation)
    elif adaptation is not None:
        raise EncoderError(
            f"Version {adaptation.version} changes the weights of a Whisper model, but another "
            "speech encoder is in use. Set encode.path to the one it was made for."
        )


def open_encoder(settings: EncodeSettings) -> Encoder:
    """The encoder in the folder that the settings name.

    Raises:
        AttuneError: if it cannot be loaded, or cannot run as the settings request.
    """
    with translated(EncoderError, f"use the speech encoder {settings.path}", "Choose another one."):
        # each needs libraries that the others do not; torch alone takes 200 MB
        folder = EncoderFolder.open(settings.path)
        if is_ctranslate(settings.path) or CTRANSLATE_CONFIG in folder.config:
            from assistant.encode.ctranslate import CTranslateEngine  # noqa: PLC0415

            engine = CTranslateEngine(settings)
            return WhisperEncoder(engine, settings, partial(CTranslateEngine, settings))
        if folder.family == "whisper":
            from assistant.encode.whisper_torch import TorchEngine  # noqa: PLC0415

            return WhisperEncoder(TorchEngine(settings), settings)
        from assistant.encode.wav2vec2 import Wav2Vec2Encoder  # noqa: PLC0415

        return Wav2Vec2Encoder(settings)
