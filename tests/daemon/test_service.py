from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.errors import ControlError
from assistant.journal.store import Journal
from assistant.values import StopReason
from tests.cli.house import ANSWER, N_CTX, ROOT, House, command
from tests.daemon.served import RUN, WORDS, Service, ended
from tests.generate import toys
from tests.sound import SoundServer, silent_environment, synthesise
from tests.waiting import WAIT_S, until


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def service(tmp_path: Path, runtime: House) -> Iterator[Service]:
    """It finds no sound device at all, so it hears nothing."""
    service = Service(tmp_path, runtime.with_own_ears, silent_environment(tmp_path / "silent"))
    yield service
    service.manager.close()


def children(process: subprocess.Popen[str]) -> list[Path]:
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [Path("/proc") / pid for each in tasks for pid in each.read_text().split()]


def test_without_a_microphone_it_is_ready_says_so_once_and_answers(service: Service) -> None:
    with service.running(RUN) as process:
        ready, status = service.manager.told()
        assert ready == "READY=1"
        assert service.client.ask("is it warm", aloud=False)["reply"] == ANSWER
        until(lambda: state(service.client) == "absent")
        while not status.startswith("STATUS=No microphone: There is no microphone"):
            (status,) = service.manager.told()
        beats = service.manager.alive  # all is well though nothing can be heard
        until(lambda: service.manager.alive >= beats + 3)
        left = children(process)
        assert ended(process) == []
    assert service.manager.told() == ["STOPPING=1", "STATUS=Ending"]
    assert not any(child.exists() for child in left)
    assert not (service.folder / "control.sock").exists()
    assert [note.split(" ")[0] for note in service.notes] == ["Models", "There", "Database:"]
    assert service.notes[1].startswith("There is no microphone")
    assert service.notes[1].endswith("Attune keeps trying.")
    with Journal(service.folder / "journal.db") as journal:
        (turn,) = journal.turns()
        assert turn.reply == ANSWER


def state(client: Client) -> str | None:
    microphone = client.status().microphone
    return microphone and microphone.state


def test_a_service_whose_models_do_not_open_is_never_ready(service: Service) -> None:
    with service.running(RUN, ATTUNE_GENERATE__PATH="/none.gguf") as process:
        assert process.wait(WAIT_S) == 1
    assert service.notes[-1].startswith("assistant: Cannot read the model file /none.gguf")
    assert service.manager.messages.empty()


def test_settings_are_taken_up_and_broken_ones_leave_all_as_it_is(service: Service) -> None:
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        assert service.client.ask("one")["reply"] == ANSWER
        service.configure("two", '[generate]\ninstruction = "Be brief."')
        process.send_signal(signal.SIGHUP)
        told = service.manager.told_until("READY=1")
        assert "RELOADING=1" in told
        assert told.index("RELOADING=1") < told.index("READY=1")
        assert service.client.ask("two")["reply"] == ANSWER

        service.configure("three", "[speek]\nrate = 1")
        process.send_signal(signal.SIGHUP)
        stays = "The previous settings stay in force."
        until(lambda: any(note.endswith(stays) for note in service.notes))
        with pytest.raises(ControlError, match=f"Unknown setting 'speek.*{stays}"):
            service.client.reload()
        assert service.client.ask("three")["reply"] == ANSWER

        service.configure("three", encoder="/none/such")
        service.client.reload()
        service.manager.told_until("READY=1")
        (why,) = [note for note in service.notes if "/none/such" in note]
        assert why.endswith(stays)
        assert service.client.ask("three, again")["reply"] == ANSWER

        service.configure("four", '[listen]\ndevice = "x"')
        service.client.reload()
        service.manager.told_until("READY=1")
        assert service.client.ask("four")["reply"] == ANSWER
        ended(process)
    assert service.replies("one") == ["turn-000001.wav"]
    assert service.replies("two") == [f"turn-00000{number}.wav" for number in (2, 3, 4)]
    assert service.replies("three") == []
    assert service.replies("four") == ["turn-000005.wav"]
    assert "RELOADING=1" not in service.manager.told_until("STOPPING=1")


def test_settings_that_change_while_others_are_taken_up_count_too(service: Service) -> None:
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        before = held(process)
        assert len(before) == 3  # the LLM, its rows, the journal
        for folder in ("two", "three"):
            service.configure(folder)
            process.send_signal(signal.SIGHUP)
            service.manager.told_until("RELOADING=1")

        def answers() -> list[str]:
            with suppress(ControlError):  # not while settings are being taken up
                service.client.ask("is it warm")
            return service.replies("three")

        until(answers)
        until(lambda: held(process) == before)
        ended(process)


