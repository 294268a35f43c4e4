"""A household's Home Assistant hears, answers and speaks through Attune, and acts for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.listen.recordings import load
from assistant.spoken import said_words
from tests.cli.house import ROOT, command
from tests.soak.home_assistant import LIGHT, HomeAssistant, attune_beside, own_voice, running
from tests.sound import silent_environment, similarity, synthesise
from tests.waiting import until
from tests.wyoming.living import Living
from tests.wyoming.peers import CHUNK, examples, pcm, silence

pytestmark = pytest.mark.soak

QUESTION, TIMER = examples()[1:3]

GAP_S = 1.4
"""Where in the second one a word ends: "set a timer for"."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    with running(tmp_path_factory.mktemp("home") / "log") as home:
        yield home


@pytest.fixture(scope="module")
def attune(home: HomeAssistant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Its part of the household, which Home Assistant has been told of."""
    with attune_beside(home, tmp_path_factory.mktemp("attune")) as (daemon, port):
        home.add_wyoming(port)
        yield daemon


def sent(sound: bytes) -> Iterator[bytes]:
    """In pieces, without a word of where it ends."""
    for start in range(0, len(sound), 2 * CHUNK):
        yield sound[start : start + 2 * CHUNK]


def whole(path: Path) -> Iterator[bytes]:
    """A recording, and that it has ended."""
    yield from sent(pcm(path))
    yield b""


def please(folder: Path) -> Path:
    """Somebody wants light."""
    return synthesise("Turn on the kitchen light.", folder / "please.wav", tail_s=0.5)


def test_a_spoken_question_is_answered_aloud(
    home: HomeAssistant, attune: Living, tmp_path: Path
) -> None:
    events = home.hear(home.assistant("Attune"), whole(QUESTION))
    heard = events["stt-end"]["stt_output"]["text"]
    assert heard == attune.client.hear(str(QUESTION), aloud=False)["transcript"]
    response = events["intent-end"]["intent_output"]["response"]
    assert response["response_type"] == "action_done"
    answer = response["speech"]["plain"]["speech"]
    assert answer.startswith("It is ")
    sound = tmp_path / "answer.mp3"
    sound.write_bytes(home.file(events["tts-end"]["tts_output"]["url"]))
    assert similarity(load(sound), own_voice(attune, answer)) > 0.9


@pytest.mark.usefixtures("attune")
def test_who_pauses_in_the_middle_is_not_cut_off(home: HomeAssistant) -> None:
    """It is Attune who hears the end: nothing says that the sound has ended."""
    sound = pcm(TIMER)
    gap = round(GAP_S * 16_000) * 2
    paused = sound[:gap] + silence(1.5) + sound[gap:] + silence(4.0)
    events = home.hear(home.assistant("Patient"), sent(paused))
    heard = events["stt-end"]["stt_output"]["text"]
    assert said_words(heard) == "set a timer for ten minutes"
    assert "stt-vad-end" not in events
    assert not events["stt-start"]["audio_processing"]["requires_external_vad"]


@pytest.mark.usefixtures("attune")
def test_what_attune_hears_home_assistant_s_own_agent_does(
    home: HomeAssistant, tmp_path: Path
) -> None:
    assistant = home.assistant("Lights", conversation_engine="conversation.home_assistant")
    events = home.hear(assistant, whole(please(tmp_path)))
    response = events["intent-end"]["intent_output"]["response"]
    assert [each["id"] for each in response["data"]["success"]] == [LIGHT]
    until(lambda: home.states()[LIGHT] == "on")


def test_what_attune_is_asked_for_the_home_does(
    home: HomeAssistant, attune: Living, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(home.token)
    environment = silent_environment(tmp_path) | {
        "ATTUNE_CONTROL__PATH": str(attune.client.path),
        "ATTUNE_HOME__URL": home.url,
        "ATTUNE_HOME__TOKEN_FILE": str(token),
    }
    with subprocess.Popen(
        command("home"), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert home.url in process.stdout.readline()

            def asked(words: str) -> str:
                ask = command("ask", words)
                return subprocess.check_output(ask, cwd=ROOT, env=environment, text=True)

            until(lambda: "cannot reach" not in asked("turn on the kitchen light"))
            until(lambda: home.states()[LIGHT] == "on")
            assert "Turned off the light" in asked("turn off the kitchen light")
            until(lambda: home.states()[LIGHT] == "off")
            assert "No, off." in asked("is the kitchen light on")
            assert "does not know that" in asked("turn on the garden light")
            events = home.hear(home.assistant("Round trip"), whole(please(tmp_path)))
            response = events["intent-end"]["intent_output"]["response"]
            assert response["speech"]["plain"]["speech"] == "Turned on the light."
            until(lambda: home.states()[LIGHT] == "on")
        finally:
            process.terminate()
