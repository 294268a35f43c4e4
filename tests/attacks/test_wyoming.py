"""The door for Home Assistant: whoever may not come in, sends too much, too slowly or nonsense."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from wyoming.audio import AudioChunk, AudioStart
from wyoming.error import Error
from wyoming.handle import Handled
from wyoming.tts import SynthesizeChunk, SynthesizeStart

from assistant.config import WyomingSettings
from assistant.control.messages import Spoken
from assistant.control.server import MAX_CLIENTS
from assistant.household.satellite import LONGEST_REPLY
from assistant.wyoming.asking import LONG, QUICK, WAITING
from assistant.wyoming.handler import QUESTION, TEXT
from assistant.wyoming.limits import ALL, EACH, Guests
from tests.control.knowing import Knowing
from tests.control.sockets import serving
from tests.daemon.served import RUN, Service
from tests.waiting import until
from tests.web.served import free_port
from tests.wyoming.peers import Peer, silence, transcribed
from tests.wyoming.served import serving_wyoming

GIVEN_S = 0.5
"""For an event, and between two."""

PATIENT_S = 30.0
"""Longest wait for the server to hang up."""

DEEP = b"[" * 60_000

BROKEN = {
    "no JSON": b"hello\n",
    "no object": b"[1]\n",
    "a number": b"1\n",
    "no type": b'{"data": {}}\n',
    "a type of another kind": b'{"type": [1]}\n',
    "deep": DEEP + b"\n",
    "deep data": b'{"type": "describe", "data_length": 60000}\n' + DEEP,
    "data of another kind": b'{"type": "describe", "data_length": 3}\n[1]',
    "data that is text": b'{"type": "audio-start", "data": "rate"}\n',
    "a greeting of another kind": b'{"type": "ping", "data": "hello"}\n',
    "a length of another kind": b'{"type": "describe", "data_length": "3"}\n',
    "half a byte": b'{"type": "describe", "data_length": 0.5}\nxx',
    "no UTF-8": b'{"type": "\xff\xfe"}\n',
    "not a number": b'{"type": "audio-start", "data": {"rate": NaN, "width": 2, "channels": 1}}\n',
    "a huge payload": b'{"type": "audio-chunk", "payload_length": 9999999999999}\n',
    "huge data": b'{"type": "describe", "data_length": 9999999999999}\n',
    "a long line": b'{"type": "' + b"x" * 200_000,
    "no rate": b'{"type": "audio-start", "data": {"rate": 0, "width": 2, "channels": 1}}\n',
    "a huge rate": b'{"type": "audio-start", "data": {"rate": 1e9, "width": 2, "channels": 1}}\n',
    "wide": b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 99, "channels": 1}}\n',
    "no text": b'{"type": "synthesize"}\n',
}

OF_SPEECH = {
    "a name of another kind": b'{"type": "transcribe", "data": {"transcript_names": [1]}}\n',
    "a text of another kind": b'{"type": "transcript", "data": {"text": {"text": "x"}}}\n',
}

OF_SATELLITE = {
    "an error of another kind": b'{"type": "error", "data": {"text": 7}}\n',
    "a timer without a name": b'{"type": "timer-started", "data": {"total_seconds": 1}}\n',
    "a timer for ever": b'{"type": "timer-started", "data": {"id": "x", "total_seconds": 1e99}}\n',
}


class Daemon(Knowing):
    """It hears no end, and knows how many spoke to it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.speaking = self.most = 0
        self.guard = threading.Lock()
        self.may_hear = threading.Event()
        self.may_hear.set()

    def dictate(
        self, session: str, sound: str, place: int, expected: list[str] | None = None
    ) -> bool:
        self.do("dictate", session, place)
        del sound, expected
        with self.guard:
            self.speaking += 1
            self.most = max(self.most, self.speaking)
        assert self.may_hear.wait(60)
        with self.guard:
            self.speaking -= 1
        return False


@pytest.fixture(scope="module")
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture(scope="module")
def ports(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Those of speech and of the satellite."""
    folder, satellite = tmp_path_factory.mktemp("wyoming"), free_port()
    place = folder / "run" / "control.sock"
    limits = {"limits__IDLE_S": GIVEN_S, "limits__EVENT_S": GIVEN_S, "limits__WRITE_S": GIVEN_S}
    told: dict[str, object] = {"peer__WRITE_S": GIVEN_S, "satellite__PATIENCE_S": GIVEN_S, **limits}
    told |= {"satellite": True, "satellite_port": satellite}
    with serving(place, daemon), serving_wyoming(place, folder, **told) as speech:
        yield speech, satellite


@pytest.fixture
def port(ports: tuple[int, int]) -> int:
    """That of speech."""
    return ports[0]


@pytest.fixture
def satellite(ports: tuple[int, int]) -> int:
    return ports[1]


@pytest.fixture(params=[0, 1], ids=["speech", "satellite"])
def door(ports: tuple[int, int], request: pytest.FixtureRequest) -> int:
    """Each of both."""
    return ports[request.param]


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENT_S)


def answers(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up, which it must."""
    found = b""
    with suppress(ConnectionError):
        while block := connection.recv(1 << 16):
            found += block
    return found


def served_by(port: int) -> psutil.Process:
    return next(
        child
        for child in psutil.Process().children()
        if any(each.laddr.port == port for each in child.net_connections("tcp"))
    )


PING = b'{"type": "ping"}\n'


def is_answered(connection: socket.socket) -> bool:
    """Whether what was sent has been read, up to a ping at its end."""
    found = b""
    while not found.endswith(b'{"text": null}'):
        block = connection.recv(1 << 12)
        if not block:
            return False
        found += block
    return b'"pong"' in found


def is_well(port: int) -> bool:
    """Whether others are served."""

    async def describe() -> bool:
        async with Peer(port) as peer:
            return (await peer.describe()).satellite is not None

    with suppress(ConnectionError, AssertionError):
        return asyncio.run(describe()) or asyncio.run(transcribed(port, silence(0.2))) == "hello"
    return False


@pytest.mark.parametrize(
    ("which", "sent"),
    [
        *((0, each) for each in (BROKEN | OF_SPEECH).values()),
        *((1, each) for each in (BROKEN | OF_SATELLITE).values()),
    ],
    ids=[*BROKEN, *OF_SPEECH, *(f"{each}, to the satellite" for each in BROKEN | OF_SATELLITE)],
)
def test_nonsense_ends_its_own_connection_only(
    which: int, sent: bytes, ports: tuple[int, int]
) -> None:
    door = ports[which]
    with connected(door) as other, connected(door) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        told = answers(connection)
        assert not told or b'"error"' in told
        assert b"Its log says" not in told  # it is refused at the door
        other.sendall(b'{"type": "ping"}\n')
        assert b'"pong"' in other.recv(1 << 12)
    assert is_well(door)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b'{"type": "desc',
        b'{"type": "describe", "data_length": 10}\n{}',
        b'{"type": "audio-chunk", "payload_length": 1000}\nxx',
        b'{"type": "describe"}\n',
    ],
)
def test_who_sends_nothing_or_half_an_event_is_hung_up_on(sent: bytes, door: int) -> None:
    with connected(door) as connection:
        connection.sendall(sent)
        answers(connection)
    assert is_well(door)


def test_who_takes_nothing_is_hung_up_on(door: int) -> None:
    ping = json.dumps({"type": "ping", "data": {"text": "x" * 50_000}}).encode() + b"\n"
    with connected(door) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        with suppress(ConnectionError):
            for _ in range(1_000):
                connection.sendall(ping)
            answers(connection)
    assert is_well(door)


def test_who_asks_without_end_is_hung_up_on(door: int) -> None:
    for name in (b"ping", b"describe", b"no-such-event"):
        with connected(door) as connection, suppress(ConnectionError):
            connection.sendall((b'{"type": "' + name + b'"}\n') * 2_000)
            answers(connection)
    assert is_well(door)


def test_one_address_cannot_take_every_place(door: int) -> None:
    with ExitStack() as owned:
        crowd = [owned.enter_context(connected(door)) for _ in range(3 * ALL)]
        for each in crowd[EACH:]:
            assert answers(each) == b""
    until(lambda: is_well(door))