def held(process: subprocess.Popen[str]) -> list[str]:
    """Models and journals that are open."""
    found: list[str] = []
    for each in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.append(str(each.readlink()))
    return sorted(path for path in found if path.endswith((".gguf", ".db")))


def test_the_end_comes_in_mid_reply_too_and_keeps_what_was_said(
    service: Service, tmp_path: Path
) -> None:
    endless = toys.write(tmp_path / "endless.gguf", toys.babbling(n_ctx=N_CTX))
    changes = {
        "ATTUNE_GENERATE__PATH": str(endless),
        "ATTUNE_GENERATE__MAX_TOKENS": "4000",
        "ATTUNE_GENERATE__TEMPERATURE": "0.1",
    }
    with service.running(RUN, **changes) as process:
        service.manager.told_until("READY=1")
        asking = subprocess.Popen(
            command("ask", "for ever"),
            cwd=ROOT,
            env=service.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with asking, Journal(service.folder / "journal.db") as journal:
            until(lambda: [turn for turn in journal.turns() if turn.route is not None])
            ended(process)
            (turn,) = journal.turns()
    assert turn.stop_reason is StopReason.CANCELLED
    assert turn.reply is not None


@pytest.mark.parametrize("thread", ["listen", "answer", "health"])
def test_a_thread_that_dies_ends_the_service_with_a_clear_last_line(
    service: Service, thread: str
) -> None:
    start = [sys.executable, "-m", "tests.daemon.faults", thread, *WORDS]
    with service.running(start) as process:
        assert process.wait(WAIT_S) == 1
    assert service.notes[-1] == (
        f"Attune is stopping because its thread {thread!r} died (ZeroDivisionError)."
    )
    assert any(note.startswith("Traceback") for note in service.notes)
    assert not any("planted" in note and "raise" not in note for note in service.notes)
    assert service.manager.told_until("STOPPING=1")


def test_a_fault_before_it_listens_is_told_without_its_message(service: Service) -> None:
    start = [sys.executable, "-m", "tests.daemon.faults", "opening", *WORDS]
    with service.running(start) as process:
        assert process.wait(WAIT_S) == 1
    assert service.notes[-1] == "ZeroDivisionError"
    assert any("in broken" in note for note in service.notes)


def test_an_end_that_takes_too_long_is_made_short(service: Service) -> None:
    start = [sys.executable, "-m", "tests.daemon.faults", "end", *WORDS]
    with service.running(start) as process:
        service.manager.told_until("READY=1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 1
    assert service.notes[-1] == "assistant: Stopping took too long, so Attune was ended at once."


@pytest.fixture
def sounding(tmp_path: Path, runtime: House, sound_server: SoundServer) -> Iterator[Service]:
    """It has a microphone and a loudspeaker."""
    service = Service(tmp_path, runtime, sound_server.env)
    service.configure(None)
    yield service
    service.manager.close()


def test_a_service_with_sound_hears_and_speaks_and_its_silence_is_noticed(
    sounding: Service, sound_server: SoundServer
) -> None:
    service = sounding
    said = synthesise("Good morning to you.", service.folder / "said.wav", lead_s=0.5, tail_s=1.5)
    with service.running(RUN, ATTUNE_SERVICE__DEAF_S="1.5") as process:
        service.manager.told_until("READY=1")
        with service.client.notices(WAIT_S) as notices:
            until(lambda: state(service.client) == "listening")
            sound_server.say(said)
            turn = next(each for each in notices if each is None or each.method == "turn")
        assert turn is not None
        assert turn.params["reply"] == ANSWER
        (microphone,) = children(process)
        os.kill(int(microphone.name), signal.SIGSTOP)
        until(lambda: service.notes[-1].startswith("No sound has come from the microphone for"))
        beats = service.manager.alive
        time.sleep(1.5)  # three times as long as beats are apart
        assert service.manager.alive <= beats + 1  # which may have been under way
        os.kill(int(microphone.name), signal.SIGCONT)
        until(lambda: service.manager.alive > beats + 2)
        (exchange,) = ended(process)
    assert exchange["id"] == turn.params["id"]
    assert exchange["timings_ms"]["first_audio"] > 0
    first = [note.split(" ")[0] for note in service.notes]
    assert first[:4] == ["Models", "Listening.", "Attune", "No"]
    assert service.notes[2].startswith("Attune does not hear you while it speaks; with its first")
    assert first.count("No") == 1  # told once
