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
from assistant.personalise.judging.score import Replies, Score, score
from assistant.values import Route, SpeechFeatures

SLACK = 1e-9
"""Figures that differ by less count as equal."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision, its reason and its figures."""

    accepted: bool
    why: str
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures that the gate considers."""

    held_out: int
    canaries: int
    transcript: Score  # the encoder's own hypotheses, on the held-out utterances
    before: Score  # the same, routed as in a turn, with the bridge in use
    after: Score  # and with the candidate
    canary_before: Score  # likewise, on common talk
    canary_after: Score

    def numbers(self) -> dict[str, float]:
        """The figures as stored."""
        found: dict[str, float] = {"held_out": self.held_out, "canaries": self.canaries}
        for name in ("transcript", "before", "after", "canary_before", "canary_after"):
            of: Score = getattr(self, name)
            found |= {f"{name}_{each.name}": getattr(of, each.name) for each in fields(of)}
        return found


def decide(measured: Measured, settings: PersonaliseSettings) -> Verdict:
    """Accept a candidate, or explain why not."""
    if objections := "; ".join(_objections(measured, settings)):
        return Verdict(accepted=False, why=objections, numbers=measured.numbers())
    before, after = measured.before, measured.after
    why = (
        f"replies got better (ROUGE-1 {before.rouge1:.2f} to {after.rouge1:.2f}) and so did "
        f"the reading (token error {before.token_error:.2f} to {after.token_error:.2f})"
    )
    return Verdict(accepted=True, why=why, numbers=measured.numbers())


def _objections(measured: Measured, settings: PersonaliseSettings) -> Iterator[str]:
    least = settings.tuned.min_held_out
    if measured.held_out < least:
        yield f"only {measured.held_out} held-out utterances to judge by, {least} are needed"
        return
    before, after, transcript = measured.before, measured.after, measured.transcript
    if after.rouge1 < before.rouge1 + settings.tuned.reply_margin - SLACK:
        yield (
            f"replies are not better than today's (ROUGE-1 {after.rouge1:.2f} against "
            f"{before.rouge1:.2f})"
        )
    if after.token_error > before.token_error - settings.tuned.reading_margin + SLACK:
        yield (
            f"the reading is not better than today's (token error {after.token_error:.2f} against "
            f"{before.token_error:.2f})"
        )
    if (
        after.rouge1 < transcript.rouge1 - SLACK
        or after.token_error > transcript.token_error + SLACK
    ):
        yield (
            f"plain transcription does better (ROUGE-1 {transcript.rouge1:.2f}, token error "
            f"{transcript.token_error:.2f})"
        )
    then, now = measured.canary_before, measured.canary_after
    if (
        now.rouge1 < then.rouge1 - settings.tuned.canary_margin - SLACK
        or now.token_error > then.token_error + settings.tuned.canary_margin + SLACK
    ):
        yield (
            f"common talk in other voices suffers (ROUGE-1 {now.rouge1:.2f} against "
            f"{then.rouge1:.2f}, token error {now.token_error:.2f} against {then.token_error:.2f})"
        )


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
            held_out=len(held_out),
            canaries=len(canaries),
            transcript=self.score(None, held_out),
            before=self.score(before, held_out, auto=True),
            after=self.score(after, held_out, auto=True),
            canary_before=self.score(before, canaries, auto=True),
            canary_after=self.score(after, canaries, auto=True),
        )

    def score(self, bridge: Bridge | None, pairs: Sequence[Pair], *, auto: bool = False) -> Score:
        """The score of a bridge, or of the transcript if ``None``, on some utterances.

        With ``auto`` the route is chosen per utterance, as in a turn.
        """
        wanted: list[str] = []
        given: list[str] = []
        said: list[list[int]] = []
        read: list[list[int]] = []
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
            wanted.append(self._replies.to_text(pair.text))
            said.append(self._language.tokens(pair.text))
            if prompt is None:
                given.append(self._replies.to_text(transcript.text))
                read.append(self._language.tokens(transcript.spoken))
            else:
                given.append(self._replies.to_prompt(prompt))
                read.append(self._language.tokens(prompt.heard))
            self._done += 1
            self._on_progress(self._done, self._of)
        return score(wanted, given, said, read)
