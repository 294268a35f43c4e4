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

CLEAR = 0.85
"""Confidence of a transcript from which on it is believed. Of clean requests 4 in 100 are misheard
with more than 0.5: "we need to buy red"."""

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

    def read(
        self, features: SpeechFeatures, refused: Sequence[str] = ()
    ) -> tuple[tuple[str, float] | None, tuple[str, ...]]:
        """The command that was probably said, with the confidence to answer it, and other ones.

        There is none if the transcript is clear, or a call for help, or itself what was most
        probably said, or if nothing is near. The others are what it may have been instead, best
        first.

        Args:
            features: of what was said.
            refused: what was asked about it before, and was not meant, in whatever words.
        """
        transcript = features.transcript
        heard = [transcript.spoken, *map(said_words, transcript.others)]
        is_short = 0 < len(heard[0].split()) <= LONGEST
        if not (isinstance(self.encoder, Weighs) and is_short) or transcript.confidence >= CLEAR:
            return None, ()
        if self.desk.urgent(transcript.text):
            return None, ()
        weigh = partial(self.encoder.weigh, features)
        not_meant = set(map(self._means, refused))

        def means(text: str) -> candidates.Meaning | None:
            meaning = self._means(text)
            return None if meaning in not_meant else meaning

        found = candidates.best(heard, self.commands(), weigh, means)
        if found is None:
            return None, ()
        if found.chance >= candidates.LEAST and found.text != heard[0]:
            sure = ANSWERED if found.chance >= SURE else ASKED
            return (found.text, sure), found.others
        return None, tuple(each for each in found.perhaps if each != heard[0])

    def load(self) -> Commands:
        """Prepare the usual commands ahead of the first unclear turn."""
        if self._usual is None:
            self._usual = usual_commands([self.desk.templates.intents], {}, self.desk.language)
        return self._usual

    def _means(self, text: str) -> candidates.Meaning | None:
        said = self.desk.answer(text)
        # of what the home is asked nothing is known yet but the words
        return None if said is None else (said.text or text,)

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
