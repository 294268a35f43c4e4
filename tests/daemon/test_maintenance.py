from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from assistant.bridge.checkpoint import Checkpoint
from assistant.config import EncodeSettings
from assistant.daemon import loop
from assistant.daemon.maintenance import AGAIN_S
from assistant.encode.encoder import open_encoder
from assistant.errors import AttuneError, BridgeError, ControlError
from assistant.generate.context import ContextLine
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.background.scheduler import FAILURES
from assistant.personalise.training.events import Collected, Failed, Judged
from assistant.values import Utterance
from tests.daemon.home import Daemon, Home, Told
from tests.journal.exchanges import exchange, utterance
from tests.personalise.material import WHISPER, changed_recogniser
from tests.settings import block
from tests.turn.rooms import at
from tests.waiting import WAIT_S


def enrol(home: Home, number: int = 1) -> None:
    with Journal(home.folder / "journal.db") as journal:
        for seed in range(number):
            journal.enrolled(utterance(0.1, seed=seed), "good morning", Taught.ENROLLED)


def test_a_promoted_bridge_answers_the_next_turn_and_a_rollback_undoes_it(home: Home) -> None:
    learned = home.bridge("l")
    told = Told()

    def conversation() -> Iterator[Utterance]:
        def until_answered(number: int) -> None:
            deadline = time.monotonic() + WAIT_S
            while len(told.turns) < number:
                assert time.monotonic() < deadline
                time.sleep(0.005)

        yield utterance(0.2)
        until_answered(1)
        home.bridges.promote(home.bridges.add(learned))
        yield utterance(0.2)
        until_answered(2)
        home.bridges.rollback()
        yield utterance(0.2)

    with home.daemon() as daemon:
        loop.run(
            daemon.assistant,
            conversation(),
            stopper=loop.Stopper(),
            reporter=told,
            beside=daemon.maintenance,
        )
    base = home.bridge("b").version
    assert [turn.bridge for turn in told.turns] == [base, learned.version, base]
    assert [turn.heard for turn in told.turns] == ["bb", "ll", "bb"]
    assert home.told == [
        f"Now using what was learned of your voice (version {learned.version}).",
        f"Now using what Attune came with (version {base}).",
    ]


def test_a_learned_bridge_answers_from_the_start(home: Home) -> None:
    version = home.bridges.add(home.bridge("l"))
    home.bridges.promote(version)
    with home.daemon() as daemon:
        daemon.maintenance.idle()
        assert daemon.version == version
        assert daemon.maintenance.status().bridge == version
    assert home.told == []


def test_a_learned_bridge_needs_no_base(home: Home) -> None:
    settings = home.settings(bridge={"path": None})
    with home.daemon(settings) as daemon:
        assert daemon.version is None
        version = home.bridges.add(home.bridge("l"))
        home.bridges.promote(version)
        daemon.maintenance.idle()
        assert daemon.version == version
        home.bridges.rollback()
        daemon.maintenance.idle()
        assert daemon.version is None
    assert home.told == [
        f"Now using what was learned of your voice (version {version}).",
        "What had been learned is not used any more: everybody is heard alike.",
    ]


@pytest.mark.parametrize("goes", ["rolled back", "erased", "erased, and there is no base"])
def test_the_recogniser_hears_with_the_changes_of_the_bridge_in_use(home: Home, goes: str) -> None:
    home.encoder = open_encoder(block(EncodeSettings, path=WHISPER, threads=1))
    learned = changed_recogniser(home.encoder)
    said = utterance(0.3)
    with home.daemon(home.settings(bridge={"path": None})) as daemon:
        own = daemon.assistant.encoder.encode(said)
        version = home.bridges.add(learned)
        home.bridges.promote(version)
        daemon.maintenance.idle()
        assert daemon.version == version
        heard = daemon.assistant.encoder.encode(said)
        assert heard.encoder == f"{own.encoder}+{version}"
        assert not np.allclose(heard.frames, own.frames, atol=0.1)
        if goes == "rolled back":
            home.bridges.rollback()
        else:
            home.bridges.destroy(version)
        if goes == "erased, and there is no base":  # but a damaged one
            home.folder.joinpath("base.safetensors").write_bytes(b"rubbish")
            path = home.folder / "base.safetensors"
            daemon.maintenance._settings = home.settings(bridge={"path": path})
        daemon.maintenance.idle()
        assert daemon.version is None
        again = daemon.assistant.encoder.encode(said)
        assert again.encoder == own.encoder
        np.testing.assert_array_equal(again.frames, own.frames)


