"""What is said is answered by Home Assistant, and spoken in Attune's own voice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import soundfile
from wyoming.error import Error
from wyoming.handle import Handled
from wyoming.timer import TimerCancelled, TimerFinished, TimerStarted, TimerUpdated

from assistant.audio.resample import pcm as as_pcm
from assistant.control.messages import Record
from assistant.journal.store import Journal
from tests.control.knowing import Knowing
from tests.control.sockets import serving
from tests.daemon.served import RUN, Manager
from tests.sound import silent_environment
from tests.waiting import until
from tests.web.served import free_port
from tests.wyoming.house import House, is_of_satellite, saying
from tests.wyoming.living import Living, living
from tests.wyoming.peers import Peer, examples, transcribed
from tests.wyoming.served import serving_wyoming

QUESTION = examples()[1]
LIGHT = "Turned on the **light**. Anything else?"

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A daemon whose speech Home Assistant answers."""

    daemon: Living
    speech: int  # port
    satellite: int  # port

    @property
    def said(self) -> Path:
        """Where replies are written."""
        return self.daemon.journal.parent / "said"

    async def hear(self, path: Path = QUESTION) -> Record:
        """Something is said in the room, and answered aloud."""
        return await asyncio.to_thread(self.daemon.client.hear, str(path))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, satellite = tmp_path_factory.mktemp("daemon"), free_port()
    manager = Manager(folder / "notify")
    silent = silent_environment(folder / "silent")
    told = {"satellite": True, "satellite_port": satellite}
    try:
        with (
            living(folder, manager, silent, RUN, ATTUNE_WYOMING__SATELLITE="true") as daemon,
            serving_wyoming(daemon.client.path, folder / "wyoming", **told) as speech,
        ):
            yield Place(daemon, speech, satellite)
    finally:
        manager.close()


def housed(place: Place, talk: Callable[[House], Awaitable[T]], **how: Any) -> T:
    """What comes of a talk while Home Assistant is connected."""

    async def run() -> T:
        async with House(place.satellite, **how) as house:
            return await talk(house)

    return asyncio.run(run())


def test_it_is_told_as_a_satellite_and_nothing_else(place: Place) -> None:
    async def describe() -> Any:
        async with Peer(place.satellite) as peer:
            return await peer.describe()

    info = asyncio.run(describe())
    assert info.satellite is not None
    assert info.satellite.name == "attune"
    assert info.satellite.installed
    assert info.satellite.attribution.name
    assert info.satellite.has_vad
    assert info.satellite.area is None
    assert info.asr == info.tts == info.handle == info.intent == info.wake == info.snd == []


@pytest.mark.parametrize("how", [{}, {"before": True}, {"drips": True}, {"speaks": False}])
def test_what_it_answers_is_the_reply(place: Place, how: dict[str, bool]) -> None:
    async def talk(house: House) -> Record:
        turn = await place.hear()
        await house.until(lambda: house.played == 1)
        (run,) = house.runs
        assert is_of_satellite(run)
        with Journal(place.daemon.journal) as journal:
            assert run.sound == as_pcm(journal.audio(turn["id"]))
        return turn

    before = set(place.said.glob("*"))
    turn = housed(place, talk, answer=saying(LIGHT), **how)
    assert turn["reply"] == "Turned on the light. Anything else?"
    assert turn["transcript"].lower().startswith("what time is it")
    (written,) = set(place.said.glob("*")) - before  # and nothing of Home Assistant's own sound
    assert soundfile.info(written).duration > 1


def test_its_speech_and_answers_may_be_attune_s_own(place: Place) -> None:
    """While the turn waits for it, what Home Assistant asks of Attune is answered."""
    texts: list[str] = []

    async def answer(sound: bytes) -> str:
        texts.append(await transcribed(place.speech, sound))
        async with Peer(place.speech) as peer:
            handled = await peer.converse("how much is two and two")
            assert isinstance(handled, Handled)
            await peer.synthesize(handled.text or "")
            return handled.text or ""

    async def talk(_house: House) -> list[Record]:
        return [await place.hear(path) for path in examples()[1:4]]

    turns = housed(place, talk, answer=answer)
    assert texts == [turn["transcript"] for turn in turns]
    assert {turn["reply"] for turn in turns} == {"Two plus two is four."}


def test_several_are_answered_one_after_another_over_one_connection(place: Place) -> None:
    async def talk(house: House) -> int:
        for count in range(1, 4):
            await place.hear()
            await house.until(lambda count=count: house.played == count)
        assert house.pongs
        return len(house.runs)

    assert housed(place, talk) == 3


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        ("stt-no-text-recognized", "Your home did not understand that, so nothing was done."),
        ("intent-failed", "That did not work. Please look whether anything has changed."),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(place: Place, code: str, reply: str) -> None:
    async def answer(_sound: bytes) -> Error:
        return Error("No intent recognized", code)

    async def talk(house: House) -> str:
        turn = await place.hear()
        assert house.played == 0
        return turn["reply"]

    assert housed(place, talk, answer=answer) == reply


def test_while_it_is_away_or_muted_nothing_is_lost(place: Place) -> None:
    unreachable = "I cannot reach your home at the moment, so nothing was done."
    turn = asyncio.run(place.hear())
    assert turn["reply"] == unreachable
    assert turn["has_audio"]

    async def talk(house: House) -> str:
        await house.pause()
        return (await place.hear())["reply"]

    assert housed(place, talk) == unreachable


