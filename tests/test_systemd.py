"""The unit files: well-formed for every systemd there may be, and a sandbox that holds."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from zeroconf import ServiceBrowser, Zeroconf

from assistant import child
from assistant.config import starter_dir
from assistant.spoken import said_words
from assistant.wyoming.announcing import SERVICE
from tests import sandbox
from tests.home import assistant_stub as stub
from tests.sound import silent_environment
from tests.speak import voices
from tests.web.served import free_port

ROOT = Path(__file__).parents[1]
UNITS = ROOT / "systemd"
SYSTEM = (
    "attune.service",
    "attune-trainer.socket",
    "attune-trainer@.service",
    "attune_trainer.slice",
    "attune-web.service",
    "attune-home.service",
    "attune-wyoming.service",
    "attune-wyoming.socket",
)
WEB = "attune-web.service"
HOME = "attune-home.service"
WYOMING = "attune-wyoming.service"
DOOR = "attune-wyoming.socket"
NETWORKED = (WEB, HOME, WYOMING)
"""What has a way to the network of the home."""

CONFINED = ("attune.service", "attune-trainer@.service")
JETSON = "jetson.conf"
INSTALLED = "/opt/attune/current/venv/bin"

EXPOSURE = 2.0
"""What systemd-analyze may find at most, of 10."""

TOO_NEW = """
ExitType RestrictFileSystems RestrictNetworkInterfaces MemoryZSwapMax OpenFile RootEphemeral
LogFilterPatterns MemoryPressureWatch MemoryPressureThresholdSec DelegateSubgroup RestartSteps
RestartMaxDelaySec RestartMode SetLoginEnvironment CoredumpReceive FileDescriptorStorePreserve
SurviveFinalKillSignal PollLimitBurst PollLimitIntervalSec MemoryKSM ImportCredential PrivatePIDs
BindLogSockets ExtensionDirectories StartupAllowedCPUs
""".split()
"""Settings that systemd 249, the boards' oldest, does not know."""

PROBE = """
import json, os, socket, sys

def attempt(act):
    try:
        act()
    except OSError as error:
        return error.strerror
    return None

def connect(family, address):
    with socket.socket(family) as connection:
        connection.settimeout(5)
        connection.connect(address)

port, path = int(sys.argv[1]), sys.argv[2]
families = [name for name in dir(socket) if name.startswith("AF_")]
print(json.dumps({
    "families": {
        name: attempt(lambda: socket.socket(getattr(socket, name), socket.SOCK_DGRAM).close())
        for name in families
    },
    "tcp": attempt(lambda: connect(socket.AF_INET, ("127.0.0.1", port))),
    "unix": attempt(lambda: connect(socket.AF_UNIX, path)),
    "interfaces": os.listdir("/proc/self/net") and [
        line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]
    ],
    "priority": attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, 1)),
    "chroot": attempt(lambda: os.chroot("/")),
}))
"""


def may_have_namespaces() -> bool:
    """Whether this user may make a network of its own; some systems keep that to root."""
    leave = "from tests.sandbox import leave_the_network; leave_the_network()"
    done = subprocess.run([sys.executable, "-c", leave], cwd=ROOT, check=False, capture_output=True)
    return done.returncode == 0


def version() -> int:
    told = subprocess.run(
        ["systemd-analyze", "--version"], check=True, capture_output=True, text=True
    ).stdout
    return int(told.split()[1])


def copy(unit: str, folder: Path, **changed: str | None) -> Path:
    """A unit with other settings, or without them, and with programs that are there."""
    text = (UNITS / unit).read_text(encoding="utf-8").replace(INSTALLED, str(folder))
    if version() < 252:  # which falls back to the line before, and says so
        text = text.replace("CPUWeight=idle\n", "")
    for key, value in changed.items():
        line = "" if value is None else f"{key}={value}\n"
        text, count = re.subn(rf"(^{key}=.*\n)+", line, text, flags=re.MULTILINE)
        assert count
    path = folder / Path(unit).name
    path.write_text(text, encoding="utf-8")
    return path


