"""What the Pi's installer adds where the settings have a push button, or another voice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import sandbox
from tests.deploy.conftest import ROOT, Machine, snapshot
from tests.test_systemd import EXPOSURE, SYSTEM, copy, installed, verify, version

UNIT = "etc/systemd/system/attune.service.d/button.conf"
SETTINGS = "etc/attune/attune.toml"
WITH_BUTTON = "[listen]\nbutton_gpio = 17\n"


def write(machine: Machine, settings: str) -> None:
    path = machine.root / SETTINGS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings)


@pytest.mark.parametrize("settings", ["[listen]\n", "[listen]\n# button_gpio = 17\n"])
def test_without_a_button_there_is_no_way_to_the_header(machine: Machine, settings: str) -> None:
    write(machine, settings)
    assert machine.install().returncode == 0
    assert not (machine.root / UNIT).parent.exists()


def test_the_button_comes_and_goes_with_the_setting(machine: Machine) -> None:
    machine.install()
    before = machine.current
    write(machine, WITH_BUTTON)
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert (machine.root / UNIT).read_bytes() == (ROOT / "deploy/rpi5/button.conf").read_bytes()
    assert machine.current == before  # nothing is compiled anew for it
    there = snapshot(machine.root)
    assert "nothing to do" in machine.install().stdout
    assert snapshot(machine.root) == there
    write(machine, "[listen]\n")
    machine.install()
    assert not (machine.root / UNIT).parent.exists()


def test_the_button_goes_with_everything_else(machine: Machine) -> None:
    write(machine, WITH_BUTTON)
    machine.install()
    done = machine.install("--uninstall", "--purge-data")
    assert done.returncode == 0, done.stderr
    assert machine.files == set()


def test_a_jetson_has_no_button(machine: Machine) -> None:
    write(machine, WITH_BUTTON)
    machine.install(board="jetson")
    assert not (machine.root / UNIT).exists()


@pytest.mark.parametrize(
    ("settings", "extras"),
    [
        ("[speak]\nvoice = 'en-gb'\n", None),
        (WITH_BUTTON, "button"),
        ('[speak]\nengine = "piper"\n', "piper"),
        ('[home]\nmqtt = "mqtt://192.168.1.5"\n', "mqtt"),
        ('[home]\n# mqtt = "mqtt://192.168.1.5"\nmqtt_topic = "attune"\n', None),
        ('[listen]\nwake_word = "okay nabu"\n', "wake"),
        ('[listen]\nwake_word = "own"\n', None),
        ("[wyoming]\nannounce = true\n", "zeroconf"),
        ("[wyoming]\n# announce = true\nannounce = false\n", None),
        (f"{WITH_BUTTON}barge_in = \"cancel\"\n[speak]\nengine='piper'\n", "barge-in,button,piper"),
    ],
)
def test_a_dry_run_tells_which_packages_the_settings_ask_for(
    machine: Machine, settings: str, extras: str | None
) -> None:
    write(machine, settings)  # in place of the settings of the machine that this runs on
    machine.change("deploy/lib/installer.sh", '"$root/etc/', f'"{machine.root}/etc/')
    machine.change("deploy/lib/installer.sh", "python3-dev swig", "python3-dev no-such-swig")
    script = machine.checkout / "deploy/rpi5/install.sh"
    done = subprocess.run(
        [script, "--dry-run", "--board-check=skip"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pips = [line for line in done.stdout.splitlines() if " -m pip install " in line]
    asked = [line.split()[-1].replace("\\", "") for line in pips if "attune\\[" in line]
    assert asked == ([] if extras is None else [f"attune[{extras}]"])
    assert ("no-such-swig" in done.stdout) == ("button" in (extras or ""))


def test_the_button_opens_the_sandbox_no_further_than_it_must(tmp_path: Path) -> None:
    unit = "attune.service"
    for each in SYSTEM:
        copy(each, installed(tmp_path))
    button = ROOT / "deploy/rpi5/button.conf"
    (tmp_path / f"{unit}.d").mkdir()
    (tmp_path / f"{unit}.d" / "button.conf").write_bytes(button.read_bytes())
    assert verify(tmp_path / unit, runtime=tmp_path) == ""
    assert sandbox.settings(button) == {
        "SupplementaryGroups": ["gpio"],
        "DeviceAllow": ["char-gpiochip rw"],
    }
    if version() < 250:  # which cannot tell without installing it
        return
    question = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    limit = f"--threshold={round(10 * EXPOSURE)}"
    done = subprocess.run([*question, limit, tmp_path / unit], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout
