"""Questions from Home Assistant are answered by Attune's skills and language model."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from wyoming.asr import Transcript
from wyoming.handle import Handled, HandledChunk, HandledStart, HandledStop, NotHandled

from assistant.wyoming.answering import LOOK_S
from tests.control.knowing import TYPED, Knowing
from tests.control.sockets import serving
from tests.waiting import until
from tests.wyoming.living import Living
from tests.wyoming.peers import Peer
from tests.wyoming.served import serving_wyoming


def reply(port: int, text: str) -> Handled | NotHandled:
    async def ask() -> Handled | NotHandled:
        async with Peer(port) as peer:
            return await peer.converse(text)

    return asyncio.run(ask())


def test_what_is_asked_for_is_done_and_said(port: int, daemon: Living) -> None:
    answer = reply(port, "put milk on the shopping list")
    assert isinstance(answer, Handled)
    assert answer.text == "Milk is on your shopping list."
    assert [each["text"] for each in daemon.client.kept("lists")] == ["milk"]
    assert not list(daemon.journal.parent.glob("said/*"))  # nothing was said in the room


def test_a_conversation_has_more_than_one_question(port: int) -> None:
    async def talk() -> list[str | None]:
        async with Peer(port) as peer:
            asked = ("set a timer for ten minutes", "make it twenty minutes")
            return [(await peer.converse(text)).text for text in asked]

    first, second = asyncio.run(talk())
    assert second is not None
    assert first == "A timer for ten minutes is running."
    assert "twenty minutes" in second


@pytest.mark.parametrize("question", ["what day is it", "tell me about the garden"])
def test_an_answer_comes_in_pieces_and_as_a_whole(question: str, port: int) -> None:
    async def ask() -> tuple[list[str], list[str]]:
        async with Peer(port) as peer:
            return await peer.follow(question)

    pieces, order = asyncio.run(ask())
    assert pieces
    chunks = ["handled-chunk"] * len(pieces)
    assert order == ["handled-start", *chunks, "handled", "handled-stop"]


def test_a_sentence_is_sent_before_the_next_is_written(tmp_path: Path) -> None:
    answered = threading.Event()
    whole = "Good morning. Tea or coffee? I am glad."
    daemon = Knowing(
        records=[TYPED | {"reply": whole}],
        may_answer=answered,
        writing=["Good morning.", "", "Tea or coffee?"],
    )

    async def ask(port: int) -> list[str]:
        async with Peer(port) as peer:
            await peer.send(Transcript("hello"))
            await peer.get(HandledStart)
            early = (await peer.get(HandledChunk)).text
            looked = len(daemon.done)
            until(lambda: len(daemon.done) > looked + 1)  # nothing new is found
            answered.set()
            late = (await peer.get(HandledChunk)).text
            assert (await peer.get(Handled)).text == whole
            await peer.get(HandledStop)
            return [early, late]

    with (
        serving(tmp_path / "control.sock", daemon),
        serving_wyoming(tmp_path / "control.sock", tmp_path / "wyoming") as port,
    ):
        assert asyncio.run(ask(port)) == ["Good morning. Tea or coffee?", " I am glad."]
    session = next(each[3] for each in daemon.done if each[0] == "ask")
    asked = [each[1:] for each in daemon.done if each[0] == "written"]
    assert asked[0] == (session, 0)
    assert set(asked[1:]) <= {(session, 0), (session, 3)}  # never the same once more


def test_an_answer_that_breaks_off_is_told_to_be_none(tmp_path: Path) -> None:
    answered = threading.Event()
    broken = TYPED | {"error": "The language model failed."}
    daemon = Knowing(records=[broken], may_answer=answered, writing=["Good morning."])

    async def ask(port: int) -> str | None:
        async with Peer(port) as peer:
            await peer.send(Transcript("hello"))
            await peer.get(HandledStart)
            answered.set()
            await peer.get(HandledChunk)
            told = (await peer.get(NotHandled)).text
            await peer.get(HandledStop)
            return told

    with (
        serving(tmp_path / "control.sock", daemon),
        serving_wyoming(tmp_path / "control.sock", tmp_path / "wyoming") as port,
    ):
        assert asyncio.run(ask(port)) == "The language model failed."


def test_who_leaves_before_the_answer_harms_nobody(tmp_path: Path) -> None:
    answered = threading.Event()
    daemon = Knowing(may_answer=answered, writing=["Good morning."])

    async def leave(port: int) -> None:
        async with Peer(port) as peer:
            await peer.send(Transcript("hello"))
            await peer.get(HandledStart)

    # which prints nothing, or the end of its block would fail
    with serving_wyoming(tmp_path / "control.sock", tmp_path / "wyoming") as port:
        with serving(tmp_path / "control.sock", daemon):
            asyncio.run(leave(port))
            for _ in range(4):  # the end of a connection shows when it is written to, later
                daemon.writing = [*daemon.writing, "Go on."]
                time.sleep(2 * LOOK_S)
        answered.set()
        answer = reply(port, "what time is it")
        assert isinstance(answer, NotHandled)
        assert (answer.text or "").startswith("Attune is not running")


def test_a_question_that_is_no_question_is_not_answered(port: int) -> None:
    for text, why in ((" ", "did not catch"), ("no " * 1_000, "too long")):
        answer = reply(port, text)
        assert isinstance(answer, NotHandled)
        assert why in (answer.text or "")


def test_without_the_daemon_there_is_a_sentence(nowhere: Path, tmp_path: Path) -> None:
    with serving_wyoming(nowhere, tmp_path / "wyoming") as port:
        answer = reply(port, "what time is it")
        assert isinstance(answer, NotHandled)
        assert (answer.text or "").startswith("Attune is not running")
