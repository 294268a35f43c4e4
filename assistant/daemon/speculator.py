"""Replies started in a pause: requested by the listening thread, started by the answering one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from assistant.daemon.loop import Errand, Stopper
from assistant.daemon.turn_taking import TALKING
from assistant.errors import AttuneError
from assistant.turn import Assistant
from assistant.values import SpeechFeatures


@dataclass(slots=True)
class Speculator:
    """Has a reply started in each pause, and knows whether that pause still lasts."""

    assistant: Assistant
    errand: Callable[[Errand], None]  # has something done by the answering thread
    stopper: Stopper  # of the runtime, whose models are closed afterwards
    _so_far: SpeechFeatures | None = None  # of everything said before the last pause
    _voiced: int = 0  # voiced frames since then

    def frame(self, *, voiced: bool) -> None:
        """Another frame was heard."""
        self._voiced += voiced

    def forget(self) -> None:
        """Another pause starts: what was started in an earlier one is useless."""
        self._so_far, self._voiced = None, 0

    def begin(self, features: SpeechFeatures, began_at: float) -> None:
        """Have the reply to what has been said so far started.

        Args:
            features: of what has been said.
            began_at: when that began, monotonic seconds.
        """
        self._so_far = features
        self.errand(partial(self._speculate, features, began_at))

    def _speculate(self, features: SpeechFeatures, began_at: float) -> None:
        def still() -> bool:
            return not self.stopper.stopped and self._so_far is features and self._voiced < TALKING

        with suppress(AttuneError):  # the turn itself will hit and report it
            self.assistant.speculate(features, began_at, still)