def damage(home: Home, checkpoint: Checkpoint) -> str:
    """Promote a bridge whose file is damaged afterwards."""
    version = home.bridges.add(checkpoint)
    home.bridges.promote(version)
    home.bridges.path(version).write_bytes(b"rubbish")
    return version


def test_a_bridge_that_does_not_load_is_told_once_and_the_old_one_stays(home: Home) -> None:
    good = home.bridges.add(home.bridge("l"))
    home.bridges.promote(good)
    with home.daemon() as daemon:
        bad = damage(home, home.bridge("m"))
        for _ in range(5):
            daemon.maintenance.idle()
            daemon.maintenance.turn_began()
            daemon.maintenance.turn_ended()
        assert daemon.version == good
        (line,) = home.told
        assert line.startswith(f"The file of version {bad} is damaged.")
        assert "'assistant bridge rollback'" in line
        home.bridges.rollback()
        daemon.maintenance.idle()
        assert daemon.version == good


def test_a_failure_that_comes_again_is_told_once_an_hour(home: Home) -> None:
    home.bridges.promote(home.bridges.add(home.bridge("l")))

    def fail(daemon: Daemon) -> None:
        for _ in range(3):
            home.bridges.state.unlink()
            home.bridges.state.write_text("rubbish")
            daemon.maintenance.idle()

    with home.daemon() as daemon:
        version = daemon.version
        fail(daemon)
        assert daemon.version == version
        (line,) = home.told
        assert line.startswith("The list of what was learned")
        assert "'assistant bridge rollback'" in line
        daemon.maintenance._noted[line] -= AGAIN_S
        fail(daemon)
        assert home.told == [line, line]


def test_a_bridge_of_other_models_is_told_with_what_mends_it(home: Home) -> None:
    version = home.bridges.add(home.bridge("f", encoder="foreign"))
    with home.daemon() as daemon:
        base = daemon.version
        home.bridges.promote(version)
        daemon.maintenance.idle()
        daemon.maintenance.idle()
        assert daemon.version == base
    (line,) = home.told
    assert line.startswith(f"What was learned (version {version}) is for another")
    assert "'assistant retrain --from base'" in line


@pytest.mark.parametrize("spoil", ["file", "models", "state"])
def test_the_base_bridge_stands_in_at_the_start(home: Home, spoil: str) -> None:
    if spoil == "file":
        damage(home, home.bridge("m"))
    elif spoil == "models":
        home.bridges.promote(home.bridges.add(home.bridge("f", encoder="foreign")))
    else:
        home.bridges.promote(home.bridges.add(home.bridge("l")))
        home.bridges.state.write_text("rubbish")
    with home.daemon() as daemon:
        daemon.maintenance.idle()
        assert daemon.version == home.bridge("b").version
    assert home.told[0].endswith("Until then nothing learned is used.")
    assert "'assistant " in home.told[0]
    assert len(home.told) == (2 if spoil == "state" else 1)  # which cannot be repaired, either


def test_a_route_without_bridges_stays_without(home: Home) -> None:
    settings = home.settings().model_copy(update={"route": "transcript"})
    home.bridges.promote(home.bridges.add(home.bridge("l")))
    with home.daemon(settings) as daemon:
        home.bridges.rollback()
        daemon.maintenance.idle()
        assert daemon.version is None
    assert home.told == []


def test_an_erased_bridge_is_not_used_even_if_there_is_no_other(home: Home) -> None:
    version = home.bridges.add(home.bridge("l"))
    home.bridges.promote(version)
    with home.daemon() as daemon:
        (home.folder / "base.safetensors").unlink()
        home.bridges.destroy(version)
        daemon.maintenance.idle()
        assert daemon.version is None
    (line,) = home.told
    assert line.startswith("Nothing learned is at")