def test_endless_silence_and_speech_that_nobody_ends_cost_no_memory(
    port: int, daemon: Daemon
) -> None:
    """While the daemon is slow, who sends has to wait."""
    process = served_by(port)
    start, chunk = AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, silence(1.0))

    async def flood() -> int:
        sent = 0
        with suppress(ConnectionError, asyncio.TimeoutError):
            async with Peer(port) as peer:
                await peer.send(start)
                while sent < 3_000:
                    await asyncio.wait_for(peer.send(chunk), 5 * GIVEN_S)
                    sent += 1
        return sent

    before = process.memory_info().rss
    daemon.may_hear.clear()
    try:
        assert asyncio.run(flood()) < 1_000
    finally:
        daemon.may_hear.set()
    assert process.memory_info().rss - before < 50_000_000
    until(lambda: is_well(port))


def test_a_flood_of_speakers_leaves_the_daemon_to_others(port: int, daemon: Daemon) -> None:
    """They never have more than half of its clients' places."""
    daemon.may_hear.clear()
    try:
        with ExitStack() as owned:
            for _ in range(EACH):
                connection = owned.enter_context(connected(port))
                sound = b'{"rate": 16000, "width": 2, "channels": 1}'
                head = b'{"type": "audio-start", "data": ' + sound + b"}\n"
                chunk = b'{"type": "audio-chunk", "data": ' + sound + b', "payload_length": 4000}\n'
                connection.sendall(head + chunk + b"\0" * 4_000)
            until(lambda: daemon.speaking == QUICK)
    finally:
        daemon.may_hear.set()
    until(lambda: is_well(port))
    assert daemon.most == QUICK
    assert QUICK + LONG + WAITING <= MAX_CLIENTS // 2


@pytest.mark.parametrize("begins_anew", [False, True])
def test_speech_that_nobody_waits_for_takes_no_place_in_the_daemon(
    port: int, daemon: Daemon, *, begins_anew: bool
) -> None:
    async def speak() -> str:
        async with Peer(port) as peer:
            await peer.send(AudioStart(16_000, 2, 1), AudioChunk(16_000, 2, 1, silence(0.1)))
            until(lambda: daemon.done)
            session = str(daemon.done[0][1])
            if begins_anew:
                await peer.send(AudioStart(16_000, 2, 1))
                until(lambda: ("dictated", session, True) in daemon.done)
        return session

    daemon.done.clear()
    session = asyncio.run(speak())
    until(lambda: ("dictated", session, True) in daemon.done)
    assert ("dictated", session) not in daemon.done


