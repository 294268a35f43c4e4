from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from assistant.config import starter_dir
from assistant.control.calls import Caller
from assistant.control.client import Client
from assistant.control.declaring import RefusalError
from assistant.control.talk_button import HeldButton
from assistant.daemon import in_turn
from assistant.errors import ConfigError, ControlError, DeviceError
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.journal.buffered import BufferedJournal
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.skills.typed import Typed
from assistant.values import SAMPLE_RATE, StopReason
from tests.daemon.home import Ear, Home
from tests.journal.exchanges import exchange, utterance
from tests.personalise.lived_in import learn, talk
from tests.waiting import WAIT_S, until


@contextmanager
def background(do: Callable[[], Any]) -> Iterator[list[Any]]:
    """Do something in a thread; what came of it is there at the end of the block."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(do()))
    thread.start()
    yield results
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_a_question_is_answered_aloud_and_in_the_journal(home: Home) -> None:
    with home.daemon() as daemon, daemon.living():
        record = daemon.client.ask("is it warm")
        assert (record["reply"], record["route"]) == ("Yes.", "transcript")
        assert daemon.client.status().recent[0].heard == "is it warm"
        assert daemon.assistant.journal.turn(record["id"]).record() == record
        assert home.ear.names == [f"turn-{record['id']:06d}"]
        assert home.ear.sentences == 1


class Hesitant:
    """A language model that writes a sentence, and the next when it may."""

    fingerprint = "hesitant"

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def words(self, text: str) -> str:
        return text

    def reply(self, *_: object, **__: object) -> ReplyStream:
        def written() -> Generator[str, None, GenerationStats]:
            yield "Good morning. Tea o"
            assert self.may_go_on.wait(WAIT_S)
            yield "r coffee?"
            return GenerationStats(0, 0, 0, 0, 0, 0, 0.0, None, 0.0, StopReason.END_OF_TURN)

        return ReplyStream(written())


def test_a_reply_can_be_read_while_it_is_written_and_by_nobody_else(home: Home) -> None:
    mine, another = "a" * 32, "b" * 32
    with home.daemon() as daemon, daemon.living():
        hesitant = Hesitant()
        daemon.assistant.llm = hesitant  # pyright: ignore[reportAttributeAccessIssue]
        client = daemon.client
        with background(lambda: client.ask("is it warm", aloud=False, session=mine)) as records:
            until(lambda: client.written(mine, 0))
            assert client.written(mine, 0) == ["Good morning."]
            assert client.written(mine, 1) == client.written(another, 0) == []
            hesitant.may_go_on.set()
        assert records[0]["reply"] == "Good morning. Tea or coffee?"
        assert client.written(mine, 0) == []  # nothing is left of it here


def test_a_question_may_be_answered_in_writing_only(home: Home) -> None:
    with home.daemon() as daemon, daemon.living():
        assert daemon.client.ask("is it warm", aloud=False)["reply"] == "Yes."
    assert home.ear.names == []


def test_a_question_waits_for_the_turn_under_way(home: Home) -> None:
    home.ear.may_end.clear()
    with home.daemon() as daemon, daemon.living() as conversation:
        conversation.say(utterance(0.2))
        until(lambda: home.ear.sentences == 1)
        with background(lambda: daemon.client.ask("is it warm")) as answered:
            time.sleep(0.2)
            assert answered == []
            assert daemon.assistant.journal.count() == 1
            home.ear.may_end.set()
        (record,) = answered
        assert record["id"] == 2
        assert [turn.id for turn in conversation.told.turns] == [1]


def test_a_question_that_fails_is_refused_with_the_reason(home: Home) -> None:
    with home.daemon() as daemon, daemon.living() as conversation:
        with pytest.raises(ControlError, match="n_ctx"):
            daemon.client.ask("x" * 5_000)
        assert daemon.client.ask("is it warm")["reply"] == "Yes."
        assert conversation.told.failures == []


def test_a_question_that_nobody_answers_in_time_is_given_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_turn, "ANSWER_S", 0.1)
    with home.daemon() as daemon:
        with pytest.raises(ControlError, match=r"has not answered within 0\.1 s. Try again"):
            daemon.client.ask("is it warm")
        monkeypatch.setattr(in_turn, "ANSWER_S", WAIT_S)
        with daemon.living():
            assert daemon.client.ask("is it cold")["id"] == 1


def test_a_question_that_waits_while_settings_are_taken_up_is_answered_with_them(
    home: Home,
) -> None:
    with home.daemon() as daemon, BufferedJournal(home.folder / "other.db") as other:
        with background(lambda: daemon.client.ask("is it warm")) as answered:
            until(lambda: not daemon.inbox._items.empty())
            daemon.controls.leave()
            runtime = replace(daemon.runtime, assistant=replace(daemon.assistant, journal=other))
            daemon.controls.enter(runtime, daemon.server.publish_turn)
            with daemon.living():
                until(lambda: answered)
        assert daemon.assistant.journal.count() == 0
        assert other.turn(answered[0]["id"]).reply == "Yes."


def test_a_text_is_spoken_and_leaves_no_trace(home: Home) -> None:
    with home.daemon() as daemon, daemon.living():
        daemon.client.say("Dinner is ready. Come.")
        until(lambda: home.ear.sentences == 2)
        assert home.ear.names == ["say"]
        assert daemon.assistant.journal.count() == 0


def test_a_text_waits_for_the_turn_under_way(home: Home) -> None:
    home.ear.may_end.clear()
    with home.daemon() as daemon, daemon.living() as conversation:
        conversation.say(utterance(0.2))
        until(lambda: home.ear.sentences == 1)
        with background(lambda: daemon.client.say("Dinner is ready.")) as said:
            daemon.client.status()
            assert home.ear.names == ["turn-000001"]
            assert said == []
            home.ear.may_end.set()
            until(lambda: home.ear.names == ["turn-000001", "say"])


def test_who_has_something_said_need_not_wait_for_its_end(home: Home) -> None:
    home.ear.may_end.clear()
    with home.daemon() as daemon, daemon.living():
        daemon.client.say("Dinner is ready.")
        assert daemon.client.status().speaking
        home.ear.may_end.set()


def test_what_nobody_can_hear_is_refused_with_the_reason(home: Home) -> None:
    class Gone(Ear):
        def begin(self, name: str) -> None:
            raise DeviceError(f"There is no loudspeaker for {name}. Connect one.")

    home.ear = Gone()
    with home.daemon() as daemon, daemon.living():
        for _ in range(2):  # when it is noticed, and when it is known
            with pytest.raises(ControlError, match=r"no loudspeaker for say\. Connect one"):
                daemon.client.say("Dinner is ready.")


def test_a_recording_is_written_down_with_the_models_that_are_open(
    home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "said.wav"
    soundfile.write(path, utterance(0.5).samples, SAMPLE_RATE, subtype="FLOAT")
    said = replace(utterance(0.5), source=str(path))
    with home.daemon() as daemon, daemon.living():
        found = daemon.client.transcribe(str(path))
        assert found.pop("seconds") == pytest.approx(0.5)
        wanted = asdict(home.encoder.encode(said).transcript)
        assert found == json.loads(json.dumps(wanted))
        assert found["text"]
        assert daemon.assistant.journal.count() == 0
        soundfile.write(path, np.zeros(61 * SAMPLE_RATE, np.float32), SAMPLE_RATE)
        with pytest.raises(ControlError, match="longer than 60 s"):
            daemon.client.transcribe(str(path))
        with pytest.raises(ControlError, match="no recording"):
            daemon.client.transcribe(str(tmp_path / "none.wav"))


def test_a_question_in_a_recording_is_answered_with_the_models_that_are_open(
    home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "asked.wav"
    soundfile.write(path, utterance(0.5).samples, SAMPLE_RATE, subtype="FLOAT")
    settings = home.settings(turn={"wake_phrase": "hello house", "ask_back": 1.0})
    with home.daemon(settings) as daemon, daemon.living():
        dialogue = daemon.assistant.dialogue
        record = daemon.client.hear(str(path), aloud=False)
        assert (record["reply"], record["source"]) == ("Yes.", str(path))
        assert not record["consent"]
        assert home.ear.names == []
        assert daemon.client.hear(str(path))["reply"] == "Yes."
        assert len(home.ear.names) == 1
        assert daemon.client.status().turns == 2
        assert daemon.assistant.dialogue is dialogue
        with pytest.raises(ControlError, match="no recording"):
            daemon.client.hear(str(tmp_path / "none.wav"))


def test_a_guest_has_no_files_read(home: Home, tmp_path: Path) -> None:
    with home.daemon() as daemon:
        guest = Caller(daemon.controls, HeldButton(lambda: None, lambda: None), is_guest=True)
        with pytest.raises(RefusalError, match="Only the user that Attune runs as"):
            guest.transcribe(str(tmp_path / "none.wav"))
        with pytest.raises(RefusalError, match="Only the user that Attune runs as"):
            guest.hear(str(tmp_path / "none.wav"), aloud=False)


def test_stop_breaks_off_what_is_being_said_and_no_more(home: Home) -> None:
    home.ear.may_end.clear()
    with home.daemon() as daemon, daemon.living() as conversation:
        conversation.say(utterance(0.2))
        until(lambda: home.ear.sentences == 1)
        assert daemon.client.status().speaking
        daemon.client.stop()
        until(lambda: conversation.told.turns)
        assert not daemon.client.status().speaking
        home.ear.may_end.set()
        assert daemon.client.ask("is it warm")["reply"] == "Yes."


def test_the_microphone_is_muted_and_opened_again(home: Home) -> None:
    with home.daemon() as daemon:
        microphone = daemon.runtime.microphone

        def state() -> str | None:
            microphone = daemon.client.status().microphone
            return microphone and microphone.state

        with background(lambda: list(microphone)):
            until(lambda: state() == "absent")
            status = daemon.client.status()
            assert status.microphone is not None
            assert status.microphone.why == microphone.hearing.why
            daemon.client.mute()
            until(lambda: state() == "muted")
            daemon.client.unmute()
            until(lambda: state() == "absent")
            microphone.stop()


def test_mute_outlives_a_change_of_settings(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.client.mute()
        daemon.controls.leave()
        with home.daemon(home.settings(control={"path": home.folder / "2.sock"})) as other:
            daemon.controls.enter(other.runtime, lambda _: None)
            with background(lambda: list(other.runtime.microphone)):
                until(lambda: other.runtime.microphone.hearing.condition.value != "waiting")
                assert other.runtime.microphone.hearing.condition.value == "muted"
                other.runtime.microphone.stop()


def test_broken_settings_are_refused_and_the_old_ones_stay(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.broken = ConfigError("Unknown setting 'listn' from file attune.toml.")
        with pytest.raises(
            ControlError, match=r"Unknown setting 'listn' .* The previous settings stay in force\."
        ):
            daemon.client.reload()
        daemon.broken = None
        daemon.client.reload()
        assert len(daemon.reloads) == 2
        assert daemon.controls.runtime is daemon.runtime


def test_past_exchanges_are_told_corrected_and_confirmed(home: Home) -> None:
    with home.daemon() as daemon:
        journal = daemon.assistant.journal
        first, second = exchange(journal, "wot time"), exchange(journal, "good morning")
        records = daemon.client.log(20)
        assert [record["id"] for record in records] == [second, first]
        assert records == [turn.record() for turn in journal.turns()]
        assert [record["id"] for record in daemon.client.log(1)] == [second]
        daemon.client.correct(first, "what time is it")
        assert daemon.client.confirm(second) == "good morning"
        assert [turn.correction for turn in journal.turns()] == ["good morning", "what time is it"]
        for change in (lambda: daemon.client.correct(77, "x"), lambda: daemon.client.confirm(77)):
            with pytest.raises(ControlError, match="77"):
                change()


def test_exchanges_are_told_a_page_at_a_time(home: Home) -> None:
    with home.daemon() as daemon:
        numbers = [exchange(daemon.assistant.journal) for _ in range(3)]
        assert [each["id"] for each in daemon.client.log(2)] == numbers[:0:-1]
        assert [each["id"] for each in daemon.client.log(2, numbers[1])] == numbers[:1]


def test_a_decision_is_taken_back(home: Home) -> None:
    with home.daemon() as daemon:
        journal = daemon.assistant.journal
        before = journal.turn(exchange(journal, "wot time"))
        daemon.client.correct(before.id, "what time is it")
        daemon.client.consent(before.id, allowed=False)
        daemon.client.put_back(before.id, before.record())
        assert journal.turn(before.id) == before


def test_exchanges_are_erased_with_what_was_learned_from_them(home: Home) -> None:
    with home.daemon() as daemon:
        journal, folder = daemon.assistant.journal, BridgeFolder(daemon.runtime.settings.bridges)
        with Journal(journal.path) as beside:
            for number in (1, 2, 3):
                talk(beside, number)
            first, _ = learn(beside, folder, [1], seed=1)
            second, weights = learn(beside, folder, [1, 2], seed=2)
            learned_at = Lineage(beside).records()[1].created_at
        assert daemon.client.loss([3]) is None
        lost = daemon.client.loss([2])
        assert lost is not None
        assert lost.pop("recordings") == 2
        assert datetime.fromisoformat(lost.pop("left").replace("Z", "+00:00")) == learned_at
        done = daemon.client.erase([2])
        assert (done["turns"], done["bridges"], done["current"]) == (1, [second], first)
        assert done["learns_again"]
        assert weights.left_in(journal.path.parent) == []
        assert daemon.client.loss([1]) == {"recordings": 1, "left": None}
        assert [turn.id for turn in journal.turns()] == [3, 1]


def test_what_a_household_keeps_is_added_told_and_changed(home: Home) -> None:
    with home.daemon() as daemon:
        (timer,) = daemon.client.keep("timers", ["ten minutes", "pizza"])
        assert (timer["id"], timer["name"]) == (1, "pizza")
        assert [each["id"] for each in daemon.client.kept("timers")] == [1]
        assert Typed(daemon.assistant.journal).kept("timers")[0]["name"] == "pizza"
        assert daemon.client.change("timers", "pause", [1])[0]["state"] == "waiting"
        assert daemon.client.kept("timers")[0]["state"] == "paused"
        daemon.client.keep("lists", ["shopping", "milk", "eggs"])
        daemon.client.change("lists", "done", [1])
        assert daemon.client.kept("lists") == [{"id": 2, "list": "shopping", "text": "eggs"}]
        assert daemon.client.past_reminders(3) == []
        with pytest.raises(ControlError, match="There is no number 7 among the notes"):
            daemon.client.change("notes", "remove", [7])
        with pytest.raises(ControlError, match="I do not understand the time in 'call Peter'"):
            daemon.client.keep("reminders", ["call", "Peter"])


def test_bridges_are_listed_promoted_and_taken_back(home: Home) -> None:
    with home.daemon() as daemon:
        good = home.bridges.add(home.bridge("l"))
        base = daemon.version

        def answering() -> list[str]:
            return [str(each["version"]) for each in daemon.client.bridges() if each["answers"]]

        assert answering() == [base]
        daemon.client.promote(good)
        assert answering() == [good]
        daemon.maintenance.idle()
        assert daemon.version == good
        assert daemon.client.status().bridge == good
        daemon.client.promote(None)
        assert answering() == [base]
        daemon.client.promote(good)
        assert daemon.client.rollback() is None
        assert answering() == [base]
        with pytest.raises(ControlError):
            daemon.client.rollback()


def test_a_bridge_that_must_not_answer_is_refused(home: Home) -> None:
    with home.daemon() as daemon:
        rejected = home.bridges.add(home.bridge("r", accepted=False))
        Lineage(daemon.assistant.journal).trained(rejected, "linear", "base", (), ())
        foreign = home.bridges.add(home.bridge("f", encoder="foreign"))
        for version, why in (
            (rejected, f"'assistant bridge promote {rejected} --force'"),
            (foreign, "another speech encoder"),
            ("none-such", "none-such"),
        ):
            with pytest.raises(ControlError, match=why):
                daemon.client.promote(version)
        assert home.bridges.current is None


RECORDING = starter_dir() / "examples" / "1-good-morning.flac"

CALLS: dict[str, Callable[[Client], object]] = {
    "retrain": lambda client: client.call("retrain"),
    "ask": lambda client: client.ask("is it warm"),
    "say": lambda client: client.say("Dinner is ready."),
    "transcribe": lambda client: client.transcribe(str(RECORDING)),
    "mute": lambda client: client.mute(),
    "unmute": lambda client: client.unmute(),
    "stop": lambda client: client.stop(),
    "reload": lambda client: client.reload(),
    "talk": lambda client: client.call("talk", down=True),
    "log": lambda client: client.log(1),
    "correct": lambda client: client.correct(1, "x"),
    "confirm": lambda client: client.confirm(1),
    "loss": lambda client: client.loss([1]),
    "erase": lambda client: client.erase([1]),
    "bridges": lambda client: client.bridges(),
    "promote": lambda client: client.promote(None),
    "rollback": lambda client: client.rollback(),
}


def test_everything_is_refused_while_settings_are_taken_up(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.controls.leave()
        for call in CALLS.values():
            with pytest.raises(ControlError) as refused:
                call(daemon.client)
            assert str(refused.value) == "Attune is loading its settings. Try again in a moment."
        assert daemon.client.status().pid == os.getpid()  # but it can be seen to live
        daemon.controls.enter(daemon.runtime, daemon.server.publish_turn)
        assert daemon.client.status().pid == os.getpid()


def test_the_talk_button_is_down_for_as_long_as_a_client_holds_it(home: Home) -> None:
    with home.daemon(home.settings(listen={"push_to_talk": True})) as daemon:
        button = daemon.runtime.listener.button
        with daemon.client.talking():
            assert button.down
        until(lambda: not button.down)


def test_without_need_there_is_no_talk_button(home: Home) -> None:
    with home.daemon() as daemon, pytest.raises(ControlError, match=r"listen\.push_to_talk"):
        daemon.client.call("talk", down=True)


def test_followers_hear_of_every_exchange_and_the_status_of_the_last(home: Home) -> None:
    with home.daemon() as daemon, daemon.living() as conversation:
        with daemon.client.notices(WAIT_S) as notices:
            ids = [daemon.client.ask(f"question {number}")["id"] for number in range(7)]
            turns = [next(notices) for _ in ids]
        assert [each and (each.method, each.params["id"]) for each in turns] == [
            ("turn", number) for number in ids
        ]
        status = daemon.client.status()
        assert status.turns == 7
        assert [each.heard for each in status.recent] == [f"question {at}" for at in range(2, 7)]
        assert {each.reply for each in status.recent} == {"Yes."}
        assert status.recent[-1].timings_ms["total"]
        assert conversation.told.turns == []


def test_the_status_tells_how_the_daemon_is(home: Home) -> None:
    with home.daemon() as daemon:
        status = daemon.client.status()
        assert status.pid == os.getpid()
        assert status.bridge == daemon.version
        assert status.state == "off"
        assert status.microphone is not None
        assert (status.microphone.state, status.microphone.level_dbfs) == ("waiting", -96.0)
        assert not status.speaking
        assert status.uptime_s >= 0
        assert (status.memory_mb or 0) > 10
        assert (status.warnings, status.recent, status.turns) == ((), (), 0)


def test_troubles_that_stand_are_told(home: Home) -> None:
    with home.daemon() as daemon:
        journal = daemon.assistant.journal
        pages = journal.database.conn.execute("PRAGMA page_count").fetchone()[0]
        journal.database.conn.execute(f"PRAGMA max_page_count = {pages}")
        journal.hear(utterance(0.5))
        (warning,) = daemon.client.status().warnings
        assert "full" in warning
        journal.database.conn.execute("PRAGMA max_page_count = 1000000")
        journal._again_at = 0.0  # not in a minute only
        daemon.maintenance.idle()
        assert daemon.client.status().warnings == ()
        with Journal(journal.path) as kept:
            assert [turn.seconds for turn in kept.turns()] == [pytest.approx(0.5)]


def test_a_house_tells_of_its_loudspeaker(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.runtime.loudspeaker._why = "There is no loudspeaker."
        assert daemon.client.status().warnings == ("There is no loudspeaker.",)


def test_a_training_is_refused_where_nothing_is_learned(home: Home) -> None:
    with home.daemon() as daemon, pytest.raises(ControlError, match="does not learn"):
        daemon.client.call("retrain")
