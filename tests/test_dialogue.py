from __future__ import annotations

import itertools
import math

import pytest

from assistant.config import TurnSettings
from assistant.dialogue import (
    BETWEEN,
    CALLED,
    HALF,
    NO,
    NO_WORDS,
    NOT_CAUGHT,
    SAY_AGAIN,
    STOP,
    UNADDRESSED,
    WAIT,
    WAS_SPEAKING,
    YES,
    Act,
    Answer,
    AskBack,
    DialoguePolicy,
    Ignore,
    Stop,
    Understood,
    Wait,
    after_phrase,
    edit_distance,
    means,
)
from tests.settings import block

SURE, UNSURE = 0.9, 0.05


class Room:
    """A conversation in which every reply takes no time."""

    def __init__(self, **settings: object) -> None:
        self.dialogue = DialoguePolicy(block(TurnSettings, **settings))
        self.now = 1_000.0
        self.turn = 0

    def say(
        self,
        words: str,
        confidence: float = SURE,
        *,
        after: float = 1.0,
        learned: bool = False,
        second: tuple[str, float] | None = None,
        others: tuple[str, ...] = (),
        is_half: bool = False,
    ) -> Act:
        self.now += after
        self.turn += 1
        heard = Understood(
            self.turn,
            words,
            confidence,
            learned,
            second=second,
            others=others,
            is_half=is_half,
        )
        act = self.dialogue.judge(heard, self.now)
        if isinstance(act, Answer | AskBack):
            self.dialogue.answered(self.now)
        return act


def asks(words: str) -> AskBack:
    return AskBack(f'Did you say "{words}"?')


def test_half_an_utterance_is_asked_for_again_however_sure_it_is() -> None:
    room = Room()
    assert room.say("asses", is_half=True) == AskBack(WAS_SPEAKING)
    assert room.say("where are my glasses") == Answer("where are my glasses")
    assert room.say("day is it", is_half=True) == AskBack(WAS_SPEAKING)


def test_what_goes_on_for_ever_is_not_asked_for_for_ever() -> None:
    room = Room()
    assert room.say("and now the news", is_half=True) == AskBack(WAS_SPEAKING)
    assert room.say("from around the world", is_half=True) == Ignore(HALF)
    room = Room(wake_phrase="hello attune")
    assert room.say("and now the news", is_half=True) == Ignore(UNADDRESSED, keep=False)


def test_half_a_word_is_enough_to_stop_to_wait_and_to_say_yes() -> None:
    room = Room()
    assert room.say("stop", is_half=True) == Stop()
    assert room.say("wait", is_half=True) == Wait()
    room = Room()
    assert room.say("call peter", UNSURE) == asks("call peter")
    assert room.say("yes", is_half=True) == Answer("call peter", confirms=1)


def test_what_is_sure_is_answered() -> None:
    assert Room().say("what time is it") == Answer("what time is it")


@pytest.mark.parametrize(
    ("confidence", "learned", "asked"),
    [(0.74, False, False), (0.73, False, True), (0.53, True, False), (0.52, True, True)],
)
def test_what_is_less_sure_than_the_threshold_of_its_bridge_is_asked_back(
    confidence: float, *, learned: bool, asked: bool
) -> None:
    act = Room(ask_back=0.74, learned_ask_back=0.53).say("tea", confidence, learned=learned)
    assert act == (asks("tea") if asked else Answer("tea"))


def test_nothing_is_asked_where_it_is_not_wished_for() -> None:
    room = Room(ask_back=0)
    assert room.say("tea", 0.0) == Answer("tea")
    assert room.say("tea", 0.0, learned=True) == Answer("tea")
    assert room.say("") == Ignore(NO_WORDS)


def test_a_yes_answers_what_was_asked_and_confirms_its_exchange() -> None:
    room = Room()
    assert room.say("What time is it?", UNSURE) == asks("What time is it")
    assert room.say("yes please", UNSURE) == Answer("What time is it?", confirms=1)
    assert room.say("yes") == Answer("yes")