def installed(folder: Path) -> Path:
    """A folder with the programs that the units start."""
    for name in ("assistant", "python"):
        (folder / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def verify(*words: str | Path, runtime: Path) -> str:
    """What systemd finds wrong."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *words],
        env={"PATH": os.environ["PATH"], "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime)},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = [copy(unit, installed(tmp_path)) for unit in SYSTEM]
    assert verify(*units, runtime=tmp_path) == ""
    wrong = copy("attune.service", tmp_path, Type="notfy")
    assert "notfy" in verify(wrong, runtime=tmp_path)


@pytest.mark.parametrize("unit", CONFINED)
def test_systemd_finds_nothing_wrong_with_a_jetson(unit: str, tmp_path: Path) -> None:
    for each in SYSTEM:
        copy(each, installed(tmp_path))
    shutil.copytree(UNITS / f"{unit}.d", tmp_path / f"{unit}.d")
    assert verify(tmp_path / unit, runtime=tmp_path) == ""


@pytest.mark.parametrize("name", ["attune.service", *NETWORKED, DOOR])
def test_systemd_finds_nothing_wrong_with_the_users_units(name: str, tmp_path: Path) -> None:
    unit = copy(f"user/{name}", installed(tmp_path))
    if name == DOOR:
        copy(f"user/{WYOMING}", tmp_path)  # which it starts
    assert verify("--user", unit, runtime=tmp_path) == ""


@pytest.mark.parametrize(
    ("unit", "board"),
    [
        *((unit, board) for unit in CONFINED for board in (None, JETSON)),
        *((unit, None) for unit in NETWORKED),
    ],
)
def test_little_is_exposed(unit: str, board: str | None, tmp_path: Path) -> None:
    copy(unit, tmp_path)
    if board is not None:
        shutil.copytree(UNITS / f"{unit}.d", tmp_path / f"{unit}.d")
    if version() < 250:  # which cannot tell without installing them
        return
    question = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager"]
    done = subprocess.run([*question, tmp_path / unit], check=False, capture_output=True, text=True)
    found = re.search(r"exposure level for .*: (\d+\.\d+)", done.stdout)
    assert found is not None, done.stderr
    print(f"{unit}, {board or 'any board'}: exposure {found[1]}")  # noqa: T201 - shown by -rP
    assert float(found[1]) <= EXPOSURE
    assert done.returncode == 0


@pytest.mark.parametrize(
    "path", sorted(path for path in UNITS.rglob("*") if path.is_file()), ids=lambda path: path.name
)
def test_an_old_systemd_knows_every_setting(path: Path) -> None:
    used = sandbox.settings(path)
    assert used.keys().isdisjoint(TOO_NEW)
    assert used.get("Type", ["notify"])[0] in ("notify", "exec")


def test_what_the_units_name_is_there() -> None:
    service = sandbox.settings(UNITS / "attune.service")
    trainer = sandbox.settings(UNITS / "attune-trainer@.service")
    (path,) = sandbox.settings(UNITS / "attune-trainer.socket")["ListenStream"]
    assert f"ATTUNE_PERSONALISE__SOCKET={path}" in service["Environment"]
    assert (UNITS / trainer["Slice"][0]).is_file()
    assert "attune-trainer.socket" in service["Wants"][0]
    users = (UNITS / "attune.sysusers").read_text(encoding="utf-8")
    for unit in (service, trainer, *(sandbox.settings(UNITS / each) for each in NETWORKED)):
        assert f"u {unit['User'][0]} " in users
        home = dict(pair.split("=", 1) for line in unit["Environment"] for pair in line.split())
        assert home["HOME"] in (users if "StateDirectory" in unit else "/nonexistent")


def test_users_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", UNITS / "attune.sysusers"],
        check=True,
        capture_output=True,
    )
    passwd = (tmp_path / "etc" / "passwd").read_text(encoding="utf-8")
    assert re.search(r"^attune:.*:/var/lib/attune:.*nologin$", passwd, re.MULTILINE)
    groups = (tmp_path / "etc" / "group").read_text(encoding="utf-8")
    assert re.search(r"^audio:.*:attune$", groups, re.MULTILINE)
    for name in ("attune-web", "attune-home"):
        assert re.search(rf"^{name}:.*:/var/lib/{name}:.*nologin$", passwd, re.MULTILINE)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[list[str]]:
    """A TCP port and a Unix socket at which somebody listens, outside."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "outside"))
        unix.listen()
        yield [str(tcp.getsockname()[1]), str(tmp_path / "outside")]


def sandboxed(unit: Path, *command: str, **options: object) -> str:
    """What a command tells that is confined as a unit says."""
    return subprocess.run(
        [sys.executable, "-m", "tests.sandbox", str(unit), *command],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        **options,  # pyright: ignore[reportArgumentType, reportCallIssue]
    ).stdout


@pytest.mark.parametrize("unit", CONFINED)
def test_there_is_no_way_to_the_network(unit: str, doors: list[str], tmp_path: Path) -> None:
    path = copy(unit, tmp_path)
    if not may_have_namespaces():
        path = copy(unit, tmp_path, PrivateNetwork=None)
    found = json.loads(sandboxed(path, sys.executable, "-c", PROBE, *doors))
    opened = [name for name, refusal in found["families"].items() if refusal is None]
    assert opened == ["AF_UNIX"]
    assert len(found["families"]) > 10
    assert found["tcp"] is not None
    assert found["unix"] is None
    assert found["priority"] == found["chroot"] == "Operation not permitted"


@pytest.mark.parametrize("unit", CONFINED)
@pytest.mark.parametrize("without", ["PrivateNetwork", "RestrictAddressFamilies", "both"])
def test_either_wall_holds_alone(unit: str, without: str, doors: list[str], tmp_path: Path) -> None:
    walls = ["PrivateNetwork", "RestrictAddressFamilies"]
    gone = [wall for wall in walls if without in (wall, "both")]
    if not may_have_namespaces():
        gone = list({*gone, "PrivateNetwork"})
    path = copy(unit, tmp_path, **dict.fromkeys(gone))
    found = json.loads(sandboxed(path, sys.executable, "-c", PROBE, *doors))
    assert (found["tcp"] is None) == (len(gone) == len(walls))
    if "PrivateNetwork" not in gone:
        assert found["interfaces"] == ["lo"]


@pytest.mark.parametrize("unit", NETWORKED)
def test_what_is_beside_the_daemon_has_a_way_to_the_network_and_to_nothing_else(
    unit: str, doors: list[str], tmp_path: Path
) -> None:
    found = json.loads(sandboxed(copy(unit, tmp_path), sys.executable, "-c", PROBE, *doors))
    opened = {name for name, refusal in found["families"].items() if refusal is None}
    assert opened == {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert found["priority"] == found["chroot"] == "Operation not permitted"


@contextmanager
def served(unit: str, command: str, folder: Path, **settings: str) -> Iterator[tuple[int, str]]:
    """The port of a server in its sandbox, without a daemon, and the first line that it tells."""
    port = free_port()
    words = [sys.executable, "-m", "tests.sandbox", str(copy(unit, folder))]
    own = {"PORT": str(port)} | settings
    environment = silent_environment(folder / "home") | {
        **{f"ATTUNE_{command.upper()}__{name}": value for name, value in own.items()},
        "ATTUNE_CONTROL__PATH": str(folder / "none.sock"),
    }
    with subprocess.Popen(
        [*words, *child.command("assistant"), command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield port, server.stdout.readline()
        finally:
            server.terminate()
        assert server.wait(30) in (0, -signal.SIGTERM)  # uvicorn ends by the signal itself


def test_the_page_is_served_in_its_sandbox(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - so that a certificate is made
    folder = tmp_path / "web"
    with served(WEB, "web", tmp_path, ADDRESS=everywhere, FOLDER=str(folder)) as (port, told):
        assert told.startswith("The page is at https://")
        trusted = ssl.create_default_context(cafile=folder / "certificate.pem")
        with urllib.request.urlopen(
            f"https://localhost:{port}/pair", context=trusted, timeout=30
        ) as answer:
            assert b"Let this phone or computer in" in answer.read()


@pytest.mark.parametrize("unit", [*NETWORKED, DOOR])
def test_only_the_network_of_the_home_is_within_reach(unit: str) -> None:
    lines = sandbox.settings(UNITS / unit)
    assert lines["IPAddressDeny"] == ["any"]
    networks = {each for line in lines["IPAddressAllow"] for each in line.split()}
    local = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
    told = {"224.0.0.251"} if unit == WYOMING else set[str]()  # where it may announce itself
    assert networks == {"localhost", "link-local", *local, *told}


def test_what_lets_attune_in_at_the_home_is_in_a_folder_of_its_own() -> None:
    lines = sandbox.settings(UNITS / HOME)
    (folder,) = lines["StateDirectory"]
    assert lines["StateDirectoryMode"] == ["0700"]
    assert f"ATTUNE_HOME__TOKEN_FILE=/var/lib/{folder}/token" in lines["Environment"]
    assert lines["User"] != sandbox.settings(UNITS / WEB)["User"]


def test_the_home_is_asked_in_its_sandbox(tmp_path: Path) -> None:
    chosen = stub.settings(tmp_path, "http://localhost")
    asks = "from assistant.config import HomeSettings; import sys; "
    asks += "from assistant.home.conversation import HomeAssistant; "
    asks += "chosen = HomeSettings(url=sys.argv[1], token_file=sys.argv[2]); "
    asks += "print(HomeAssistant(chosen).ask('hello', 'en', 30).outcome)"
    with stub.serving() as house:
        told = sandboxed(
            copy(HOME, tmp_path), sys.executable, "-c", asks, house.url, str(chosen.token_file)
        )
    assert told == "done\n"


def test_home_assistant_is_answered_in_the_sandbox(tmp_path: Path) -> None:
    with served(WYOMING, "wyoming", tmp_path) as (port, told):
        assert str(port) in told
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(b'{"type": "describe"}\n')
            assert b'"info"' in connection.recv(1 << 12)


def test_home_assistant_is_told_of_it_in_the_sandbox(tmp_path: Path) -> None:
    tells = "import asyncio, sys; from assistant.config import WyomingSettings; "
    tells += "from assistant.wyoming import announcing; announcing.GROUP = '127.0.0.1'; "
    tells += "told = WyomingSettings(address='0.0.0.0', port=int(sys.argv[1])); "
    tells += "asyncio.run(announcing.Announcement(told).keep())"
    port, found = free_port(), SimpleQueue[int | None]()

    def note(zeroconf: Zeroconf, service_type: str, name: str, **_: object) -> None:
        info = zeroconf.get_service_info(service_type, name, timeout=30_000)
        found.put(None if info is None else info.port)

    words = [sys.executable, "-m", "tests.sandbox", str(copy(WYOMING, tmp_path))]
    words += [sys.executable, "-c", tells, str(port)]
    with Zeroconf(["127.0.0.1"]) as network, subprocess.Popen(words, cwd=ROOT) as process:
        ServiceBrowser(network, SERVICE, handlers=[note])
        try:
            while found.get(timeout=30) != port:
                pass
        finally:
            process.kill()


def test_a_voice_of_piper_s_speaks_in_the_sandbox(tmp_path: Path) -> None:
    unit = copy("attune.service", tmp_path)
    if not may_have_namespaces():
        unit = copy("attune.service", tmp_path, PrivateNetwork=None)
    command = [*child.command("assistant"), "say", "Good morning.", "--engine", "piper"]
    command += ["--voice", str(voices.write(tmp_path)), "--wav-dir", str(tmp_path / "said")]
    told = sandboxed(unit, *command, env=silent_environment(tmp_path / "home"))
    assert Path(told.strip()).stat().st_size > voices.RATE


def test_a_question_is_answered_in_the_sandbox(tmp_path: Path) -> None:
    unit = copy("attune.service", tmp_path)
    if not may_have_namespaces():
        unit = copy("attune.service", tmp_path, PrivateNetwork=None)
    question = next((starter_dir() / "examples").glob("2-*"))
    command = [*child.command("assistant"), "run", "--once", "--json"]
    command += ["--input", str(question), "--database", str(tmp_path / "journal.db")]
    command += ["--wav-dir", str(tmp_path / "replies")]
    turn = json.loads(sandboxed(unit, *command, env=silent_environment(tmp_path / "home")))
    assert said_words(turn["transcript"]) == "what time is it please"
    assert turn["reply"]
    assert len(list((tmp_path / "replies").glob("*.wav"))) == 1
