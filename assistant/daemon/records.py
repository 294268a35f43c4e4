"""What the daemon does with what is stored, when a client asks: exchanges, and what is kept."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace

from assistant.config import Settings
from assistant.control.declaring import RefusalError
from assistant.control.messages import Record
from assistant.control.methods import Methods
from assistant.household.nouns import Act, Noun
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.erasure import erase, forget, loss
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.skills.typed import Typed


class Records(Methods):
    """Part of ``Controls``, which knows the settings and opens the journal."""

    def settings(self) -> Settings:
        """Those in force; raises ``RefusalError`` while they are being taken up."""
        raise NotImplementedError

    def opened(self) -> AbstractContextManager[Journal]:
        """The journal within a block; its errors become refusals."""
        raise NotImplementedError

    def log(self, last: int = 20, before: int | None = None) -> list[Record]:
        """The last exchanges, or the last before one, without their recordings, newest first."""
        with self.opened() as journal:
            return [turn.record() for turn in journal.turns(limit=last, before=before)]

    def correct(self, turn_id: int, text: str) -> None:
        """Note what was really said in an exchange."""
        with self.opened() as journal:
            journal.correct(turn_id, text)

    def confirm(self, turn_id: int) -> str:
        """Note that an exchange was understood correctly, and return its text."""
        with self.opened() as journal:
            return journal.confirm(turn_id)

    def recording(self, turn_id: int) -> bytes:
        """The recording of an exchange as a FLAC file."""
        with self.opened() as journal:
            return journal.flac(turn_id)

    def consent(self, turn_id: int, *, allowed: bool) -> None:
        """Note whether an exchange may be learned from."""
        with self.opened() as journal:
            journal.consent(turn_id, allowed=allowed)

    def put_back(self, turn_id: int, was: Record) -> None:
        """Take back what was said about an exchange since it was read."""
        with self.opened() as journal:
            taught = None if was.get("taught") is None else Taught(was["taught"])
            put_back = replace(
                journal.turn(turn_id),
                correction=was.get("correction"),
                taught=taught,
                consent=bool(was.get("consent")),
            )
            journal.put_back(put_back)

    def loss(self, turn_ids: list[int]) -> Record | None:
        """What would be forgotten with these exchanges."""
        folder = BridgeFolder(self.settings().bridges)
        with self.opened() as journal:
            found = loss(journal, folder, turn_ids)
            return None if found is None else asdict(found)

    def erase(self, turn_ids: list[int]) -> Record:
        """Erase exchanges and what was learned from them."""
        settings = self.settings()
        with self.opened() as journal:
            folder = BridgeFolder(settings.bridges)
            return asdict(erase(journal, folder, turn_ids, settings.speak.wav_dir))

    def read_aloud(self) -> list[str]:
        """The sentences that have been read aloud to teach."""
        with self.opened() as journal:
            return sorted(journal.read_aloud())

    def kept(self, noun: Noun) -> list[Record]:
        """What the household has asked Attune to keep."""
        with self.opened() as journal:
            return Typed(journal).kept(noun)

    def past_reminders(self, days: int = 7) -> list[Record]:
        """How reminders of the last days were answered, oldest first."""
        with self.opened() as journal:
            return Typed(journal).past_reminders(days)

    def keep(self, noun: Noun, words: list[str]) -> list[Record]:
        """Add what is typed, and return its records."""
        with self.opened() as journal:
            return Typed(journal).keep(noun, words)

    def change(self, noun: Noun, act: Act, ids: list[int]) -> list[Record]:
        """Do something to what has these numbers, and return its records as they were."""
        with self.opened() as journal:
            return Typed(journal).change(noun, act, ids)

    def forget_me(self) -> Record:
        """Erase all that was said and learned."""
        settings = self.settings()
        with self.opened() as journal:
            folder = BridgeFolder(settings.bridges)
            erased = forget(journal, folder, settings.speak.wav_dir)
        if settings.listen.wake_word == "own":
            with suppress(RefusalError):  # the settings are wrong, but everything is erased
                self.reload()  # the word must not be listened for any more
        return asdict(erased)
