"""A language model that hangs."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from assistant.errors import ControlError
from tests.faults.manager import ask, kept, managed
from tests.sound import SoundServer

HANGING = (sys.executable, "-m", "tests.faults.hanging", "run", "--service", "--json")


def test_a_language_model_that_hangs_has_the_service_started_anew(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    environment = sound_server.env | {"ATTUNE_SERVICE__STUCK_S": "5"}
    with managed(tmp_path / "house", environment, HANGING, watchdog_s=5) as service:
        service.microphone("listening")
        first = ask(service, sound_server)

        def hang() -> None:
            with suppress(ControlError):
                service.client.ask("how far is the moon", aloud=False)

        threading.Thread(target=hang, daemon=True).start()
        service.told("The current answer has made no progress")
        service.until(lambda: service.statuses, "ended")
        assert service.statuses == [-signal.SIGABRT]
        service.until(lambda: len(service.notified("READY=1")) == 2, "ready again")
        service.microphone("listening")
        second = ask(service, sound_server)
        assert second["reply"]
        texts = kept(service)
        assert set(texts) >= {first["id"], second["id"]}
        assert "how far is the moon" in texts.values()  # what was asked is not lost
