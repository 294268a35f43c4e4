"""The button at a board's GPIO header, in a runtime that the daemon has opened itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from assistant.errors import DependencyError
from assistant.listen.recordings import Pace, frames
from assistant.values import AudioFrame, EndReason
from tests.cli.house import House
from tests.daemon.opening import opened

PIN = 17


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def board() -> Iterator[MockFactory]:
    board = Device.pin_factory = MockFactory()
    yield board
    board.close()
    Device.pin_factory = None


def test_only_what_is_said_while_the_button_is_pressed_is_heard(
    board: MockFactory, models: House, spoken_sentence: Path, tmp_path: Path
) -> None:
    speech = list(frames(spoken_sentence, Pace.FAST))
    half = len(speech) // 2

    def pressed() -> Iterator[AudioFrame]:
        for number, frame in enumerate(speech):
            if number == 1:
                board.pin(PIN).drive_low()
            if number == half:
                board.pin(PIN).drive_high()  # in the midst of a word
            yield frame

    with opened(models, tmp_path, listen__button_gpio=PIN) as runtime:
        runtime.listener.microphone = speech
        assert list(runtime.listener.utterances()) == []
        runtime.listener.microphone = pressed()
        (utterance,) = runtime.listener.utterances()
        assert utterance.end_reason is EndReason.STOP
        runtime.listener.button.down = True  # 'assistant talk' serves beside it
        runtime.listener.microphone = speech
        assert len(list(runtime.listener.utterances())) == 1


def test_without_what_reads_the_header_the_daemon_does_not_begin(
    models: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with (
        pytest.raises(DependencyError, match="gpiozero and lgpio are needed"),
        opened(models, tmp_path, listen__button_gpio=PIN),
    ):
        pass
