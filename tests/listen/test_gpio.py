from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from assistant.errors import DependencyError, DeviceError
from assistant.listen import gpio


@pytest.fixture
def board() -> Iterator[MockFactory]:
    """A board whose pins a test may drive."""
    board = Device.pin_factory = MockFactory()
    yield board
    board.close()
    Device.pin_factory = None


def test_a_button_is_pressed_for_as_long_as_it_joins_its_pin_to_ground(board: MockFactory) -> None:
    with gpio.button(17) as is_pressed:
        assert not is_pressed()
        board.pin(17).drive_low()
        assert is_pressed()
        board.pin(17).drive_high()
        assert not is_pressed()


def test_a_button_that_is_put_away_is_not_pressed(board: MockFactory) -> None:
    with gpio.button(17) as is_pressed:
        board.pin(17).drive_low()
        assert is_pressed()
    assert not is_pressed()


@pytest.mark.usefixtures("board")
def test_a_pin_that_cannot_be_used_is_named_with_the_reason() -> None:
    with (
        pytest.raises(DeviceError, match=r"at GPIO 99 cannot be used \(99 is not a valid pin name"),
        gpio.button(99),
    ):
        pass
    with (
        gpio.button(17),
        pytest.raises(DeviceError, match=r"at GPIO 17 cannot be used \(pin GPIO17 is already in"),
        gpio.button(17),
    ):
        pass


@pytest.mark.parametrize("missing", ["gpiozero", "gpiozero.pins.lgpio"])
def test_missing_packages_are_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with (
        pytest.raises(
            DependencyError,
            match=r"-m pip install gpiozero lgpio, " r"or remove listen\.button_gpio",
        ),
        gpio.button(17),
    ):
        pass
