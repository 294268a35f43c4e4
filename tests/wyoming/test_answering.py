"""Questions from Home Assistant are answered by Attune's skills and language model."""

from __future__ import annotations

import asyncio
from pathlib import Path

from wyoming.handle import Handled, NotHandled

from tests.wyoming.living import Living
from tests.wyoming.peers import Peer
from tests.wyoming.served import serving_wyoming


def answered(port: int, text: str) -> Handled | NotHandled:
    async def ask() -> Handled | NotHandled:
        async with Peer(port) as peer:
            return await peer.converse(text)

    return asyncio.run(ask())


def test_what_is_asked_for_is_done_and_said(port: int, daemon: Living) -> None:
    answer = answered(port, "put milk on the shopping list")
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


def test_a_question_that_is_no_question_is_not_answered(port: int) -> None:
    for text, why in ((" ", "did not catch"), ("no " * 1_000, "too long")):
        answer = answered(port, text)
        assert isinstance(answer, NotHandled)
        assert why in (answer.text or "")


def test_without_the_daemon_there_is_a_sentence(nowhere: Path, tmp_path: Path) -> None:
    with serving_wyoming(nowhere, tmp_path / "wyoming") as port:
        answer = answered(port, "what time is it")
        assert isinstance(answer, NotHandled)
        assert (answer.text or "").startswith("Attune is not running")
