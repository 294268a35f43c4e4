"""Settings that are read anew while the service runs."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.manager import ask, kept, managed
from tests.sound import SoundServer


def test_broken_settings_at_reload_leave_the_old_ones(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    config = tmp_path / "config" / "attune"
    config.mkdir(parents=True)
    settings = config / "attune.toml"
    environment = sound_server.env | {"XDG_CONFIG_HOME": str(config.parent)}
    with managed(tmp_path / "house", environment) as service:
        service.microphone("listening")
        first = ask(service, sound_server)
        settings.write_text("[generate]\ntop_k = 'many'", encoding="utf-8")
        service.kill(signal.SIGHUP)
        service.told("The previous settings stay in force.")
        second = ask(service, sound_server)
        settings.write_text("[generate]\npath = '/nowhere/model.gguf'", encoding="utf-8")
        service.kill(signal.SIGHUP)
        service.told("The previous settings stay in force.", times=2)
        service.microphone("listening")
        third = ask(service, sound_server)
        settings.write_text("[generate]\nreminders = ['water the plants']", encoding="utf-8")
        service.kill(signal.SIGHUP)
        service.until(lambda: len(service.notified("READY=1")) == 3, "ready")
        service.microphone("listening")
        fourth = ask(service, sound_server)
        assert all(each["reply"] for each in (first, second, third, fourth))
        assert service.statuses == []
        assert set(kept(service)) == {each["id"] for each in (first, second, third, fourth)}
        assert len(service.notified("RELOADING=1")) == 2
