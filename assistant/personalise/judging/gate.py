"""The gate: only a candidate that is better on held-out speech is promoted.

Decision 7 of docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

from assistant.bridge.batch import Pair
from assistant.bridge.connect import Bridge
from assistant.bridge.language import Language
from assistant.bridge.route import choose_route
from assistant.config import BridgeSettings, PersonaliseSettings
from assistant.config.tuning import PersonaliseTuning
from assistant.personalise.judging.permutation import Gain, gain
from assistant.personalise.judging.score import Replies, Result, result, score
from assistant.values import Route, SpeechFeatures

SLACK = 1e-9
"""Figures that differ by less count as equal."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision, its reason and its figures."""

    accepted: bool
    why: str
    numbers: dict[str, float]
    harms_others: bool = False  # that, and nothing else, speaks against it


@dataclass(frozen=True, slots=True)
class Measured:
    """All that the gate considers: the same utterances in the same order, by several routes."""

    transcript: Sequence[Result]  # the encoder's own hypotheses, on the held-out utterances
    before: Sequence[Result]  # routed as in a turn, with the bridge in use
    after: Sequence[Result]  # and with the candidate
    canary_before: Sequence[Result]  # likewise, on common talk
    canary_after: Sequence[Result]

    def best(self) -> Sequence[Result]:
        """The better reading of those that there are: today's, or else the transcript."""
        return min(self.before, self.transcript, key=_missed)

    def gain(self, level: float) -> Gain:
        """By how much the candidate is better than the best that there is."""
        best, after = self.best(), self.after
        return gain(
            [each.missed for each in best],
            [each.missed for each in after],
            [each.words for each in after],
            _level_of(level, len(after)),
        )

    def numbers(self, found: Gain) -> dict[str, float]:
        """The figures as stored."""
        stored: dict[str, float] = {
            "held_out": len(self.after),
            "canaries": len(self.canary_after),
            "gain": found.mean,
            "gain_at_least": found.least,
            "gain_p": found.p,
        }
        for name in ("transcript", "before", "after", "canary_before", "canary_after"):
            of = score(getattr(self, name))
            stored |= {f"{name}_{each.name}": getattr(of, each.name) for each in fields(of)}
        return stored


def decide(measured: Measured, settings: PersonaliseSettings) -> Verdict:
    """Accept a candidate, or explain why not."""
    found = measured.gain(settings.tuned.gate_level)
    numbers = measured.numbers(found)
    objection = next(_objections(measured, found, settings.tuned), None)
    if objection is not None:
        return Verdict(accepted=False, why=objection, numbers=numbers)
    then, now = score(measured.canary_before), score(measured.canary_after)
    if now.word_error > then.word_error + settings.tuned.canary_margin + SLACK:
        words = _words(measured.canary_after, measured.canary_before)
        why = f"other voices would be understood less well: {words.format('it would get', 'today')}"
        return Verdict(accepted=False, why=why, numbers=numbers, harms_others=True)
    compared = _compared(measured.after, measured.before, better=True)
    return Verdict(accepted=True, why=compared.format("it now gets", "before"), numbers=numbers)


def _objections(measured: Measured, found: Gain, tuned: PersonaliseTuning) -> Iterator[str]:
    after, best = measured.after, measured.best()
    today = "today" if best is measured.before else "plain transcription"
    count, words = len(after), sum(each.words for each in after)
    if count < (least := tuned.min_held_out):
        yield f"there are only {count} test sentences to judge by, and it takes {least}"
    right = words - _missed(after)
    if right < tuned.least_right * words - SLACK:
        yield f"of {words} words in {count} test sentences it would get only {right} right"
    if found.p > _level_of(tuned.gate_level, count) + SLACK:
        better = found.mean > SLACK
        compared = _compared(after, best, better=better).format("it would get", today)
        yield compared + ", which may be chance" * better
    then, now = score(best), score(after)
    if now.rouge1 < then.rouge1 - SLACK:
        yield (
            f"its answers to {count} test sentences would be less like the right ones: "
            f"{now.rouge1:.0%}; {today}, {then.rouge1:.0%}"
        )


def _level_of(level: float, count: int) -> float:
    """The level, relaxed for few utterances: 1 in 4 is as sure as two of them can make.

    A gain that is not believed is asked for again after the next lessons, and weeks go by.
    """
    return max(level, min(0.25, 1 / max(1, count)))


def _compared(after: Sequence[Result], before: Sequence[Result], *, better: bool) -> str:
    """Such as 'of 14 test sentences {} 8 right; {}, 3'.

    Words are counted instead if the sentences do not show what is to be said.
    """
    now, then = (sum(each.wrong == 0 for each in results) for results in (after, before))
    if now == then or (now > then) != better:
        return f"in {len(after)} test sentences, {_words(after, before)}"
    return f"of {len(after)} test sentences {{}} {now} right; {{}}, {then}"


def _words(after: Sequence[Result], before: Sequence[Result]) -> str:
    words = sum(each.words for each in after)
    return f"of {words} words {{}} {words - _missed(after)} right; {{}}, {words - _missed(before)}"


def _missed(results: Sequence[Result]) -> int:
    return sum(each.missed for each in results)


class Gate:
    """Asks the LLM for the replies that a verdict needs.

    Args:
        language: the LLM's tokens.
        replies: the LLM's answers.
        bridge: settings for choosing each turn's route.
        on_progress: called with the number of replies and the total.
        hearing: what a bridge is given of an utterance.
    """

    def __init__(
        self,
        language: Language,
        replies: Replies,
        bridge: BridgeSettings,
        on_progress: Callable[[int, int], None] = lambda _done, _of: None,
        hearing: Callable[[Bridge | None, Pair], SpeechFeatures] = lambda _, pair: pair.features,
    ) -> None:
        self._language = language
        self._replies = replies
        self._bridge = bridge
        self._on_progress = on_progress
        self._hearing = hearing
        self._done = self._of = 0

    def measure(
        self,
        before: Bridge | None,
        after: Bridge,
        held_out: Sequence[Pair],
        canaries: Sequence[Pair],
    ) -> Measured:
        """All replies and readings of both bridges and of the transcript route."""
        self._done, self._of = 0, 3 * len(held_out) + 2 * len(canaries)
        return Measured(
            transcript=self.results(None, held_out),
            before=self.results(before, held_out, auto=True),
            after=self.results(after, held_out, auto=True),
            canary_before=self.results(before, canaries, auto=True),
            canary_after=self.results(after, canaries, auto=True),
        )

    def results(
        self, bridge: Bridge | None, pairs: Sequence[Pair], *, auto: bool = False
    ) -> list[Result]:
        """What becomes of some utterances with a bridge, or by the transcript if ``None``.

        With ``auto`` the route is chosen per utterance, as in a turn.
        """
        found: list[Result] = []
        for pair in pairs:
            features = self._hearing(bridge, pair)
            transcript = features.transcript
            prompt = None if bridge is None else bridge.soft_prompt(features)
            if prompt is not None and auto:
                route = choose_route(
                    "auto",
                    prompt,
                    transcript,
                    accepted=True,
                    learned=bridge is not None and bridge.learned,
                    settings=self._bridge,
                )
                prompt = prompt if route is Route.BRIDGE else None
            wanted = self._replies.to_text(pair.text)
            if prompt is None:
                given, heard = self._replies.to_text(transcript.text), transcript.spoken
            else:
                given, heard = self._replies.to_prompt(prompt), prompt.heard
            found.append(result(wanted, given, pair.text, heard, self._language.tokens))
            self._done += 1
            self._on_progress(self._done, self._of)
        return found