def test_after_a_no_the_next_one_is_taken_as_it_is() -> None:
    room = Room()
    room.say("what lime is it", UNSURE)
    assert room.say("no no") == AskBack(SAY_AGAIN)
    assert room.say("what line is it", UNSURE) == Answer("what line is it")


def test_after_a_no_what_it_may_have_been_instead_is_asked_and_nothing_after_that() -> None:
    others = ("a timer for fifty minutes", "a timer for five minutes")
    room = Room()
    room.say("a timer for fifteen minutes", UNSURE, others=others)
    assert room.say("no") == asks("a timer for fifty minutes")
    assert room.say("yes") == Answer(others[0], confirms=1, corrects=True)
    room = Room()
    room.say("a timer for fifteen minutes", UNSURE, others=others)
    room.say("no")
    assert room.say("no") == AskBack(SAY_AGAIN)
    assert room.say("no") == Answer("no")


def test_what_was_refused_is_known_until_the_next_request() -> None:
    room = Room(follow_up_s=8)
    room.say("a timer for fifteen minutes", UNSURE, others=("a timer for fifty minutes",))
    assert room.dialogue.refused(room.now) == ()
    room.say("no")
    assert room.dialogue.refused(room.now) == ("a timer for fifteen minutes",)
    room.say("no")
    both = ("a timer for fifteen minutes", "a timer for fifty minutes")
    assert room.dialogue.refused(room.now + 8.0) == both
    assert room.dialogue.refused(room.now + 8.1) == ()  # by then it is another request
    room.say("a timer for fifteen minutes")
    assert room.dialogue.refused(room.now) == ()


def test_a_yes_to_a_second_reading_says_that_the_first_was_wrong() -> None:
    room = Room()
    room.say("a time or", UNSURE, second=("a timer", 0.1))
    assert room.say("yes") == Answer("a timer", confirms=1, corrects=True)


def test_anything_else_is_a_new_request_and_not_asked_back_either() -> None:
    room = Room()
    room.say("what lime is it", UNSURE)
    assert room.say("what time is it", UNSURE) == Answer("what time is it")
    assert room.say("yes") == Answer("yes")


def test_a_yes_that_comes_late_is_a_request() -> None:
    room = Room(follow_up_s=8)
    room.say("what lime is it", UNSURE)
    assert room.say("yes", after=8.1) == Answer("yes")
    room = Room(follow_up_s=8)
    room.say("what lime is it", UNSURE)
    assert room.say("yes", after=8.0) == Answer("what lime is it", confirms=1)


def test_a_question_that_was_not_said_is_not_answered() -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({}))
    assert dialogue.judge(Understood(1, "what lime is it", UNSURE), 0.0) == asks("what lime is it")
    assert dialogue.judge(Understood(2, "yes", SURE), 1.0) == Answer("yes")


def test_at_most_every_third_turn_is_a_question() -> None:
    room = Room()
    acts = [room.say("mumble", UNSURE) for _ in range(3 * 5)]
    questions = [at for at, act in enumerate(acts) if isinstance(act, AskBack)]
    assert questions == list(range(0, 15, BETWEEN + 1))


@pytest.mark.parametrize(("length", "question"), [(12, None), (13, NOT_CAUGHT)])
def test_what_is_very_long_is_not_said_back(length: int, question: str | None) -> None:
    words = " ".join(["word"] * length)
    room = Room()
    assert room.say(words, UNSURE) == (AskBack(question) if question else asks(words))
    confirms = None if question else 1
    assert room.say("yes") == Answer("yes" if question else words, confirms=confirms)


def test_a_sound_without_words_is_asked_about_only_while_one_talks() -> None:
    room = Room(follow_up_s=8)
    assert room.say("") == Ignore(NO_WORDS)
    room.say("hello")
    assert room.say("") == AskBack(NOT_CAUGHT)
    assert room.say("") == Ignore(NO_WORDS)
    assert room.say("hello", UNSURE) == Answer("hello")
    room.say("hello")
    assert room.say("", after=8.1) == Ignore(NO_WORDS)
    room.say("hello")
    room.say("wait")
    assert room.say("") == Ignore(NO_WORDS)


