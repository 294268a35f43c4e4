"""The installer runs as root, among folders of a lesser user."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Machine

SETTINGS = "etc/attune/attune.toml"


@pytest.mark.parametrize("target", ["etc", "etc/cron.d/x"])
def test_uninstalling_follows_no_link_of_the_service_s_user(machine: Machine, target: str) -> None:
    machine.install()
    (machine.root / SETTINGS).write_text("[listen]\n")
    data = machine.root / "var/lib/attune"
    data.mkdir(parents=True)
    (machine.root / target).parent.mkdir(parents=True, exist_ok=True)
    (data / "attune.toml").symlink_to(machine.root / target)
    assert machine.install("--uninstall").returncode == 0
    assert machine.files == {SETTINGS, "var/lib/attune/attune.toml"}
    assert not (machine.root / "etc/attune.toml").exists()


def test_settings_are_not_for_everybody(machine: Machine) -> None:
    machine.install()
    assert (machine.root / SETTINGS).stat().st_mode & 0o777 == 0o640