def test_what_was_broken_off_is_finished_at_the_start(home: Home) -> None:
    version = home.bridges.add(home.bridge("l"))
    home.bridges.promote(version)
    part = home.bridges.folder / "abc.part"
    part.write_bytes(b"half")
    with Journal(home.folder / "journal.db") as journal:
        gone, stays = exchange(journal), exchange(journal)
        Lineage(journal).trained(version, "linear", "base", [gone], [])
        journal.remember("erasing:1", json.dumps([gone]))
    with home.daemon() as daemon:
        assert [turn.id for turn in daemon.assistant.journal.turns()] == [stays]
        assert daemon.version == home.bridge("b").version
    assert home.bridges.versions() == []
    assert not part.exists()


@pytest.mark.parametrize(("quiet_s", "left"), [(0, 1), (300, 2)])
def test_what_was_kept_long_enough_goes_when_it_is_quiet(
    home: Home, quiet_s: int, left: int
) -> None:
    old = datetime.now(timezone.utc) - timedelta(days=10)
    with Journal(home.folder / "journal.db") as journal:
        exchange(journal, started_at=old)
        exchange(journal, started_at=datetime.now(timezone.utc))
    settings = home.settings(journal={"keep_days": 5}, idle={"quiet_s": quiet_s})
    with home.daemon(settings, role=("learn",)) as daemon:
        daemon.maintenance.idle()
        assert daemon.assistant.journal.count() == left
    assert home.told == []


def test_learning_begins_by_itself_and_its_verdict_is_told(home: Home) -> None:
    enrol(home)
    settings = home.settings(personalise={"enabled": True})
    with home.daemon(settings, role=("learn",)) as daemon:
        events = daemon.events(daemon.client.events(0.01))
        assert next(events) == Collected(8, 2)
        judged = next(event for event in events if isinstance(event, Judged))
        assert judged.version == "from-current"
        daemon.until(lambda: daemon.client.status().state == "waiting")
        status = daemon.client.status()
        assert status.last_verdict is not None
        assert status.last_verdict["version"] == "from-current"
        assert status.pid == os.getpid()
    assert home.told == ["Learned: better (version from-current)."]


def test_without_examples_it_waits_for_some(home: Home) -> None:
    settings = home.settings(personalise={"enabled": True}, idle={"min_new": 3})
    with home.daemon(settings, role=("learn",)) as daemon:
        exchange(daemon.assistant.journal)  # which nobody has looked at
        daemon.maintenance.idle()
        assert daemon.client.status().waits == ("3 more examples",)


def test_examples_are_counted_anew_when_the_journal_has_changed(home: Home) -> None:
    with home.daemon(role=("learn",)) as daemon:
        assert daemon.maintenance._count() == 0
        enrol(home, 2)  # by another connection
        assert daemon.maintenance._count() == 2
        daemon.assistant.journal.consent(1, allowed=False)
        assert daemon.maintenance._count() == 1
        statements: list[str] = []
        daemon.assistant.journal.database.conn.set_trace_callback(statements.append)
        assert daemon.maintenance._count() == 1
        assert not statements


def test_a_person_can_ask_for_a_training_though_none_begins_by_itself(home: Home) -> None:
    enrol(home)
    with home.daemon(role=("step_on",)) as daemon:
        for _ in range(3):
            daemon.maintenance.idle()
        assert daemon.client.status().state == "off"
        daemon.client.call("retrain", start="base")
        daemon.until(lambda: daemon.client.status().progress)
        status = daemon.client.status()
        assert (status.state, status.seconds_left) == ("training", 100.0)
        with pytest.raises(ControlError, match="A training is already running"):
            daemon.client.call("retrain")


def test_while_somebody_speaks_what_stands_before_their_words_is_decoded(home: Home) -> None:
    with home.daemon() as daemon:
        noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
        desk = daemon.assistant.desk
        desk.household = replace(desk.household, look=lambda: at(noon))
        context = ContextLine(noon).line()
        daemon.maintenance.idle()
        reused = [tokens_reused(home, context)]
        daemon.maintenance.speech(time.monotonic())
        daemon.maintenance.idle()
        reused.append(tokens_reused(home, context))
        daemon.maintenance.speech(time.monotonic())  # the same speech goes on
        daemon.maintenance.idle()
        reused.append(tokens_reused(home, context))
        daemon.maintenance.turn_began()
        daemon.maintenance.turn_ended()
        daemon.maintenance.idle()  # nobody speaks
        reused.append(tokens_reused(home, context))
        daemon.maintenance.speech(time.monotonic())
        daemon.maintenance.idle()
        reused.append(tokens_reused(home, context))
    first, ahead, going_on, silent, again = reused
    assert first == going_on == silent
    assert ahead == again > first
    assert home.told == []


def test_in_the_quiet_what_was_said_last_is_decoded(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.assistant.read("what day is it")
        before = home.llm._cache.decoded
        for _ in range(5):
            daemon.maintenance.idle()
        after = home.llm._cache.decoded
        assert after > before
        daemon.maintenance.idle()
        assert home.llm._cache.decoded == after
        assert home.llm._cache.at == after - before + len(home.llm._prompts.instruction)
    assert home.told == []


def tokens_reused(home: Home, context: str) -> int:
    stream = home.llm.reply("hello", context, cancel=threading.Event())
    list(stream)
    home.llm.expect("")  # for a line that was decoded before is not decoded again
    return stream.stats.reused_prefix_tokens


def test_speech_and_turns_pause_the_trainer_and_its_end_with_the_daemon_is_no_failure(
    home: Home,
) -> None:
    with home.daemon(role=("step_on",)) as daemon:
        daemon.client.call("retrain")
        daemon.until(lambda: daemon.client.status().state == "training")
        captured_at = time.monotonic()
        daemon.maintenance.speech(captured_at)
        status = daemon.client.status()
        assert status.state == "paused"
        assert status.paused_after_ms is not None
        assert 0 <= status.paused_after_ms <= (time.monotonic() - captured_at) * 1_000
        daemon.maintenance.turn_began()
        daemon.maintenance.turn_ended()
        assert daemon.client.status().state == "paused"
        daemon.until(lambda: daemon.client.status().state == "training")
    (started,) = home.trainers
    with pytest.raises(ProcessLookupError):
        os.kill(started.pid, 0)
    with Journal(home.folder / "journal.db") as journal:
        assert journal.remembered(FAILURES) is None
    assert home.told == []


@pytest.mark.parametrize(
    ("enabled", "then"),
    [
        (True, "It will be tried again; 'assistant status' shows when."),
        (False, "'assistant retrain' tries again."),
    ],
)
def test_a_training_that_breaks_off_is_told(home: Home, enabled: bool, then: str) -> None:  # noqa: FBT001
    settings = home.settings(personalise={"enabled": enabled})
    with home.daemon(settings, role=("fail",)) as daemon:
        daemon.client.call("retrain")
        events = daemon.events(daemon.client.events(0.01))
        failures = (event for event in events if isinstance(event, Failed))
        assert next(failures).error == "The encoder is gone."
        daemon.until(lambda: daemon.client.status().failures)
        assert daemon.client.status().last_failure == "The encoder is gone."
    assert home.told == [f"A training failed: The encoder is gone. {then}"]


def test_a_journal_that_fails_is_told_once_and_the_daemon_goes_on(home: Home) -> None:
    settings = home.settings(personalise={"enabled": True})
    with home.daemon(settings, role=("learn",)) as daemon:
        daemon.assistant.journal.close()
        for _ in range(3):
            daemon.maintenance.idle()
        assert daemon.client.status().state == "waiting"
    (line,) = set(home.told)
    assert line.startswith("Cannot read the journal")


def test_where_nobody_listens_nothing_is_learned(home: Home) -> None:
    enrol(home)
    with home.daemon(home.settings(personalise={"enabled": True})) as daemon:
        for _ in range(3):
            daemon.maintenance.idle()
            daemon.maintenance.speech(time.monotonic())
        assert daemon.maintenance.status().state == "off"
    assert home.told == []


def test_the_base_bridge_must_fit_if_there_is_no_other(home: Home) -> None:
    replace(home.bridge("f"), encoder="foreign").write(home.folder / "base.safetensors")
    with pytest.raises(AttuneError, match="made for another speech encoder"), home.daemon():
        pass
    settings = home.settings(bridge={"path": None}).model_copy(update={"route": "bridge"})
    with (
        pytest.raises(BridgeError, match="Nothing has been learned yet for this"),
        home.daemon(settings),
    ):
        pass
