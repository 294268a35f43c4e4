"""What a service prints, the system keeps for good: no word may be in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from assistant import child
from assistant.errors import ControlError
from tests.faults.manager import Manager, managed
from tests.sound import SoundServer, synthesise

PLAIN = (*child.command("assistant"), "run", "--service")
SLIPPING = (sys.executable, "-m", "tests.faults.slipping", "run", "--service")

SPOKEN = "my daughter is coming to visit me"
TYPED = "my glasses are rather scratched"

LOGGING = {"JOURNAL_STREAM": "8:1", "ATTUNE_GENERATE__MAX_TOKENS": "40"}
"""As under systemd, where the log is written to standard error; and replies of some words."""


def leaked(service: Manager, said: Sequence[str], made: Sequence[str] = ()) -> set[str]:
    """What was printed of these texts.

    Args:
        service: what it printed.
        said: no word of these may be printed, but for the shortest.
        made: texts that no test chooses, and that may share a word with what Attune says of itself;
            no three words in a row of these.
    """
    told = re.findall(r"\w+", " ".join(service.lines).lower())
    words = {word for text in said for word in re.findall(r"\w{4,}", text.lower())}
    runs = {run for text in made for run in _runs(re.findall(r"\w+", text.lower()))}
    assert words
    return words.intersection(told) | runs.intersection(_runs(told))


def _runs(words: list[str]) -> set[str]:
    """Every three words in a row."""
    return {" ".join(run) for run in zip(words, words[1:], words[2:], strict=False)}


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["plain", "json"])
def test_a_service_prints_no_word_of_a_conversation(
    words: tuple[str, ...], sound_server: SoundServer, tmp_path: Path
) -> None:
    with managed(tmp_path / "house", sound_server.env | LOGGING, (*PLAIN, *words)) as service:
        service.microphone("listening")
        typed = service.client.ask(TYPED, aloud=False)
        said = synthesise(SPOKEN, service.folder / "said.wav", lead_s=0.4, tail_s=1.5)
        sound_server.say(said)
        service.told('{"id": 2, ' if words else "Exchange 2: answered after ")
        spoken, _ = service.client.log(2)
    assert spoken["transcript"]
    assert spoken["reply"]
    made = (spoken["transcript"], spoken["reply"], typed["reply"])
    assert leaked(service, (SPOKEN, TYPED), made) == set(), service.story()


def test_not_even_when_it_dies_of_it(sound_server: SoundServer, tmp_path: Path) -> None:
    with managed(tmp_path / "house", sound_server.env | LOGGING, SLIPPING) as service:
        with suppress(ControlError):
            service.client.ask(TYPED, aloud=False)
        service.told("Attune is stopping because its thread 'answer' died (RuntimeError).")
    assert any("in slip" in line for line in service.lines)  # where it went wrong
    assert leaked(service, (TYPED,)) == set(), service.story()
