"""What the daemon does for a Home Assistant that answers what is said to it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from itertools import count

import pytest

from assistant.daemon import sounds
from assistant.daemon.remote import MOST_TIMERS
from assistant.daemon.sounds import AT_ONCE, Sounds
from assistant.dialogue import STOPPED
from assistant.errors import AudioFileError, ControlError
from tests.daemon.home import Conversation, Daemon, Home
from tests.journal.exchanges import utterance
from tests.turn.rooms import Saying
from tests.waiting import WAIT_S, until

QUESTION = "how warm is it in the garden"
NAMES = tuple(f"{number:032x}" for number in range(AT_ONCE + 1))
SECOND = base64.b64encode(bytes(2 * 16_000)).decode()


@pytest.fixture
def daemon(home: Home) -> Iterator[Daemon]:
    with home.daemon(home.settings(wyoming={"satellite": True})) as daemon:
        yield daemon


def asked(daemon: Daemon, conversation: Conversation, *words: str) -> int:
    """Something is said, and given to Home Assistant; its number."""
    daemon.assistant.encoder, daemon.assistant.bridge = Saying(*words), None
    conversation.say(utterance())
    said = daemon.client.said_to_home(10)
    assert said is not None
    return said.number


def test_what_is_said_is_handed_out_and_the_answer_is_the_reply(daemon: Daemon) -> None:
    with daemon.living() as conversation:
        number = asked(daemon, conversation, QUESTION)
        assert not daemon.client.is_over(number, 0)
        daemon.client.said_by_home(number, "answered", "It is warm.")
        until(lambda: conversation.told.turns)
    assert [turn.reply for turn in conversation.told.turns] == ["It is warm."]


@pytest.mark.parametrize(
    ("words", "error", "reply"),
    [("stop", STOPPED, None), ("i have fallen", None, "I cannot call anyone.")],
)
def test_while_it_is_awaited_stop_and_a_call_for_help_are_heard(
    words: str, error: str | None, reply: str | None, daemon: Daemon
) -> None:
    with daemon.living() as conversation:
        number = asked(daemon, conversation, QUESTION, words, words)
        conversation.say(utterance())
        until(lambda: len(conversation.told.turns) == 2)
        assert daemon.client.is_over(number, 0)
    first, second = conversation.told.turns
    assert (first.reply or "").startswith("Your home did not answer in time")
    assert second.error == error
    assert (second.reply or "").startswith(reply or "")
    assert bool(second.reply) is bool(reply)


def test_what_else_is_said_meanwhile_is_answered_next(daemon: Daemon) -> None:
    with daemon.living() as conversation:
        number = asked(daemon, conversation, QUESTION, "and the cellar", "and the cellar")
        conversation.say(utterance())
        daemon.client.said_by_home(number, "answered", "It is warm.")
        said = daemon.client.said_to_home(10)
        assert said is not None
        daemon.client.said_by_home(said.number, "answered", "It is cold.")
        until(lambda: len(conversation.told.turns) == 2)
    assert [turn.reply for turn in conversation.told.turns] == ["It is warm.", "It is cold."]


def test_while_it_is_awaited_no_wake_word_is_needed(daemon: Daemon) -> None:
    awaits = daemon.runtime.listener.awaits
    with daemon.living() as conversation:
        assert not awaits()
        number = asked(daemon, conversation, QUESTION)
        until(awaits)
        daemon.client.said_by_home(number, "answered", "It is warm.")
        until(lambda: not awaits())


def test_a_sound_is_heard_in_its_turn(daemon: Daemon, home: Home) -> None:
    with daemon.living() as conversation:
        number = asked(daemon, conversation, QUESTION)
        for place in range(2):
            daemon.client.play(NAMES[0], 16_000, SECOND, place)
        thread = threading.Thread(target=lambda: daemon.client.play(NAMES[0], 16_000, "", 2))
        thread.start()
        daemon.client.said_by_home(number, "answered", "It is warm.")
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert home.ear.names[-1] == "announcement"
    assert home.ear.seconds == 2.0
    assert len(home.ear.names) == 2


def test_a_sound_whose_pieces_are_missing_is_refused(daemon: Daemon) -> None:
    for pieces in ((SECOND, 1), ("", 5), ("AA==", 0), ("!", 0)):
        with pytest.raises(ControlError, match=r"as a whole|no sound"):
            daemon.client.play(NAMES[0], 16_000, *pieces)


def test_endless_sounds_and_too_many_of_them_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "MAX_PLAYED_S", 1.5)
    found, piece = Sounds(), bytes(2 * 8_000)
    for name in NAMES[:AT_ONCE]:
        assert found.take(name, 8_000, piece, 0) is None
    with pytest.raises(AudioFileError, match="Too many"):
        found.take(NAMES[AT_ONCE], 8_000, piece, 0)
    for place in range(1, 100):
        assert found.take(NAMES[0], 8_000, piece, place) is None
    whole = found.take(NAMES[0], 8_000, b"", 100)
    assert whole is not None
    assert whole.samples.shape == (12_000,)
    monkeypatch.setattr(sounds, "IDLE_S", 0.0)
    assert found.take(NAMES[AT_ONCE], 8_000, piece, 0) is None


def timers(daemon: Daemon) -> list[tuple[str, str]]:
    return [(each["name"], each["state"]) for each in daemon.client.kept("timers")]


def test_its_timers_are_shown_and_ring_here_once(daemon: Daemon) -> None:
    client = daemon.client
    client.home_timer("one", "started", 300, "egg")
    client.home_timer("two", "started", 600)
    assert timers(daemon) == [("egg", "waiting"), ("", "waiting")]
    assert daemon.assistant.read("how much time is left on the egg timer", aloud=False).reply == (
        "The egg timer has five minutes left."
    )
    client.home_timer("one", "paused", 120)
    assert timers(daemon) == [("", "waiting"), ("egg", "paused")]
    client.home_timer("one", "updated", 120)
    client.home_timer("two", "cancelled")
    assert timers(daemon) == [("egg", "waiting")]
    for _ in range(2):
        client.home_timer("one", "finished")
        daemon.assistant.desk.household.agenda.tick(daemon.assistant.desk.household.look())
        assert timers(daemon) == [("egg", "ringing")]
    daemon.assistant.desk.silence()
    client.home_timer("one", "finished")
    assert timers(daemon) == []


def test_it_cannot_start_timers_without_end(daemon: Daemon) -> None:
    names = count()
    for _ in range(MOST_TIMERS):
        daemon.client.home_timer(str(next(names)), "started", 300)
    with pytest.raises(ControlError, match="already"):
        daemon.client.home_timer(str(next(names)), "started", 300)


def test_without_the_setting_nobody_is_given_anything(home: Home) -> None:
    with home.daemon() as daemon:
        asks = (
            lambda: daemon.client.said_to_home(0),
            lambda: daemon.client.said_by_home(1, "answered", "Hello."),
            lambda: daemon.client.is_over(1, 0),
            lambda: daemon.client.play(NAMES[0], 16_000, SECOND, 0),
            lambda: daemon.client.home_timer("one", "started", 300),
        )
        for ask in asks:
            with pytest.raises(ControlError, match=r"wyoming\.satellite"):
                ask()


def test_nobody_is_left_waiting_at_what_is_closed(daemon: Daemon) -> None:
    satellite = daemon.runtime.satellite
    assert satellite is not None
    thread = threading.Thread(target=satellite.take, args=(600,), daemon=True)
    thread.start()
    until(lambda: satellite.is_awaited)
    daemon.controls.leave()
    thread.join(WAIT_S)
    assert not thread.is_alive()