def test_who_leaves_in_the_middle_is_not_waited_for(place: Place) -> None:
    async def run() -> str:
        asked = asyncio.Event()

        async def answer(_sound: bytes) -> str:
            asked.set()
            await asyncio.Event().wait()
            return ""

        async with House(place.satellite, answer) as house:
            turn = asyncio.create_task(place.hear())
            await house.until(asked.is_set)
        return (await turn)["reply"]

    reply = asyncio.run(run())
    assert reply == "Your home did not answer in time, so I do not know whether that was done."


def test_stop_ends_the_wait_and_the_next_request_is_another(place: Place) -> None:
    async def run() -> tuple[str, str]:
        asked = asyncio.Event()

        async def answer(_sound: bytes) -> str:
            asked.set()
            await asyncio.sleep(600)
            return "Too late."

        async with House(place.satellite, answer) as house:
            first = asyncio.create_task(place.hear())
            await house.until(asked.is_set)
            await asyncio.to_thread(place.daemon.client.stop)
            one = (await first)["reply"]
            house.answer = saying("It is on.")
            return one, (await place.hear())["reply"]

    first, second = asyncio.run(run())
    assert first.startswith("Your home did not answer in time")
    assert second == "It is on."


def test_the_newest_connection_leads_and_the_one_before_after_it(place: Place) -> None:
    async def run() -> list[str]:
        found: list[str] = []
        async with House(place.satellite, saying("The first.")):
            async with House(place.satellite, saying("The second.")):
                found.append((await place.hear())["reply"])
            found.append((await place.hear())["reply"])
        return found

    assert asyncio.run(run()) == ["The second.", "The first."]


def test_an_announcement_is_heard_and_then_told_to_be(place: Place) -> None:
    before = set(place.said.glob("*"))
    housed(place, House.announce)
    (written,) = set(place.said.glob("*")) - before
    info = soundfile.info(written)
    assert (info.samplerate, info.frames) == (22_050, 11_025)
    assert written.name.startswith("announcement")


def test_an_answer_without_a_text_is_heard_as_it_sounds(place: Place) -> None:
    before = set(place.said.glob("announcement*"))

    async def talk(house: House) -> str:
        turn = await place.hear()
        await house.until(lambda: house.played >= 1)
        await asyncio.to_thread(until, lambda: set(place.said.glob("announcement*")) - before)
        return turn["reply"]

    reply = housed(place, talk, answer=saying(""))
    assert reply == "Your home has heard it, but did not say whether anything was done."
    assert len(set(place.said.glob("announcement*")) - before) == 1


def timers(place: Place) -> list[tuple[str, str]]:
    return [(each["name"], each["state"]) for each in place.daemon.client.kept("timers")]


def test_its_timers_are_attune_s_also_after_a_restart_of_the_door(
    place: Place, tmp_path: Path
) -> None:
    def soon(*expected: tuple[str, str]) -> Awaitable[None]:
        return asyncio.to_thread(until, lambda: timers(place) == list(expected))

    async def start(house: House) -> None:
        await house.send(TimerStarted("01HV0", 300, name="egg", start_minutes=5))
        await house.send(TimerStarted("01HV1", 600))
        await soon(("egg", "waiting"), ("", "waiting"))
        assert [each["length_s"] for each in place.daemon.client.kept("timers")] == [300, 600]
        await house.send(TimerUpdated("01HV0", is_active=False, total_seconds=200))
        await soon(("", "waiting"), ("egg", "paused"))

    async def end(house: House) -> None:
        await house.send(TimerCancelled("01HV1"), TimerFinished("01HV0"))
        await soon(("egg", "ringing"))

    housed(place, start)
    other = free_port()
    told = {"satellite": True, "satellite_port": other}
    with serving_wyoming(place.daemon.client.path, tmp_path, **told):
        housed(Place(place.daemon, place.speech, other), end)
    place.daemon.client.change("timers", "stop", [])
    assert timers(place) == []


def test_news_of_timers_wait_for_the_daemon(tmp_path: Path) -> None:
    knowing, socket, port = Knowing(), tmp_path / "run" / "control.sock", free_port()

    async def start() -> None:
        async with House(port) as house:
            await house.send(TimerStarted("one", 300), TimerUpdated("one", True, 200))  # noqa: FBT003
            async with Peer(port) as peer:
                await peer.describe()

    with serving_wyoming(socket, tmp_path, satellite=True, satellite_port=port):
        asyncio.run(start())
        with serving(socket, knowing):
            until(lambda: len([each for each in knowing.done if each[0] == "home_timer"]) == 2)
    first, second = [each for each in knowing.done if each[0] == "home_timer"]
    assert (first[:3], second[:3]) == (
        ("home_timer", "one", "started"),
        ("home_timer", "one", "updated"),
    )
    assert first[3] < 300
    assert second[3] < 200


def test_what_is_typed_is_answered_here(place: Place) -> None:
    async def talk(house: House) -> str:
        turn = await asyncio.to_thread(place.daemon.client.ask, "what is two and two", aloud=False)
        assert house.runs == []
        return turn["reply"]

    assert housed(place, talk) == "Two plus two is four."


def test_while_nobody_is_connected_the_status_says_so(place: Place) -> None:
    def warnings() -> tuple[str, ...]:
        return place.daemon.client.status().warnings

    async def talk(_house: House) -> None:
        await asyncio.to_thread(until, lambda: not warnings())

    housed(place, talk)
    until(warnings)
    assert "wyoming.satellite_port" in warnings()[0]