def test_a_sound_without_words_leaves_the_question_open() -> None:
    room = Room()
    room.say("what lime is it", UNSURE)
    room.say("")
    assert room.say("yes") == Answer("what lime is it", confirms=1)


@pytest.mark.parametrize("words", [*STOP, "stap", "stop stop stop", "quiet please", "Stop!"])
def test_stop_always_works(words: str) -> None:
    assert Room().say(words, UNSURE) == Stop()
    assert Room(wake_phrase="attune").say(words) == Stop()
    assert Room(wake_phrase="attune").say(f"attune {words}") == Stop()


@pytest.mark.parametrize("words", [*WAIT, "weit", "please wait", "wait wait"])
def test_wait_always_works(words: str) -> None:
    assert Room().say(words, UNSURE) == Wait()
    assert Room(wake_phrase="attune").say(words) == Wait()
    assert Room(wake_phrase="attune").say(f"attune {words}") == Wait()


@pytest.mark.parametrize(
    "words",
    [
        "stop the kitchen timer",
        "wait for the bus with me",
        "cancer",
        "want",
        "what",
        "i have had enough to eat",
        "never mind the rain",
        "hold on to the rail",
        "let me think of a name",
        "please",
    ],
)
def test_longer_or_other_requests_are_no_commands(words: str) -> None:
    assert Room().say(words) == Answer(words)


def test_stop_drops_the_question_and_ends_the_conversation() -> None:
    room = Room(wake_phrase="attune")
    room.say("attune what lime is it", UNSURE)
    assert room.say("never mind") == Stop()
    assert room.say("yes") == Ignore(UNADDRESSED, keep=False)


def test_wait_keeps_the_question_for_as_long_as_it_is_patient() -> None:
    room = Room(wait_s=60, follow_up_s=8)
    room.say("what lime is it", UNSURE)
    assert room.dialogue.patient_until == -math.inf
    assert room.say("wait") == Wait()
    assert room.dialogue.patient_until == room.now + 60
    assert room.say("yes", after=59) == Answer("what lime is it", confirms=1)
    assert room.dialogue.patient_until == -math.inf


def test_wait_by_a_stranger_begins_no_conversation() -> None:
    room = Room(wake_phrase="attune")
    assert room.say("wait") == Wait()
    assert room.say("the bus comes") == Ignore(UNADDRESSED, keep=False)


def test_without_its_phrase_nothing_is_answered() -> None:
    room = Room(wake_phrase="Attune")
    assert room.say("what time is it") == Ignore(UNADDRESSED, keep=False)
    assert room.say("") == Ignore(UNADDRESSED, keep=False)
    assert room.say("attune what time is it") == Answer("what time is it")


def test_what_is_not_addressed_is_kept_on_request() -> None:
    room = Room(wake_phrase="attune", keep_unaddressed=True)
    assert room.say("the news at ten") == Ignore(UNADDRESSED, keep=True)


def test_after_a_reply_talk_goes_on_without_the_phrase() -> None:
    room = Room(wake_phrase="attune", follow_up_s=8)
    room.say("attune what time is it")
    assert room.say("and what day", after=8.0) == Answer("and what day")
    assert room.say("what day", after=8.1) == Ignore(UNADDRESSED, keep=False)


def test_the_phrase_alone_opens_the_conversation() -> None:
    room = Room(wake_phrase="hey attune", follow_up_s=8)
    assert room.say("hey a tune") == Ignore(CALLED)
    assert room.say("what time is it", after=8.0) == Answer("what time is it")


