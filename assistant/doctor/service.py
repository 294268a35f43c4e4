"""Checks of the service: systemd's units and the running daemon."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from assistant.doctor.finding import Finding, fail, ok, warn
from assistant.doctor.subject import Daemon, Subject

BOOTED = Path("/run/systemd/system")
"""Exists where systemd runs."""

ASK_S = 10.0

_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "Result")


def service(_subject: Subject) -> Finding:
    """The state of the system's unit."""
    return state("systemctl", "journalctl -u attune", "sudo systemctl")


def user_service(_subject: Subject) -> Finding:
    """The state of the user's unit."""
    return state("systemctl --user", "journalctl --user -u attune", "systemctl --user")


def daemon(subject: Subject) -> Finding:
    """Whether Attune is running and answers."""
    return life(subject.daemon)


def life(daemon: Daemon) -> Finding:
    """What the daemon's report means."""
    if daemon.trouble is not None:
        return fail(daemon.trouble)
    if not daemon.running:
        return warn("Attune is not running. Start it with 'assistant run', or start its service.")
    figures = {
        "uptime_s": round(daemon.uptime_s),
        "turns": daemon.turns,
        "warnings": daemon.warnings,
        "failures": daemon.failures,
        "microphone": daemon.microphone,
    }
    runs = f"It is running (process {daemon.pid}) and answers"
    troubles = [
        what
        for what, is_so in (
            ("its microphone is missing", daemon.microphone == "absent"),
            (f"it reports {daemon.warnings} problems", daemon.warnings > 0),
            (f"{daemon.failures} trainings in a row failed", daemon.failures > 0),
        )
        if is_so
    ]
    if troubles:
        return warn(f"{runs}, but {' and '.join(troubles)}. See 'assistant status'.", **figures)
    return ok(f"{runs}.", **figures)


def unit(properties: Mapping[str, str], log: str, control: str) -> Finding:
    """The finding for a systemd unit.

    Args:
        properties: as 'systemctl show' prints them.
        log: the command that shows its log.
        control: the command that starts it.
    """
    if properties.get("LoadState", "not-found") == "not-found":
        return ok("Not installed.")
    state, sub = properties.get("ActiveState", ""), properties.get("SubState", "")
    restarts = int(properties.get("NRestarts", "") or 0)
    figures = {"state": f"{state} ({sub})", "restarts": restarts}
    if state == "failed":
        return fail(
            f"It failed ({properties.get('Result', 'unknown')}, {restarts} restarts). "
            f"'{log} -n 50' says why; '{control} restart attune' starts it.",
            **figures,
        )
    if state != "active":
        return warn(f"It is {state} ({sub}). Start it with '{control} start attune'.", **figures)
    if restarts > 0:
        return warn(
            f"It is active, but was restarted {restarts} times after failures. '{log}' says why.",
            **figures,
        )
    if properties.get("UnitFileState") == "disabled":
        return warn(
            f"It is active, but does not start at boot. Run: {control} enable attune",
            **figures,
        )
    return ok("It is active and has not failed since it started.", **figures)


def state(show: str, log: str, control: str, booted: Path = BOOTED) -> Finding:
    """What systemd reports about the unit.

    Args:
        show: the command that asks it.
        log: the command that shows the unit's log.
        control: the command that starts it.
        booted: exists where systemd runs.
    """
    if not booted.is_dir():
        return ok("systemd is not running here.")
    done = subprocess.run(
        [*show.split(), "show", "attune.service", f"--property={','.join(_PROPERTIES)}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=ASK_S,
    )
    if done.returncode != 0:
        return ok("This login has no systemd to ask.")  # no bus: a login without a session
    lines = (line.partition("=") for line in done.stdout.splitlines())
    return unit({name: value for name, _, value in lines}, log, control)
