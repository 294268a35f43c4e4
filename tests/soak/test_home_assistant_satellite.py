"""A household's Home Assistant answers what is said to Attune, which is its ear and its voice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.spoken import said_words
from tests.soak.home_assistant import LIGHT, HomeAssistant, attune_beside, running
from tests.sound import synthesise
from tests.waiting import until
from tests.web.served import free_port
from tests.wyoming.living import Living

pytestmark = pytest.mark.soak

SATELLITE = "assist_satellite.attune"

AFTER_S = 3.0
"""Home Assistant's own sounds run into each other if it announces something as it answers."""

EMPTY = 44
"""Bytes of a WAV file without a sound."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    with running(tmp_path_factory.mktemp("home") / "log") as home:
        yield home


@pytest.fixture(scope="module")
def attune(home: HomeAssistant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """A satellite, and the speech of its assistant, which is Home Assistant's own otherwise."""
    satellite = free_port()
    with attune_beside(home, tmp_path_factory.mktemp("attune"), satellite) as (daemon, port):
        home.add_wyoming(port)
        assistant = home.assistant("Room", conversation_engine="conversation.home_assistant")
        home.ask("assist_pipeline/pipeline/set_preferred", pipeline_id=assistant)
        home.add_wyoming(satellite, SATELLITE)
        until(lambda: home.states()[SATELLITE] == "idle")
        yield daemon


def told(attune: Living, words: str, folder: Path) -> str | None:
    """What is answered to words that are said, without a full stop."""
    said = synthesise(words, folder / "said.wav", tail_s=0.5)
    reply = attune.client.hear(str(said), aloud=False)["reply"]
    return reply and reply.rstrip(".")


def test_what_is_said_to_attune_home_assistant_does(
    home: HomeAssistant, attune: Living, tmp_path: Path
) -> None:
    assert told(attune, "Turn on the kitchen light.", tmp_path) == "Turned on the light"
    assert home.states()[LIGHT] == "on"
    until(lambda: home.states()[SATELLITE] == "idle")  # it has been told that all was heard
    assert told(attune, "Turn off the kitchen light.", tmp_path) == "Turned off the light"
    assert home.states()[LIGHT] == "off"


def test_its_timers_are_attune_s_too(home: HomeAssistant, attune: Living, tmp_path: Path) -> None:
    until(lambda: home.states()[SATELLITE] == "idle")
    answer = told(attune, "Set a timer for ten minutes.", tmp_path)
    assert answer is not None
    assert "imer" in answer
    until(lambda: attune.client.kept("timers") != [])
    (timer,) = attune.client.kept("timers")
    assert timer["length_s"] == 600


def test_its_announcements_are_heard_here(home: HomeAssistant, attune: Living) -> None:
    time.sleep(AFTER_S)
    wanted = {"entity_id": SATELLITE, "message": "Dinner is ready.", "preannounce": False}
    home.rest("/api/services/assist_satellite/announce", wanted)
    heard = attune.journal.parent / "said" / "announcement.wav"
    until(lambda: heard.exists() and heard.stat().st_size > EMPTY)
    heard_as = attune.client.transcribe(str(heard))["text"]
    assert said_words(heard_as) == "dinner is ready"
