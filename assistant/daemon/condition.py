"""How the daemon is, for a client that asks for its status."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata

from assistant.control.messages import Exchange, LoudspeakerState, MicrophoneState
from assistant.daemon.health import Signs, trouble
from assistant.daemon.runtime import Runtime
from assistant.errors import JournalError
from assistant.journal.turn import Turn
from assistant.values import Route


def microphone(runtime: Runtime, spoken_at: float | None) -> MicrophoneState:
    """Whether it hears; somebody last spoke at ``spoken_at``, monotonic seconds, if at all."""
    hearing = runtime.microphone.hearing
    return MicrophoneState(
        state=hearing.condition.value,
        why=hearing.why or trouble(Signs(hearing, 0.0), runtime.settings.service),
        since_s=hearing.since_s,
        spoken_s=None if spoken_at is None else time.monotonic() - spoken_at,
        button=runtime.settings.listen.has_button,
        level_dbfs=runtime.listener.meter.dbfs,
        speech=runtime.listener.speech,
    )


def loudspeaker(runtime: Runtime) -> LoudspeakerState:
    """Whether it can be heard."""
    household, folder = runtime.assistant.desk.household, runtime.settings.speak.wav_dir
    until = None
    with suppress(JournalError):
        until = household.quiet.until(household.look().now)
    return LoudspeakerState(
        why=runtime.loudspeaker.why,
        since_s=runtime.loudspeaker.failing_s,
        folder=None if folder is None else str(folder),
        quiet_until=until,
    )


def exchange(turn: Turn) -> Exchange:
    """One exchange in short."""
    by_bridge = turn.route is Route.BRIDGE
    return Exchange(
        id=turn.id,
        heard=turn.heard if by_bridge else turn.text,
        reply=turn.reply,
        route=turn.route and turn.route.value,
        timings_ms=asdict(turn.timings) if turn.timings is not None else {},
        at=turn.started_at,
    )


def version() -> str | None:
    """Of the package; ``None`` in a source tree."""
    try:
        return metadata.version("attune")
    except metadata.PackageNotFoundError:
        return None