def test_long_texts_are_refused_in_a_sentence(port: int) -> None:
    async def talk() -> tuple[str, bool]:
        async with Peer(port) as peer:
            found = isinstance(await peer.converse("x" * (QUESTION + 1)), Handled)
            await peer.send(SynthesizeStart())
            for _ in range(TEXT // 1_000 + 1):
                await peer.send(SynthesizeChunk("." * 1_000))
            return (await peer.get(Error)).text, found

    why, is_handled = asyncio.run(talk())
    assert "too long" in why
    assert not is_handled


HELLO, SOUND = b'{"type": "run-satellite"}\n', b'{"rate": 48000, "width": 2, "channels": 1}'


def sound_event(kind: bytes, payload: bytes = b"") -> bytes:
    length = b', "payload_length": %d' % len(payload) if payload else b""
    return b'{"type": "audio-%s", "data": %s%s}\n' % (kind, SOUND, length) + payload


def test_sound_without_end_costs_no_memory_and_is_heard_in_part(
    satellite: int, daemon: Daemon
) -> None:
    process = served_by(satellite)
    second = sound_event(b"chunk", bytes(2 * 48_000))
    daemon.done.clear()
    before = process.memory_info().rss
    with connected(satellite) as connection:
        connection.sendall(HELLO + sound_event(b"start"))
        for _ in range(1_000):
            connection.sendall(second)
        connection.sendall(sound_event(b"stop") + b'{"type": "ping"}\n')
        until(lambda: [each for each in daemon.done if each[0] == "play" and not each[3]])
    assert process.memory_info().rss - before < 50_000_000
    letters = sum(each[3] for each in daemon.done if each[0] == "play")
    assert letters * 3 / 4 == pytest.approx(60 * 2 * 48_000, rel=0.01)
    assert is_well(satellite)


def test_only_who_leads_is_heard(satellite: int, daemon: Daemon) -> None:
    """Who has not said that it runs the satellite, or has been followed by another, is not."""
    sound = sound_event(b"start") + sound_event(b"chunk", bytes(96_000)) + sound_event(b"stop")
    timer = b'{"type": "timer-started", "data": {"id": "x", "total_seconds": 60}}\n'
    daemon.done.clear()
    with connected(satellite) as silent, connected(satellite) as first:
        first.sendall(HELLO + PING)
        assert is_answered(first)
        with connected(satellite) as second:
            second.sendall(HELLO + PING)
            assert is_answered(second)
            for each in (silent, first):
                each.sendall(sound + timer + PING)
                assert is_answered(each)
            second.sendall(timer)
            until(lambda: [each for each in daemon.done if each[0] == "home_timer"])
    told = [each[0] for each in daemon.done if each[0] in ("play", "home_timer")]
    assert told == ["home_timer"]


def test_timers_that_the_daemon_refuses_keep_nobody_waiting(satellite: int, daemon: Daemon) -> None:
    timer = b'{"type": "timer-started", "data": {"id": "%d", "total_seconds": 60}}\n'
    daemon.refusal = "There are 50 timers already."
    try:
        with connected(satellite) as connection:
            connection.sendall(HELLO + b"".join(timer % number for number in range(40)))
            connection.sendall(PING)
            assert is_answered(connection)
    finally:
        daemon.refusal = None
    assert is_well(satellite)


def test_a_huge_answer_is_cut(satellite: int, daemon: Daemon) -> None:
    said = Spoken(number=7, pcm=base64.b64encode(bytes(32_000)), left_s=30.0)
    text = json.dumps({"text": "word " * 20_000}).encode()
    daemon.done.clear()
    with connected(satellite) as connection:
        connection.sendall(HELLO)
        daemon.spoken.append(said)
        found = b""
        while b'"audio-stop"' not in found:
            found += connection.recv(1 << 16)
        length = b'{"type": "synthesize", "data_length": %d}\n' % len(text)
        connection.sendall(length + text)
        until(lambda: [each for each in daemon.done if each[0] == "said_by_home"])
    (told,) = [each for each in daemon.done if each[0] == "said_by_home"]
    assert told[1:3] == (7, "answered")
    assert len(told[3]) == LONGEST_REPLY


def test_without_the_setting_there_is_no_satellite(tmp_path: Path) -> None:
    told = {"satellite_port": free_port()}
    with (
        serving_wyoming(tmp_path / "none.sock", tmp_path, **told),
        pytest.raises(ConnectionRefusedError),
    ):
        connected(told["satellite_port"])


def test_a_peer_that_is_not_named_is_turned_away_there_too(tmp_path: Path) -> None:
    told = {"satellite": True, "satellite_port": free_port(), "peers": ["192.0.2.1"]}
    with (
        serving_wyoming(tmp_path / "none.sock", tmp_path, **told),
        connected(int(str(told["satellite_port"]))) as connection,
    ):
        assert answers(connection) == b""


def guests(**settings: object) -> Guests:
    return Guests(WyomingSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.1.20", True),
        ("::ffff:192.168.1.20", True),
        ("fe80::1%eth0", True),
        ("10.1.2.3", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("::ffff:8.8.8.8", False),
        ("", False),
    ],
)
def test_only_the_home_s_network_may_come(address: str, *, may: bool) -> None:
    assert guests(address="0.0.0.0").enter(address) is may  # noqa: S104 - nothing listens here


def test_only_those_who_are_named_may_come() -> None:
    named = guests(peers=["192.168.1.20", "10.0.0.0/8"])
    assert named.enter("192.168.1.20")
    assert named.enter("::ffff:10.1.2.3")
    for address in ("192.168.1.21", "127.0.0.1", "::1"):
        assert not named.enter(address)


def test_who_has_left_makes_room() -> None:
    found = guests()
    assert [found.enter("10.0.0.1") for _ in range(EACH + 1)] == [True] * EACH + [False]
    assert sum(found.enter(f"10.0.1.{place}") for place in range(ALL)) == ALL - EACH
    found.leave("10.0.0.1")
    assert found.enter("10.0.0.1")


def test_a_peer_that_is_not_named_is_turned_away(tmp_path: Path) -> None:
    served = serving_wyoming(tmp_path / "none.sock", tmp_path, peers=["192.0.2.1"])
    with served as port, connected(port) as connection:
        assert answers(connection) == b""


def test_nothing_listens_in_the_network_unless_it_is_started(service: Service) -> None:
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        daemon = psutil.Process(process.pid)
        every = [daemon, *daemon.children(recursive=True)]
        assert [each.net_connections("inet") for each in every] == [[]] * len(every)
