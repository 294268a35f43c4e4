"""The door for Home Assistant: whoever may not come in, sends too much, too slowly or nonsense."""

from __future__ import annotations

import asyncio
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
from assistant.control.server import MAX_CLIENTS
from assistant.wyoming.asking import LONG, QUICK
from assistant.wyoming.handler import QUESTION, TEXT
from assistant.wyoming.limits import ALL, EACH, Guests
from tests.control.knowing import Knowing
from tests.control.sockets import serving
from tests.daemon.served import RUN, Service
from tests.waiting import until
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
    "a name of another kind": b'{"type": "transcribe", "data": {"transcript_names": [1]}}\n',
    "a text of another kind": b'{"type": "transcript", "data": {"text": {"text": "x"}}}\n',
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
def port(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("wyoming")
    limits = {"limits__IDLE_S": GIVEN_S, "limits__EVENT_S": GIVEN_S, "limits__WRITE_S": GIVEN_S}
    place = folder / "run" / "control.sock"
    with (
        serving(place, daemon),
        serving_wyoming(place, folder, handler__WRITE_S=GIVEN_S, **limits) as port,
    ):
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENT_S)


def answers(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up, which it must."""
    found = b""
    with suppress(ConnectionError):
        while block := connection.recv(1 << 16):
            found += block
    return found


def is_well(port: int) -> bool:
    """Whether others are served."""
    with suppress(ConnectionError, AssertionError):
        return asyncio.run(transcribed(port, silence(0.2))) == "hello"
    return False


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_nonsense_ends_its_own_connection_only(sent: bytes, port: int) -> None:
    with connected(port) as other, connected(port) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        told = answers(connection)
        assert not told or b'"error"' in told
        assert b"Its log says" not in told  # it is refused at the door
        other.sendall(b'{"type": "ping"}\n')
        assert b'"pong"' in other.recv(1 << 12)
    assert is_well(port)


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
def test_who_sends_nothing_or_half_an_event_is_hung_up_on(sent: bytes, port: int) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        answers(connection)
    assert is_well(port)


def test_who_takes_nothing_is_hung_up_on(port: int) -> None:
    ping = json.dumps({"type": "ping", "data": {"text": "x" * 50_000}}).encode() + b"\n"
    with connected(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        with suppress(ConnectionError):
            for _ in range(1_000):
                connection.sendall(ping)
            answers(connection)
    assert is_well(port)


def test_who_asks_without_end_is_hung_up_on(port: int) -> None:
    for name in (b"ping", b"describe", b"no-such-event"):
        with connected(port) as connection, suppress(ConnectionError):
            connection.sendall((b'{"type": "' + name + b'"}\n') * 2_000)
            answers(connection)
    assert is_well(port)


def test_one_address_cannot_take_every_place(port: int) -> None:
    with ExitStack() as owned:
        crowd = [owned.enter_context(connected(port)) for _ in range(3 * ALL)]
        for each in crowd[EACH:]:
            assert answers(each) == b""
    until(lambda: is_well(port))


def test_endless_silence_and_speech_that_nobody_ends_cost_no_memory(
    port: int, daemon: Daemon
) -> None:
    """While the daemon is slow, who sends has to wait."""
    process = next(
        child
        for child in psutil.Process().children()
        if any(each.laddr.port == port for each in child.net_connections("tcp"))
    )
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
    assert QUICK + LONG <= MAX_CLIENTS // 2


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
