"""The live view of ``assistant status --watch``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from assistant.cli.shared.condition import MUTED, duration, other_warnings
from assistant.cli.shared.exchange import answered_after
from assistant.cli.shared.output import plain
from assistant.cli.shared.training import NOTHING_LEARNED, learning
from assistant.control.client import Client
from assistant.control.messages import Exchange, MicrophoneState, Status
from assistant.errors import ConfigError

EVERY_S = 0.2
"""Time between two requests to the daemon."""

QUIETEST_DBFS = -60.0
"""Level at which the bar starts; it ends at full scale."""

BAR = 24
"""Columns of the level bar."""

_TURN_LINES = 4  # the stage times may take two
_OTHER_LINES = 12  # of the view when there is much to show


def watch(client: Client) -> None:
    """Show what the daemon does until it ends, or until Ctrl-C.

    Raises:
        ConfigError: if there is no terminal.
        ControlError: if no daemon listens, and when it ends.
    """
    console = Console()
    if not console.is_terminal:
        raise ConfigError(
            "A live view needs a terminal. Leave out --watch, or use 'assistant status --json'."
        )
    with (
        client.statuses(EVERY_S) as statuses,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        for status in statuses:
            fitting = max(1, (console.height - _OTHER_LINES) // _TURN_LINES)
            live.update(view(status, status.recent[-fitting:], console.width), refresh=True)


def view(status: Status, turns: Sequence[Exchange], width: int) -> RenderableType:
    """The daemon's status above exchanges, given oldest first, in ``width`` terminal columns."""
    table = Table.grid(padding=(0, 1), pad_edge=False)
    table.width = width
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1)
    for name, what in _rows(status):
        table.add_row(name, what)
    for turn in reversed(turns):
        for name, what in _turn(turn):
            table.add_row(name, what)
    return table


def level(dbfs: float | None) -> str:
    """A bar for a sound level; empty if there is none."""
    audible = QUIETEST_DBFS if dbfs is None else min(0.0, max(QUIETEST_DBFS, dbfs))
    full = round((1 - audible / QUIETEST_DBFS) * BAR)
    return "█" * full + "·" * (BAR - full)


def _rows(status: Status) -> Iterator[tuple[str, RenderableType]]:
    yield "Attune", _line(", ".join(_life(status)))
    yield "microphone", _microphone(status.microphone)
    yield "loudspeaker", _loudspeaker(status)
    yield "learned", _line(status.bridge or NOTHING_LEARNED)
    yield "learning", _line(learning(status))
    if status.progress is not None:
        yield "", ProgressBar(total=1.0, completed=status.progress, width=2 * BAR)
    for warning in other_warnings(status):
        yield "warning", Text(plain(warning), "yellow")
    yield "exchanges", _line(f"{status.turns} since Attune started")


def _life(status: Status) -> Iterator[str]:
    if status.version is not None:
        yield f"version {status.version}"
    yield f"process {status.pid}"
    yield f"up {duration(status.uptime_s)}"
    if status.memory_mb is not None:
        yield f"{status.memory_mb:.0f} MB"
    if status.celsius is not None:
        yield f"{status.celsius:.0f} °C"


def _microphone(microphone: MicrophoneState | None) -> Text:
    if microphone is None:
        return Text("none: Attune does not listen to one", "dim")
    match microphone.state:
        case "absent":
            return Text(plain(microphone.why or "absent"), "red")
        case "muted":
            return Text(MUTED, "yellow")
        case "waiting":
            return Text("being opened", "yellow")
        case "listening":
            light = ("● speech", "green") if microphone.speech else ("○ quiet", "dim")
            dbfs = "" if microphone.level_dbfs is None else f"{microphone.level_dbfs:.0f} dBFS"
            return Text.assemble((level(microphone.level_dbfs), "cyan"), f" {dbfs:>8}  ", light)


def _loudspeaker(status: Status) -> Text:
    if status.loudspeaker.why is not None:
        return Text(plain(status.loudspeaker.why), "red")
    return Text("● speaking", "green") if status.speaking else Text("○ silent", "dim")


def _turn(turn: Exchange) -> Iterator[tuple[str, Text]]:
    yield f"{turn.at.astimezone():%H:%M:%S}", _line(turn.heard or "(no words)", "you     ")
    yield "", _line(turn.reply or "(no reply)", "Attune  ")
    if waited := answered_after(turn.timings_ms):
        yield "", Text(waited, "dim")


def _line(text: str, lead: str = "") -> Text:
    """Text that is cut at the end of the line."""
    return Text(lead + plain(text), no_wrap=True, overflow="ellipsis")
