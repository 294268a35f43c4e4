from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from assistant.config import IdleSettings, load
from assistant.errors import ConfigError
from assistant.personalise.background.idle import Device, Snapshot, look, waits

NEEDED_MB = 1_000
IDLE = IdleSettings.model_validate({"hours": "22:00-06:00"})
CALM = Device(load=0.1, free_mb=4_000, disk_mb=9_000, celsius=45.0, on_mains=True)
READY = Snapshot(CALM, clock=time(23, 0), quiet_s=1_000, in_turn=False, new_examples=9)

CAUSES = {
    "3 more examples": replace(READY, new_examples=2),
    "1 more example": replace(READY, new_examples=4),
    "somebody spoke 40 s ago, 260 s more": replace(READY, quiet_s=40),
    "Attune started 40 s ago, 260 s more": replace(READY, quiet_s=40, spoken=False),
    "after a failed training: 9 min more": replace(READY, retry_s=530),
    "after a failed training: 5 s more": replace(READY, retry_s=4.2),
    "after a failed training: 12 h more": replace(READY, retry_s=12 * 3600 - 5),
    "it is 14:05, allowed 22:00-06:00": replace(READY, clock=time(14, 5)),
    "mains power": replace(READY, device=replace(CALM, on_mains=False)),
    "load is 1.40 per core, at most 0.70": replace(READY, device=replace(CALM, load=1.4)),
    "temperature is 81 °C, at most 70": replace(READY, device=replace(CALM, celsius=80.2)),
    "a conversation turn is in progress": replace(READY, in_turn=True),
    "memory: 1599 MB free, 1600 MB needed": replace(READY, device=replace(CALM, free_mb=1599.9)),
    "disk: 199 MB free, 200 MB needed": replace(READY, device=replace(CALM, disk_mb=199.5)),
}


def sysfs(folder: Path, **files: str) -> Path:
    """A tree of one-line files; two underscores stand for a slash."""
    for name, text in files.items():
        path = folder / "class" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1") + b"\n")
    return folder


def hottest(folder: Path, **files: str) -> float | None:
    return look(folder, sysfs(folder, **files)).celsius


def on_mains(folder: Path, **files: str) -> bool | None:
    tree = {f"power_supply__{name}": text for name, text in files.items()}
    return look(folder, sysfs(folder, **tree)).on_mains


def test_nothing_is_waited_for_in_peace() -> None:
    assert waits(READY, IDLE, NEEDED_MB) == ()


@pytest.mark.parametrize("words", CAUSES)
def test_every_cause_alone_is_told_in_words(words: str) -> None:
    assert waits(CAUSES[words], IDLE, NEEDED_MB) == (words,)


def test_training_begins_exactly_when_every_condition_holds() -> None:
    machines = itertools.product(
        (0.7, 0.71),
        (1_600.0, 1_599.0),
        (200.0, 199.0),
        (70.0, 70.1, None),
        (True, False, None),
    )
    moments = itertools.product(
        (time(12), time(22), time(6)),
        (0.0, 299.9, 300.0),
        (False, True),
        (0, 4, 5, 50),
        (None, "erasure"),
        (False, True),
        (0.0, 0.1),
    )
    begun = 0
    for machine, moment in itertools.product(machines, moments):
        device = Device(*machine)
        now = Snapshot(device, *moment)
        room = not now.in_turn and device.free_mb >= 1_600 and device.disk_mb >= 200
        cool = device.load <= 0.7 and device.celsius in (70.0, None)
        powered = device.on_mains in (True, None)
        alone = now.quiet_s >= 300 and now.retry_s == 0 and now.clock == time(22)
        wanted = now.new_examples >= 5 or now.due is not None
        expected = room and (now.asked or (cool and powered and alone and wanted))
        causes = waits(now, IDLE, NEEDED_MB)
        assert (causes == ()) == expected, now
        assert len(set(causes)) == len(causes)
        begun += expected
    assert begun > 100


def test_several_causes_are_told_together() -> None:
    snapshot = replace(READY, new_examples=0, in_turn=True, clock=time(6, 0))
    assert waits(snapshot, IDLE, NEEDED_MB) == (
        "5 more examples",
        "it is 06:00, allowed 22:00-06:00",
        "a conversation turn is in progress",
    )


