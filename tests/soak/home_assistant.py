"""Home Assistant itself, installed from PyPI and run by itself, with a light and no default_config.

Its Python is newer than Attune's. Where this machine has none for it, it is given a Debian of its
own. Both take some gigabytes, which are kept in the user's cache.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from platformdirs import user_cache_path
from websockets.sync.client import ClientConnection, connect

from assistant.audio.resample import resample, to_float32
from assistant.values import SAMPLE_RATE
from tests.daemon.served import RUN, Manager
from tests.deploy.fresh import Debian, bootstrap, shown
from tests.sound import silent_environment
from tests.waiting import LONG_S, WAIT_S, until
from tests.web.served import free_port
from tests.wyoming.living import Living, living
from tests.wyoming.served import serving_wyoming

VERSION = "2026.11.0"
"""Of Home Assistant; all else has the versions that it names itself.

From 2026.5 on it leaves it to a recogniser to hear where speech ends, if that says that it does.
"""

PYTHON, LEAST = "python3.14", "3.14.2"
"""What this version needs."""

SUITE = "forky"
PACKAGES = "python3-venv,python3-dev,g++,ffmpeg,ca-certificates"
"""A Debian that has it, and what it needs there: two of its packages come as source."""

FOLDER = user_cache_path("attune") / f"home-assistant-{VERSION}"

PARTS = """
import json, pathlib, subprocess, sys, homeassistant.bootstrap
home = pathlib.Path(homeassistant.__file__).parent
ahead, known, needed = {*homeassistant.bootstrap.DEFAULT_INTEGRATIONS, "wyoming"}, set(), set()
while ahead:
    known.add(name := ahead.pop())
    manifest = json.loads((home / "components" / name / "manifest.json").read_text())
    needed.update(manifest.get("requirements", ()))
    for kind in ("dependencies", "after_dependencies"):
        ahead.update(set(manifest.get(kind, ())) - known)
pip = [sys.executable, "-m", "pip", "install", "--quiet", "-c", home / "package_constraints.txt"]
subprocess.run([*pip, *sorted(needed)], check=True)
"""
"""Installs what its parts need, which it would otherwise fetch when it is started."""

CONFIGURATION = """
homeassistant:
  name: Home
  language: en
  country: GB
  time_zone: UTC
  unit_system: metric
  internal_url: "http://127.0.0.1:{port}"  # where it has its own sounds read
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
input_boolean: {{kitchen: {{name: Switch}}}}
template:
  - light:
      - name: Kitchen light
        state: "{{{{ is_state('input_boolean.kitchen', 'on') }}}}"
        turn_on: {{action: input_boolean.turn_on, target: {{entity_id: input_boolean.kitchen}}}}
        turn_off: {{action: input_boolean.turn_off, target: {{entity_id: input_boolean.kitchen}}}}
