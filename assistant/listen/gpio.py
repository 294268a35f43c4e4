"""A push button wired to a board's GPIO header."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from assistant.errors import DependencyError, DeviceError


@contextmanager
def button(pin: int) -> Generator[Callable[[], bool], None, None]:
    """Yields a function that says whether the button between a pin and ground is pressed.

    Args:
        pin: its BCM number, as in "GPIO17".

    Raises:
        DependencyError: if gpiozero or lgpio is not installed.
        DeviceError: if this machine has no such pin, or Attune may not use it.
    """
    with ExitStack() as owned:
        try:
            device = _opened(pin, owned)
        except ImportError:
            raise DependencyError(
                "For a button at the GPIO header the packages gpiozero and lgpio are needed. Run: "
                f"{sys.executable} -m pip install gpiozero lgpio, or remove listen.button_gpio "
                "from the settings."
            ) from None
        except Exception as error:  # noqa: BLE001 - gpiozero's, lgpio's and the system's
            why = str(error).strip("'. ") or type(error).__name__
            raise DeviceError(
                f"The talk button at GPIO {pin} cannot be used ({why}). It needs a Raspberry Pi "
                "whose /dev/gpiochip* Attune may open: run 'sudo deploy/rpi5/install.sh' again "
                "for the service, 'sudo adduser $USER gpio' for yourself. If there is no button, "
                "remove listen.button_gpio from the settings."
            ) from None
        # the listener may ask once more while everything is being closed
        yield lambda: not device.closed and bool(device.is_active)


def _opened(pin: int, owned: ExitStack) -> Any:
    """The pin, pulled up; both packages are imported by name because they are optional."""
    gpiozero = import_module("gpiozero")
    factory = gpiozero.Device.pin_factory
    if factory is None:  # the default; gpiozero itself would guess, and warn
        factory = import_module("gpiozero.pins.lgpio").LGPIOFactory()
        owned.callback(factory.close)
    device = gpiozero.InputDevice(pin, pull_up=True, pin_factory=factory)
    owned.callback(device.close)
    return device
