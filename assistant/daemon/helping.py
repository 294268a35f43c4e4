"""What the daemon does for those who help from elsewhere: who they are, and what they may turn."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import get_args

from pydantic import JsonValue

from assistant.config import files_read, given, load
from assistant.control.declaring import RefusalError, refusing
from assistant.control.messages import Helper, Record, Role, Stored
from assistant.control.methods import Choice
from assistant.daemon.admission import Admission
from assistant.daemon.records import Records
from assistant.household.manners import Manners
from assistant.household.quiet import Quiet
from assistant.journal.acts import Acts
from assistant.speak.manner import USUAL

_INVITATION = (
    "Somebody would like to help from another device. The code is {0}. I say it again: {0}."
)


class Helping(Records):
    """Part of ``Controls``."""

    _admission: Admission | None = None  # codes wait in it, also while settings are taken up

    def manner(self) -> Record:
        """How loud and how fast the voice is."""
        with self.opened() as journal:
            return asdict(Manners(journal).get())

    def speak_so(self, gain_db: float, tempo: float) -> None:
        """Speak like this from now on, within bounds."""
        with self.opened() as journal:
            Manners(journal).put(USUAL.changed(gain_db=gain_db, tempo=tempo))

    def quiet(self, minutes: float | None) -> None:
        """Say nothing unasked for so long."""
        try:
            lasting = timedelta(minutes=minutes or 0)
            until = datetime.now(timezone.utc) + lasting if lasting else None
        except OverflowError:
            raise RefusalError("That is longer than a calendar goes.") from None
        with self.opened() as journal:
            Quiet(journal).put(until)

    def choices(self) -> dict[Choice, JsonValue]:
        """The settings that a helper may turn."""
        held = self.settings().model_dump(mode="json")
        found: dict[Choice, JsonValue] = {}
        for choice in get_args(Choice):
            block, name = choice.split(".")
            found[choice] = held[block][name]
        return found

    def choose(self, choice: Choice, value: JsonValue) -> None:
        """Write a setting to the settings file, and read it again."""
        # keeping a file as it is takes a parser of its own
        from assistant.config.edit import take_up  # noqa: PLC0415

        files = files_read()
        origins = {name: origin for name, (_, origin) in given().items()}
        with refusing():
            if value is not None:
                load({choice: value})  # whether it can have this value
            take_up({choice: value}, origins, files, files[-1])
        self.reload()

    def stored(self) -> Stored:
        """What is kept of what was said."""
        with self.opened() as journal:
            kept = journal.kept()
            path = journal.path
            files = (path, path.with_name(f"{path.name}-wal"))
            return Stored(
                exchanges=len(kept),
                taught=sum(each.taught for each in kept),
                since=datetime.fromisoformat(kept[0].started_at) if kept else None,
                n_bytes=sum(each.stat().st_size for each in files if each.exists()),
                free_bytes=shutil.disk_usage(path.parent).free,
            )

    def invite(self, role: Role = "helper") -> str:
        """A code with which one device is let in."""
        return self._doorkeeper().invite(role)

    def invite_aloud(self) -> None:
        """Say such a code aloud, digit by digit."""
        with refusing():
            code = self._doorkeeper().invite("helper", aloud=True)
        self.say(_INVITATION.format(", ".join(code)))

    def admit(self, code: str, name: str, key: str) -> Helper:
        """Let a device in that knows the code."""
        with refusing():
            helper = self._doorkeeper().admit(code, name, key)
        self.acted(name, "admit", [helper.id])
        return helper

    def who(self, key: str) -> Helper | None:
        """Whose key has this SHA-256."""
        with refusing():
            return self._doorkeeper().who(key)

    def helpers(self) -> list[Helper]:
        """All devices from which somebody helps."""
        with refusing():
            return self._doorkeeper().all()

    def shut_out(self, number: int) -> None:
        """Let a device in no more."""
        with refusing():
            self._doorkeeper().remove(number)

    def acts(self, last: int = 20) -> list[Record]:
        """What helpers have done, newest first."""
        with self.opened() as journal:
            return [asdict(act) | {"at": act.at.isoformat()} for act in Acts(journal).last(last)]

    def acted(self, by: str, what: str, about: list[int]) -> None:
        """Note that a helper has done something."""
        with self.opened() as journal:
            Acts(journal).add(by, what, about)

    def _doorkeeper(self) -> Admission:
        if self._admission is None:
            self._admission = Admission(self.settings().journal.path.with_name("helpers.json"))
        return self._admission