"""

ONBOARDING = {
    "key": "onboarding",
    "version": 4,
    "data": {"done": ["core_config", "analytics", "integration"]},
}
"""All but its first user: these would have it add what needs the internet."""

LIGHT = "light.kitchen_light"

SPEECH = ("stt.attune", "tts.attune", "conversation.attune")

ATTUNE = {
    "language": "en",
    "stt_engine": "stt.attune",
    "stt_language": "en",
    "tts_engine": "tts.attune",
    "tts_language": "en-US",
    "tts_voice": None,
    "conversation_engine": "conversation.attune",
    "conversation_language": "en",
    "wake_word_entity": None,
    "wake_word_id": None,
}
"""An assistant of which Attune is every part."""

NAME, PASSWORD = "anna", "anna"

CLIENT = "http://127.0.0.1/"
"""As which program we come."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """Home Assistant on some ground: this machine, or a Debian in a folder."""

    root: Path
    python: str  # its path there
    command: Callable[..., list[str]]  # what runs a command there

    @classmethod
    def found(cls) -> Program:
        """It, installed if it is not yet; skips the test where that cannot be."""
        is_here = _is_new(shutil.which(PYTHON))
        if not is_here and (os.geteuid() != 0 or not shutil.which("debootstrap")):
            pytest.skip(
                f"Home Assistant {VERSION} needs Python {LEAST}. Install {PYTHON}, or run this as "
                "root, with debootstrap, which gives it a Debian that has it."
            )
        folder = FOLDER / ("venv" if is_here else "root")
        is_kept = (folder / "installed").exists()
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)  # what was broken off
            folder.mkdir(parents=True)
            if not is_here:
                bootstrap(folder, SUITE, PACKAGES)
        if is_here:
            program = cls(Path("/"), f"{folder}/bin/python", lambda *words: list(words))
        else:
            program = cls(folder, "/opt/venv/bin/python", Debian(folder).command)
        if not is_kept:
            program.install()
            (folder / "installed").touch()
        return program

    def install(self) -> None:
        """Have it and what it needs from PyPI."""
        shown(self.command(PYTHON, "-m", "venv", str(Path(self.python).parents[1])))
        pip = (self.python, "-m", "pip", "install", "--quiet")
        shown(self.command(*pip, f"homeassistant=={VERSION}"))
        shown(self.command(self.python, "-c", PARTS))


def _is_new(python: str | None) -> bool:
    """Whether an interpreter is new enough, if there is one."""
    if python is None:
        return False
    told = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    return tuple(map(int, told.stdout.split()[1].split("."))) >= tuple(map(int, LEAST.split(".")))


@contextmanager
def running(log: Path) -> Iterator[HomeAssistant]:
    """Home Assistant as it is after its first set-up; it has to end cleanly."""
    program = Program.found()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="attune-", dir=program.root / "tmp") as folder:
        (Path(folder) / "configuration.yaml").write_text(CONFIGURATION.format(port=port))
        (Path(folder) / ".storage").mkdir()
        (Path(folder) / ".storage" / "onboarding").write_text(json.dumps(ONBOARDING))
        there = f"/{Path(folder).relative_to(program.root)}"
        words = (program.python, "-m", "homeassistant", "--config", there, "--skip-pip")
        with (
            log.open("w") as out,
            subprocess.Popen(
                program.command(*words), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            ) as process,
        ):
            try:
                home = HomeAssistant(port)
                until(lambda: home.is_there or process.poll() is not None, LONG_S)
                home.enter()
                with home.websocket():
                    yield home
                process.terminate()
                assert process.wait(WAIT_S) == 0
            except BaseException:
                print(log.read_text())  # noqa: T201 - pytest shows it with what failed
                raise
            finally:
                process.kill()


@contextmanager
def attune_beside(
    home: HomeAssistant, folder: Path, satellite: int | None = None
) -> Iterator[tuple[Living, int]]:
    """A daemon with the bundled models that passes on to this home, and its door's port.

    Args:
        home: what it passes on to.
        folder: for what it writes.
        satellite: the port at which Home Assistant is given what is said here, if it is.
    """
    folder.mkdir(exist_ok=True)
    manager = Manager(folder / "notify")
    environment = silent_environment(folder / "silent")
    environment["ATTUNE_WYOMING__SATELLITE"] = str(satellite is not None)
    led = {} if satellite is None else {"satellite": True, "satellite_port": satellite}
    try:
        with (
            living(folder, manager, environment, RUN, ATTUNE_HOME__URL=home.url) as daemon,
            serving_wyoming(daemon.client.path, folder / "wyoming", **led) as port,
        ):
            yield daemon, port
    finally:
        manager.close()


def own_voice(attune: Living, words: str) -> NDArray[np.float32]:
    """How Attune says something, at 16 kHz."""
    said = attune.client.synthesise(words)
    return resample(to_float32(np.frombuffer(said.pcm, np.int16)), said.rate, SAMPLE_RATE)


@dataclass
class HomeAssistant:
    """One that runs, and the user who set it up."""

    port: int
    token: str = field(default="", repr=False)
    _socket: ClientConnection | None = None
    _count: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_there(self) -> bool:
        try:
            self.rest("/api/onboarding")
        except OSError:
            return False
        return True

    def enter(self) -> None:
        """Be its first user, with a long-lived token."""
        user = {"name": "Anna", "username": NAME, "password": PASSWORD, "language": "en"}
        code = self.rest("/api/onboarding/users", {**user, "client_id": CLIENT})["auth_code"]
        form = f"grant_type=authorization_code&code={code}&client_id={CLIENT}"
        self.token = self._fetched("/auth/token", form.encode())["access_token"]
        with self.websocket():
            self.token = self.ask("auth/long_lived_access_token", client_name="Attune", lifespan=9)
            self.ask("http/config/promote")  # or it takes its port back after five minutes

    def rest(self, path: str, sent: object = None) -> Any:
        """The answer to a GET, or to a POST if something is sent."""
        return self._fetched(path, None if sent is None else json.dumps(sent).encode())

    def file(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=WAIT_S) as answer:  # noqa: S310
            return answer.read()

    def _fetched(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(f"{self.url}{path}", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
            return json.load(answer)

    @contextmanager
    def websocket(self) -> Iterator[None]:
        self._socket = connect(f"ws://127.0.0.1:{self.port}/api/websocket", max_size=None)
        with self._socket:
            assert self._event()["type"] == "auth_required"
            self._socket.send(json.dumps({"type": "auth", "access_token": self.token}))
            assert self._event()["type"] == "auth_ok"
            yield

    def ask(self, kind: str, **fields: object) -> Any:
        """The result of a command."""
        assert self._socket is not None
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "type": kind, **fields}))
        answer = self._event()
        assert answer["id"] == self._count, answer
        assert answer["success"], answer
        return answer["result"]

    def _event(self) -> Event:
        assert self._socket is not None
        return json.loads(self._socket.recv(LONG_S))

    def add_wyoming(self, port: int, *brings: str) -> None:
        """As a user does: add the integration, with the host and the port, and see what comes."""
        flow = self.rest("/api/config/config_entries/flow", {"handler": "wyoming"})
        where = {"host": "127.0.0.1", "port": port}
        flow = self.rest(f"/api/config/config_entries/flow/{flow['flow_id']}", where)
        assert flow["type"] == "create_entry", flow
        until(lambda: self.states().keys() >= set(brings or SPEECH))

    def states(self) -> dict[str, str]:
        """Of each entity."""
        return {each["entity_id"]: each["state"] for each in self.rest("/api/states")}

    def assistant(self, name: str, **parts: object) -> str:
        """A new voice assistant, of which parts may be others than Attune; its id."""
        return self.ask("assist_pipeline/pipeline/create", name=name, **(ATTUNE | parts))["id"]

    def hear(self, assistant: str, pieces: Iterator[bytes]) -> dict[str, Event]:
        """What an assistant does about speech, by the kind of event.

        Args:
            assistant: its id.
            pieces: of the sound: mono, 16 kHz, 16 bits; an empty one says that it has ended.
        """
        assert self._socket is not None
        self.ask(
            "assist_pipeline/run",
            pipeline=assistant,
            start_stage="stt",
            end_stage="tts",
            input={"sample_rate": 16_000},
            timeout=LONG_S,
        )
        events: dict[str, Event] = {}
        while "run-end" not in events:
            event = self._event()["event"]
            assert event["type"] != "error", event
            events[event["type"]] = event["data"]
            if event["type"] == "stt-start":
                number = events["run-start"]["runner_data"]["stt_binary_handler_id"]
                for piece in pieces:
                    self._socket.send(bytes([number]) + piece)
        return events