def test_a_question_repeats_no_phrase() -> None:
    room = Room(wake_phrase="attune")
    assert room.say("attune what lime is it", UNSURE) == asks("what lime is it")
    assert room.say("attune yes") == Answer("what lime is it", confirms=1)


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("attune what time is it", "what time is it"),
        ("Attune, what time is it", "what time is it"),
        ("a tune what time is it", "what time is it"),
        ("attoon what time", None),
        ("attunes what time", "what time"),
        ("attune", ""),
        ("at noon i eat", None),
        ("please attune", ""),
        ("", None),
    ],
)
def test_a_phrase_is_found_at_the_beginning_as_an_encoder_spells_it(
    said: str, rest: str | None
) -> None:
    assert after_phrase(said, "attune") == rest


@pytest.mark.parametrize(
    "said",
    [
        "okay hello attune where are my glasses",
        "Okay. Um, well... hello Attune, where are my glasses",
        "oh hello hello attune where are my glasses",
        "yes hello attune hello attune where are my glasses",
        "I don't know where I put them. Hello Attune, where are my glasses",
        "he said so, and, er, hello a tune where are my glasses",
    ],
)
def test_a_phrase_is_found_after_fillers_and_after_a_pause(said: str) -> None:
    assert after_phrase(said, "helloattune") == "where are my glasses"
    assert Room(wake_phrase="hello attune").say(said) == Answer("where are my glasses")


@pytest.mark.parametrize(
    "said",
    ["i say it is called hello attune", "my sister says hello attune where are my glasses"],
)
def test_a_phrase_within_a_sentence_calls_nobody(said: str) -> None:
    assert after_phrase(said, "helloattune") is None


def test_a_pause_that_is_not_written_counts_too() -> None:
    said = "they are gone hello attune where are my glasses"
    assert after_phrase(said, "helloattune") is None
    assert after_phrase(said, "helloattune", {3}) == "where are my glasses"
    assert after_phrase(said, "helloattune", {2}) is None


def test_a_longer_phrase_may_have_more_letters_wrong() -> None:
    assert after_phrase("hay atune what", "heyattune") == "what"
    assert after_phrase("hay atone what", "heyattune") is None


def test_a_turn_that_is_taken_back_was_not_judged() -> None:
    room = Room()
    room.say("what lime is it", UNSURE)
    room.say("yes")
    room.dialogue.reopen()
    assert room.say("yes it is") == Answer("yes it is")
    room = Room()
    room.say("what", UNSURE)
    room.dialogue.reopen()
    assert room.say("what time is it", UNSURE) == asks("what time is it")


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("stop", "stop", 0), ("stop", "stap", 1), ("stop", "top", 1), ("", "no", 2),
     ("kitten", "sitting", 3)],
)  # fmt: skip
def test_edits(one: str, other: str, edits: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == edits


@pytest.mark.parametrize("kinds", list(itertools.permutations((STOP, WAIT, YES, NO), 2)))
def test_no_phrase_means_two_things(kinds: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    one, other = kinds
    assert [phrase for phrase in one if means(phrase, other)] == []


@pytest.mark.parametrize("words", ["to", "a", "", "stop", "be quiet"])
def test_what_is_left_of_a_word_over_a_reply_means_stop(words: str) -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({}))
    assert dialogue.judge(Understood(1, words, SURE, over_reply=True), 1.0) == Stop()


def test_a_question_over_a_reply_is_answered() -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({}))
    heard = Understood(1, "what time is it", SURE, over_reply=True)
    assert dialogue.judge(heard, 1.0) == Answer("what time is it")


def test_what_is_damaged_over_a_reply_is_to_be_said_again_and_asked_for_once() -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({}))
    heard = Understood(1, "asses my gas", UNSURE, over_reply=True)
    assert dialogue.judge(heard, 1.0) == AskBack(WAS_SPEAKING)
    assert dialogue.judge(heard, 2.0) == Ignore(HALF)


def test_a_yes_may_come_before_the_question_is_over() -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({}))
    assert dialogue.judge(Understood(1, "what lime is it", UNSURE), 1.0) == asks("what lime is it")
    dialogue.answered(2.0)
    heard = Understood(2, "yes", SURE, over_reply=True)
    assert dialogue.judge(heard, 2.5) == Answer("what lime is it", confirms=1)
