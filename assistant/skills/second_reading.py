"""The second reading: a command that was said unclearly, found by its sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from assistant.encode.encoder import Encoder, Weighs
from assistant.household.agenda import Kind
from assistant.household.household import Household
from assistant.skills import candidates
from assistant.skills.commands import Commands
from assistant.skills.desk import Desk
from assistant.skills.usual_commands import usual_commands
from assistant.spoken import said_words
from assistant.values import SpeechFeatures

CLEAR = 0.5
"""Confidence of a transcript from which on it is believed."""

SURE = 0.8
"""Certainty of the second reading from which on only acts are asked back."""

ANSWERED, ASKED = 0.3, 0.1
"""Confidence for each: an act is asked back with the first, everything with the second."""

LONGEST = 12
"""Most words of a command."""


@dataclass(slots=True)
class SecondReading:
    """Reads what was not clear; used by one thread."""

    encoder: Encoder
    desk: Desk
    _usual: Commands | None = field(default=None, repr=False)

    def read(self, features: SpeechFeatures) -> tuple[str, float] | None:
        """The command that was probably said, and the confidence to answer it with.

        None if the transcript is clear, or a call for help, or itself what was most probably said,
        or no command is near.
        """
        transcript = features.transcript
        heard = [transcript.spoken, *map(said_words, transcript.others)]
        is_short = 0 < len(heard[0].split()) <= LONGEST
        if not (isinstance(self.encoder, Weighs) and is_short) or transcript.confidence >= CLEAR:
            return None
        if self.desk.urgent(transcript.text):
            return None
        weigh = partial(self.encoder.weigh, features)
        found = candidates.best(heard, self.commands(), weigh, self._means)
        if found is None or found[0] == heard[0]:  # which is answered as it is
            return None
        return found[0], ANSWERED if found[1] >= SURE else ASKED

    def load(self) -> Commands:
        """Prepare the usual commands ahead of the first unclear turn."""
        if self._usual is None:
            self._usual = usual_commands([self.desk.templates.intents], {}, self.desk.language)
        return self._usual

    def _means(self, text: str) -> candidates.Meaning | None:
        said = self.desk.answer(text)
        return None if said is None else (said.text,)

    def commands(self) -> Commands:
        """The usual commands, with the names and things of this household."""
        usual = self.load()
        values = dict(usual.values)
        for slot, own in _own(self.desk.household).items():
            values[slot] = [*own, *values.get(slot, ())]
        return replace(usual, values=values)


def _own(household: Household) -> dict[str, Sequence[str]]:
    """What this household calls things, by the slots of ``sentences/en.commands.yaml``."""
    names = [said_words(each.subject) for each in household.notes.all()]
    return {
        "person": names,
        "thing": names,
        "item": [said_words(each.text) for each in household.lists.entries()],
        "list_name": household.lists.names(),
        "task": [said_words(each.name) for each in household.agenda.items(Kind.REMINDER)],
        "timer_name": [each.name for each in household.agenda.items(Kind.TIMER) if each.name],
    }
