"""Whether it can listen while it speaks: found out from what comes back of its own voice.

An echo canceller, a headset or a sound server may keep the loudspeaker out of the microphone, or
fail to. What counts is whether its own voice would be taken for somebody's.
"""

from __future__ import annotations

from collections.abc import Callable

from assistant.config import ListenSettings
from assistant.listen.endpoint import Endpointer, Started
from assistant.values import FRAME_MS

CLEAN_FRAMES = 15_000 // FRAME_MS
"""So much of its own speech, some replies, in which nobody is heard: nothing comes back."""

AGAIN_FRAMES = 60_000 // FRAME_MS
"""The same once it has been wrong."""

REST_FRAMES = 1_000 // FRAME_MS
"""After its own voice came back, the next of this time belongs to the same."""

MOST_ALARMS = 3
"""So often, one after another, its own voice is taken for somebody's before it goes deaf again."""

TAIL_FRAMES = 200 // FRAME_MS
"""Voice of at least this length after it fell silent is somebody's; less may be an echo."""

MEMORY = "full_duplex"
"""Key under which the journal stores what was found out."""

_SENTENCES = {
    True: "Attune hears you while it speaks: talk over it, and it falls silent.",
    False: "Attune does not hear you while it speaks, because it would hear itself: wait until it "
    "has finished, or use headphones.",
    None: "Attune does not hear you while it speaks; with its first replies it finds out whether "
    "it can.",
}


class FullDuplex:
    """Decides whether to listen during the assistant's own speech; used by one thread.

    Args:
        settings: where it is decided already, unless ``barge_in`` is "auto".
        note: shows a person what was found out.
    """

    def __init__(
        self, settings: ListenSettings, note: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._note = note
        self._is_settled = settings.barge_in != "auto"
        self.works = settings.barge_in != "off" if self._is_settled else None
        self._set(self.works)

    @property
    def sentence(self) -> str:
        """Whether it listens while it speaks, for a person."""
        return _SENTENCES[self.works]

    @property
    def is_listening(self) -> bool:
        """Whether somebody who speaks over a reply is heard."""
        return self.works is True

    def own_speech(self, *, voiced: bool) -> None:
        """Count a frame of the assistant's own speech to which nobody listens."""
        if self._is_settled or self.works:
            return
        self._clean += 1
        if self._clean <= 0:
            return
        if isinstance(self._shadow.step(voiced), Started):  # it would have interrupted itself
            self._shadow.reset()
            self._alarms += 1
            self._clean = -REST_FRAMES
            if self.works is None and self._alarms == MOST_ALARMS:
                self._decide(works=False)
        elif self._clean >= (CLEAN_FRAMES if self.works is None else AGAIN_FRAMES):
            self._decide(works=True)

    def interrupted(self, voiced_after: int) -> None:
        """A reply was interrupted; so many voiced frames followed once it was silent."""
        if self._is_settled or not self.works:
            return
        self._alarms = 0 if voiced_after > TAIL_FRAMES else self._alarms + 1
        if self._alarms == MOST_ALARMS:
            self._decide(works=False)

    def dump(self, where: str) -> str:
        """What was found out, with these devices, to be stored."""
        return "" if self.works is None or self._is_settled else f"{int(self.works)} {where}"

    def load(self, stored: str, where: str) -> None:
        """Go on from there, if the devices are the same."""
        for works in (False, True):
            if not self._is_settled and stored == f"{int(works)} {where}":
                self._set(works)

    def _decide(self, *, works: bool) -> None:
        self._set(works)
        self._note(self.sentence)

    def _set(self, works: bool | None) -> None:  # noqa: FBT001 - of three values
        self.works = works
        self._alarms = self._clean = 0
        self._shadow = Endpointer(self._settings)
