from __future__ import annotations

import logging

import pytest
import sounddevice

from assistant.audio.portaudio import Device, DeviceKind, Format, age, choose, formats, open_first
from assistant.errors import DeviceError

USB = Device(
    0,
    "USB PnP Microphone: (hw:1,0)",
    DeviceKind.INPUT,
    default=False,
    sample_rate=48_000,
    channels=1,
)
DEFAULT = Device(1, "default", DeviceKind.INPUT, default=True, sample_rate=44_100, channels=32)
USB_DEFAULTISH = Device(
    2, "usb stream", DeviceKind.INPUT, default=False, sample_rate=16_000, channels=2
)
SPEAKER = Device(3, "HDMI", DeviceKind.OUTPUT, default=True, sample_rate=48_000, channels=2)
ALL = [USB, DEFAULT, USB_DEFAULTISH, SPEAKER]


def test_without_a_name_the_default_is_chosen() -> None:
    assert choose(DeviceKind.INPUT, None, ALL) is DEFAULT
    assert choose(DeviceKind.INPUT, None, [USB, USB_DEFAULTISH]) is USB


@pytest.mark.parametrize(
    ("part", "device"), [("pnp", USB), ("usb", USB), ("USB Stream", USB_DEFAULTISH)]
)
def test_a_part_of_the_name_is_enough_and_an_exact_name_wins(part: str, device: Device) -> None:
    assert choose(DeviceKind.INPUT, part, ALL) is device


def test_a_name_of_the_other_direction_does_not_count() -> None:
    with pytest.raises(DeviceError, match="No microphone has 'HDMI' in its name"):
        choose(DeviceKind.INPUT, "HDMI", ALL)
    with pytest.raises(DeviceError, match="There is no loudspeaker"):
        choose(DeviceKind.OUTPUT, None, [USB])


def test_the_wished_rate_comes_before_the_device_s_own_and_microphones_are_heard_in_stereo() -> (
    None
):
    assert formats(SPEAKER, 22_050) == (
        Format(22_050, 1),
        Format(48_000, 1),
        Format(22_050, 2),
        Format(48_000, 2),
    )
    assert formats(USB_DEFAULTISH, 16_000) == (Format(16_000, 2), Format(16_000, 1))
    assert formats(USB, 16_000) == (Format(16_000, 1), Format(48_000, 1))


def test_the_first_format_that_is_not_refused_is_taken() -> None:
    def only_48_khz_stereo(each: Format) -> str:
        if each != Format(48_000, 2):
            raise sounddevice.PortAudioError("Invalid sample rate")
        return "open"

    assert open_first(SPEAKER, 22_050, only_48_khz_stereo) == ("open", Format(48_000, 2))


def test_a_device_that_refuses_every_format_is_named_with_its_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def busy(each: Format) -> str:
        raise sounddevice.PortAudioError(f"Device unavailable at {each.rate}", -9985)

    said = r"'HDMI' does not open: it is gone, or another program uses it\. Close the program"
    with (
        caplog.at_level(logging.INFO, "attune.sound"),
        pytest.raises(DeviceError, match=said) as caught,
    ):
        open_first(SPEAKER, 22_050, busy)
    assert "Device unavailable" not in str(caught.value)
    assert "Device unavailable at 48000" in caplog.text  # for whoever looks deeper


@pytest.mark.parametrize("arguments", [(), ("Internal error",), ("Unknown", -1), ("Host", -9999)])
def test_what_portaudio_says_is_never_shown(arguments: tuple[object, ...]) -> None:
    def refusing(_: Format) -> str:
        raise sounddevice.PortAudioError(*arguments)

    with pytest.raises(DeviceError) as caught:
        open_first(SPEAKER, 22_050, refusing)
    assert not any(str(each) in str(caught.value) for each in arguments)


@pytest.mark.parametrize(
    ("adc_time", "current_time", "expected"),
    [
        pytest.param(100.0, 100.065, 0.065, id="as told"),
        pytest.param(0.0, 100.0, 0.02, id="not told"),
        pytest.param(100.0, 0.0, 0.02, id="no present"),
        pytest.param(100.0, 100.01, 0.02, id="younger than it is long"),
        pytest.param(101.0, 100.0, 0.02, id="from the future"),
        pytest.param(50.0, 100.0, 0.02, id="by another clock"),
        pytest.param(float("nan"), 100.0, 0.02, id="no number"),
    ],
)
def test_the_driver_s_word_on_the_age_of_a_block_is_taken_if_it_is_sane(
    adc_time: float, current_time: float, expected: float
) -> None:
    assert age(adc_time, current_time, block_s=0.02) == pytest.approx(expected)
