"""What becomes of what a language model writes: what is said of it, and kept as said."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import pytest

from assistant.draft import NOTHING_WHOLE, NOTHING_WRITTEN, PATIENCE, PATIENCE_PIECES
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.speak.voice import Mute
from assistant.values import StopReason
from tests.journal.exchanges import utterance
from tests.turn.rooms import Encoded, Make, Saying
from tests.turn.test_speculate import features

REQUEST = "tell me about the garden"


class Writing:
    """A session that writes a text in pieces of three letters, and ends as it is told."""

    def __init__(
        self,
        llm: LlamaSession,
        text: str,
        stop: StopReason = StopReason.END_OF_TURN,
        *,
        thought: int = 0,
    ) -> None:
        self.llm = llm
        self.pieces = [""] * thought + [text[i : i + 3] for i in range(0, len(text), 3)]
        self.stop = stop
        self.taken = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.llm, name)

    def reply(self, *_: object, **__: object) -> ReplyStream:
        ended: list[StopReason] = []

        def written() -> Generator[str, None, GenerationStats]:
            for piece in self.pieces:
                if ended:
                    break
                self.taken += 1
                yield piece
            return GenerationStats(0, 0, 0, 0, 0, self.taken, 0.0, None, 0.0, self.stop)

        return ReplyStream(written(), ended.append)


@dataclass
class Heard(Mute):
    """A voice that keeps what it is given to say."""

    lines: list[str] = field(default_factory=list)

    def say(self, pieces: Iterator[str], name: str, on_first_audio: Callable[[], None]) -> None:
        del name, on_first_audio
        self.lines += [piece.rstrip("\n") for piece in pieces]


def said(
    make: Make, llm: LlamaSession, text: str, stop: StopReason = StopReason.END_OF_TURN
) -> tuple[str, StopReason]:
    """What is said of a text, which has to be what is kept, and why it ended."""
    voice = Heard()
    turn = make(llm=Writing(llm, text, stop), voice=voice).read(REQUEST)
    assert turn.reply == " ".join(voice.lines)
    assert turn.reply is not None
    assert turn.stop_reason is not None
    return turn.reply, turn.stop_reason


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("**Roses** are _red_. \N{ROSE} They smell.", "Roses are red. They smell."),
        ("See [my page](https://example.com/a?b=c). Bye.", "See my page. Bye."),
        ("Do this:\n```python\nprint(1)\n# x. Y.\n```\nDone.", "Do this: Done."),
        ("Look.\n\n| Day | Rain |\n|---|---|\n| Mo. | 5. No |\n\nSo it is.", "Look. So it is."),
        ("Day | Rain\n--- | ---\nMonday | none\n\nDry.", "Dry."),
        ("<b>Good</b> day.<br>\n<!-- not. this. -->\nBye.", "Good day. Bye."),
        ("# Roses\n\n- They are red.\n- They smell.\n", "Roses They are red. They smell."),
        ("1. Dig.\n2. Plant 3*4 bulbs.", "1. Dig. 2. Plant 3\u00d74 bulbs."),
        ("It costs $3.50, says Dr. Moss. Buy it.", "It costs $3.50, says Dr. Moss. Buy it."),
        ("```\nonly code\n```", NOTHING_WHOLE),
        ("\N{ROSE}", NOTHING_WRITTEN),
    ],
)
def test_what_is_not_meant_to_be_heard_is_not_said(
    make: Make, llm: LlamaSession, written: str, heard: str
) -> None:
    assert said(make, llm, written) == (heard, StopReason.END_OF_TURN)


@pytest.mark.parametrize("stop", [StopReason.MAX_TOKENS, StopReason.MAX_TIME])
@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Roses are red. They are also", "Roses are red."),
        ("Roses are red. They are red.", "Roses are red. They are red."),
        ("Two things:\n1. They are red.\n2.", "Two things: 1. They are red."),
        ("Ask about roses. Then call Mr.", "Ask about roses."),
        ("Roses are", NOTHING_WHOLE),
    ],
)
def test_a_reply_that_is_cut_off_ends_with_a_whole_sentence(
    make: Make, llm: LlamaSession, written: str, heard: str, stop: StopReason
) -> None:
    assert said(make, llm, written, stop) == (heard, stop)


def test_the_last_words_of_a_reply_that_ended_by_itself_are_said(
    make: Make, llm: LlamaSession
) -> None:
    assert said(make, llm, "Roses. They are")[0] == "Roses. They are"


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("I am here. " * 40, "I am here."),
        ("I am here. You are there. " * 40, "I am here. You are there. I am here."),
        ("Well. So " + "and the dog and the cat " * 40, "Well."),
        ("no no no no no. Yes.", NOTHING_WHOLE),
    ],
)
def test_a_reply_that_goes_round_in_circles_is_ended_at_the_second_round(
    make: Make, llm: LlamaSession, written: str, heard: str
) -> None:
    session = Writing(llm, written)
    turn = make(llm=session).read(REQUEST)
    assert (turn.reply, turn.stop_reason) == (heard, StopReason.REPEATED)
    if len(written) > 100:
        assert session.taken < len(session.pieces) / 2


@pytest.mark.parametrize(
    "written",
    [
        "No, no, no! That is very, very good. Yes. Yes.",
        "The sun is warm. The wind is cold. The sun is high. The wind is low.",
        "Eat well. Sleep well. Eat less sugar. Sleep in the dark.",
    ],
)
def test_what_people_say_twice_is_said_twice(make: Make, llm: LlamaSession, written: str) -> None:
    assert said(make, llm, written) == (written, StopReason.END_OF_TURN)


def test_a_thought_gets_a_word_of_patience_and_a_short_one_none(
    make: Make, llm: LlamaSession
) -> None:
    for thought, heard in (
        (PATIENCE_PIECES, f"{PATIENCE} Roses."),
        (10 * PATIENCE_PIECES, f"{PATIENCE} Roses."),
        (PATIENCE_PIECES - 1, "Roses."),
    ):
        assistant = make(llm=Writing(llm, "Roses.", thought=thought))
        assert assistant.read(REQUEST).reply == heard


def test_a_thought_without_a_reply_is_owned_up_to(make: Make, llm: LlamaSession) -> None:
    session = Writing(llm, "", StopReason.MAX_TIME, thought=50)
    assert make(llm=session).read(REQUEST).reply == f"{PATIENCE} {NOTHING_WHOLE}"


def test_a_thought_that_was_over_in_the_pause_needs_no_patience(
    make: Make, llm: LlamaSession
) -> None:
    heard = features(REQUEST)
    session = Writing(llm, "Roses. And more.", thought=50)
    assistant = make(llm=session, encoder=Saying(), ends=Encoded(lambda: heard))
    assistant.speculate(heard, 0.0, lambda: True)
    assert session.taken > 50
    assert assistant.hear(utterance()).reply == "Roses. And more."
