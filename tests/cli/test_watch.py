from __future__ import annotations

import io
import math
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from assistant.cli.shared.condition import duration
from assistant.cli.watch import BAR, QUIETEST_DBFS, level, view, watch
from assistant.control.client import Client
from assistant.control.messages import Exchange, MicrophoneState, Status
from assistant.control.server import Server
from assistant.errors import ConfigError, ControlError
from tests.cli.house import House
from tests.cli.terminal import terminal
from tests.control.knowing import Knowing

AT = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)
TIMINGS = {"endpoint": 800.0, "encode": 45.2, "bridge": None, "first_audio": 80.0, "total": 95.4}


def status(**changes: Any) -> Status:
    return Status.model_validate({"pid": 7, "bridge": None, "state": "off"} | changes)


def exchange(number: int, heard: str | None = "good morning", **changes: Any) -> Exchange:
    told = {"reply": "Good morning.", "route": "bridge", "timings_ms": TIMINGS, "at": AT}
    return Exchange.model_validate({"id": number, "heard": heard} | told | changes)


def shown(told: Status, *turns: Exchange, width: int = 80) -> list[str]:
    """The lines of the view."""
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    screen.print(view(told, turns, width))
    lines = screen.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert all(cell_len(line) <= width for line in lines)
    return [line.rstrip() for line in lines]


def row(name: str, lines: list[str]) -> str:
    (found,) = [line.removeprefix(name).strip() for line in lines if line.startswith(name)]
    return found


def test_all_there_is_to_tell_is_seen() -> None:
    told = status(
        version="0.2.0",
        uptime_s=7_505,
        memory_mb=812.4,
        celsius=61.2,
        microphone=MicrophoneState(state="listening", level_dbfs=-30.0, speech=True),
        speaking=True,
        turns=12,
        bridge="1a2b3c",
        state="training",
        progress=0.46,
        seconds_left=12.3,
        warnings=("The disk is full.", "The loudspeaker is gone."),
    )
    lines = shown(told)
    assert row("Attune", lines) == "version 0.2.0, process 7, up 2 h 05 min, 812 MB, 61 °C"
    assert row("microphone", lines) == f"{'█' * 12}{'·' * 12} -30 dBFS  ● speech"
    assert row("loudspeaker", lines) == "● speaking"
    assert row("learned", lines) == "1a2b3c"
    assert row("learning", lines) == "training, 46% done, 13 s left"
    assert row("exchanges", lines) == "12 since Attune started"
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("warning")] == list(
        told.warnings
    )
    bar = lines[lines.index(next(line for line in lines if line.startswith("learning"))) + 1]
    assert 0.4 < bar.count("━") / (2 * BAR) <= 1


def test_a_daemon_that_tells_little_is_shown_too() -> None:
    lines = shown(status())
    assert row("Attune", lines) == "process 7, up 0 s"
    assert row("microphone", lines) == "none: Attune does not listen to one"
    assert row("loudspeaker", lines) == "○ silent"
    assert row("learned", lines) == "nothing yet: everybody is heard alike"
    assert row("learning", lines) == "off; 'assistant retrain' trains all the same"
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("ears", "told"),
    [
        (MicrophoneState(state="listening"), f"{'·' * BAR}           ○ quiet"),
        (MicrophoneState(state="absent", why="The microphone is gone."), "The microphone is gone."),
        (MicrophoneState(state="absent"), "absent"),
        (MicrophoneState(state="muted"), "muted; 'assistant unmute' turns it on again"),
        (MicrophoneState(state="waiting"), "being opened"),
    ],
)
def test_the_microphone_is_seen(ears: MicrophoneState, told: str) -> None:
    assert row("microphone", shown(status(microphone=ears))) == told


def test_the_latest_exchange_stands_first_with_its_stage_times() -> None:
    lines = shown(status(), exchange(1, "where is my scarf"), exchange(2))
    first = next(at for at, line in enumerate(lines) if "you  " in line)
    assert lines[first + 2].strip() == "answered after 0.9 s"
    assert [line.split(maxsplit=1)[-1] for line in lines[first : first + 4]] == [
        "you     good morning",
        "Good morning.",
        "after 0.9 s",
        "you     where is my scarf",
    ]
    assert lines[first].startswith(f"{AT.astimezone():%H:%M:%S}")


def test_the_wait_of_a_person_is_seen() -> None:
    timings = {"endpoint": 700.0, "encode": 600.0, "first_audio": 1_620.0, "total": 9_000.0}
    seen = " ".join(" ".join(shown(status(), exchange(1, timings_ms=timings))).split())
    assert seen.endswith("answered after 2.3 s")


def test_an_exchange_without_a_reply_is_seen() -> None:
    lines = shown(status(), exchange(1, None, reply=None, route=None, timings_ms={}))
    assert [line.split(maxsplit=1)[-1] for line in lines[-2:]] == [
        "you     (no words)",
        "(no reply)",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_is_long_or_steers_a_terminal_does_no_harm(width: int) -> None:
    nasty = "[bold]\x1b[2J" + "汉字 é " * 60
    told = status(bridge=nasty, warnings=(nasty,), waits=(nasty,), state="waiting")
    lines = shown(told, exchange(1, nasty, reply=nasty), width=width)
    assert not any("\x1b" in line for line in lines)
    assert "[bold]" in row("learned", lines)
    assert row("learned", lines).endswith("…") is (width < 200 or cell_len(nasty) > 180)
    assert sum("[bold]" in line for line in lines) >= 5


@pytest.mark.parametrize(
    ("dbfs", "full"),
    [
        (None, 0),
        (-math.inf, 0),
        (QUIETEST_DBFS, 0),
        (QUIETEST_DBFS / 2, BAR // 2),
        (0.0, BAR),
        (3.0, BAR),
    ],
)
def test_the_bar_shows_the_level(dbfs: float | None, full: int) -> None:
    assert level(dbfs) == "█" * full + "·" * (BAR - full)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.9, "0 s"),
        (59.0, "59 s"),
        (60.0, "1 min 00 s"),
        (3_600.0, "1 h 00 min"),
        (86_399.0, "23 h 59 min"),
        (1e6, "11 d 13 h"),
    ],
)
def test_a_time_is_told_in_its_largest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "control.sock") as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path, house: House) -> dict[str, str]:
    return house.environment | {"ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock")}


def test_the_view_follows_the_daemon_until_ctrl_c(
    server: Server, environment: dict[str, str]
) -> None:
    knowing = Knowing(status(recent=(exchange(1),)))
    server.serve(knowing)
    with terminal("status", "--watch", environment=environment) as screen:
        screen.wait_for("good morning")
        knowing.status_now = status(turns=3)
        screen.wait_for("3 since Attune started")
        screen.interrupt()
        code, rest = screen.end()
    assert code == 0
    assert "Traceback" not in rest


def test_the_end_of_the_daemon_ends_the_view(server: Server, environment: dict[str, str]) -> None:
    server.serve(Knowing(status(turns=3)))
    with terminal("status", "--watch", environment=environment) as screen:
        screen.wait_for("3 since Attune started")
        server.__exit__(None, None, None)
        screen.wait_for("assistant: Attune has stopped")
        assert screen.end()[0] == 1


def test_there_is_no_view_without_a_terminal_or_without_a_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(tmp_path / "nowhere.sock")
    with pytest.raises(ConfigError, match="needs a terminal"):
        watch(client)
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich take anything for a terminal
    with pytest.raises(ControlError, match="Attune is not running"):
        watch(client)
