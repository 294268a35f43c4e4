"""What a bridge is given of an utterance: the frozen encoder's features, or its own encoder's."""

from __future__ import annotations

from datetime import datetime, timezone

from assistant.bridge.batch import Pair
from assistant.bridge.connect import Bridge
from assistant.config import EncodeSettings
from assistant.encode.encoder import Encoder, adapt, open_encoder
from assistant.values import EndReason, SpeechFeatures, Utterance


class Hearing:
    """Features of utterances as a turn with a bridge would have them.

    Args:
        settings: of the encoder, which is opened if a bridge changes its weights.
    """

    def __init__(self, settings: EncodeSettings) -> None:
        self._settings = settings
        self._encoder: Encoder | None = None

    def __call__(self, bridge: Bridge | None, pair: Pair) -> SpeechFeatures:
        """Features for this bridge, or for the transcript route if ``None``.

        Raises:
            AttuneError: if they cannot be computed or read.
        """
        if bridge is None or bridge.adaptation is None:
            return pair.features
        if self._encoder is None:
            self._encoder = open_encoder(self._settings)
        adapt(self._encoder, bridge.adaptation)
        moment = datetime.now(timezone.utc)
        return self._encoder.encode(Utterance(pair.samples, moment, EndReason.STOP))