def test_a_limit_that_is_just_passed_never_reads_like_the_limit() -> None:
    for device, words in (
        (replace(CALM, load=0.7001), "load is 0.71 per core, at most 0.70"),
        (replace(CALM, celsius=70.01), "temperature is 71 °C, at most 70"),
    ):
        assert waits(replace(READY, device=device), IDLE, NEEDED_MB) == (words,)
    almost = replace(READY, quiet_s=299.99)
    assert waits(almost, IDLE, NEEDED_MB) == ("somebody spoke 300 s ago, 1 s more",)


def test_a_battery_is_enough_where_the_settings_say_so() -> None:
    idle = IDLE.model_copy(update={"on_battery": True})
    assert waits(replace(READY, device=replace(CALM, on_mains=False)), idle, NEEDED_MB) == ()


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("01:30-05:00", ["01:30", "04:59"], ["01:29", "05:00", "23:00"]),
        ("06:00-06:00", ["05:59", "06:00", "18:00"], []),
        ("20:00-00:00", ["20:00", "23:59"], ["00:00", "19:59"]),
    ],
)
def test_hours_may_span_midnight(hours: str, inside: list[str], outside: list[str]) -> None:
    idle = IdleSettings.model_validate({"hours": hours})
    for text in inside + outside:
        snapshot = replace(READY, clock=time.fromisoformat(text))
        assert (waits(snapshot, idle, NEEDED_MB) == ()) == (text in inside)


@pytest.mark.parametrize(
    "hours",
    ["", "night", "22-06", "22:00", "24:00-06:00", "22:60-06:00", "2:00-6:00", " 22:00-06:00"],
)
def test_hours_that_are_none_are_refused_at_start(hours: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"idle.hours": hours}, environ={}, files=())
    assert str(caught.value) == (
        "Setting 'idle.hours' from command line cannot be used: it should look like "
        '"22:00-06:00".'
    )


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    device = look(tmp_path / "not" / "yet")
    assert device.load >= 0
    assert device.free_mb > 1
    assert device.disk_mb > 1
    assert device.celsius is None or device.celsius > -40


def test_without_sysfs_temperature_and_power_are_unknown(tmp_path: Path) -> None:
    device = look(tmp_path, tmp_path / "none")
    assert (device.celsius, device.on_mains) == (None, None)


def test_the_hottest_zone_counts(tmp_path: Path) -> None:
    assert hottest(
        tmp_path,
        thermal__thermal_zone0__temp="41500",
        thermal__thermal_zone1__temp="63250",
        thermal__thermal_zone12__temp="-5000",
        thermal__cooling_device0__temp="99000",
    ) == pytest.approx(63.25)


def test_a_zone_that_tells_nonsense_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "class" / "thermal" / "thermal_zone8" / "temp").mkdir(parents=True)
    assert (
        hottest(
            tmp_path,
            thermal__thermal_zone0__temp="",
            thermal__thermal_zone1__temp="warm",
            thermal__thermal_zone2__temp="-273150",
            thermal__thermal_zone3__temp="999999999",
            thermal__thermal_zone4__temp="\xff\xfe",
            thermal__thermal_zone5__type="no-temp",
            thermal__thermal_zone6__temp="100000",
            thermal__thermal_zone6__type="PMIC-Die",
        )
        is None
    )


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"AC__type": "Mains", "AC__online": "1"}, True),
        ({"AC__type": "Mains", "AC__online": "0"}, False),
        ({"AC__type": "Mains", "AC__online": "0", "u__type": "USB", "u__online": "1"}, True),
        ({"AC__type": "Mains", "AC__online": "yes"}, None),
        ({"AC__type": "Mains"}, None),
        ({"AC__online": "0"}, None),
        ({"u__type": "USB", "u__online": "0"}, None),
        ({"u__type": "USB_PD", "u__online": "2"}, True),
        ({"u__type": "USB", "u__online": "0", "b__type": "Battery"}, False),
        (
            {
                "u__type": "USB",
                "u__online": "0",
                "b__type": "Battery",
                "b__scope": "Device",
                "b__status": "Discharging",
            },
            None,
        ),
        ({"b__type": "Battery", "b__status": "Discharging"}, False),
        ({"b__type": "Battery", "b__status": "Full"}, None),
        ({"b__type": "\xff", "b__status": "Discharging"}, None),
    ],
)
def test_mains_power_is_read_from_chargers_and_batteries(
    tmp_path: Path, *, files: dict[str, str], told: bool | None
) -> None:
    assert on_mains(tmp_path, **files) is told
