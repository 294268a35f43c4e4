"""What the README promises of what a household keeps: its phrases, settings and drop-in hold."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from assistant.config import load
from assistant.household.household import Household
from assistant.household.nouns import ACTS
from assistant.journal.store import Journal
from assistant.skills.desk import Desk
from assistant.skills.typed import Typed
from tests.test_systemd import ROOT, copy, installed, may_have_namespaces, sandboxed, verify

README = (ROOT / "README.md").read_text(encoding="utf-8")
_, SECTION = README.split("\n## What it keeps for you\n")
SECTION = SECTION.split("\n## ")[0]
ROWS = [line.split("|")[1:3] for line in SECTION.splitlines() if line.startswith('| "')]
SAID = [phrase for said, _ in ROWS for phrase in re.findall('"([^"]+)"', said)]

CALL = """
import sys
from assistant.config import HouseholdSettings
from assistant.household.summons import Summons
settings = HouseholdSettings.model_validate({"help_webhook": sys.argv[1]})
print(Summons(settings).call("fallen"))
"""


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert found is not None
    return found[1]


def typed_examples() -> Iterator[list[str]]:
    for _, typed in ROWS:
        for command in re.findall("`([^`]+)`", typed):
            words = re.findall(r'"[^"]*"|\S+', command)
            yield [word.strip('"') for word in words]


def test_what_is_to_be_said_is_done(journal: Journal) -> None:
    desk = Desk(Household.of(journal))
    assert len(SAID) > 9
    for phrase in SAID:
        said = desk.answer(phrase)
        assert said is not None, phrase
        desk.exchanged(phrase, desk.commit(said))
    kept = Typed(journal)
    assert [kept.kept(noun) != [] for noun in ACTS] == [True] * len(ACTS)
    assert [each["text"] for each in kept.kept("lists")] == ["eggs"]


def test_what_is_to_be_typed_is_done(journal: Journal) -> None:
    kept = Typed(journal)
    examples = list(typed_examples())
    for noun, act, *words in examples:
        if act == "add":
            assert kept.keep(noun, words)  # pyright: ignore[reportArgumentType]
        elif act != "show":
            assert kept.change(noun, act, [int(word) for word in words])  # pyright: ignore[reportArgumentType]
    assert {noun for noun, *_ in examples} == set(ACTS)


@pytest.mark.parametrize("phrase", ["Help me", "I have fallen", "I can't breathe"])
def test_calls_for_help_are_heard(journal: Journal, phrase: str) -> None:
    assert f'"{phrase}"' in SECTION
    assert Desk(Household.of(journal)).urgent(phrase) is not None


def test_the_settings_are_settings(tmp_path: Path) -> None:
    path = tmp_path / "attune.toml"
    path.write_text(block("toml"), encoding="utf-8")
    household = load(environ={}, files=(path,)).settings.household
    assert household.help_command == ("/usr/local/bin/call-anna",)
    (address,) = re.findall('`help_webhook = "(.*?)"`', SECTION)
    path.write_text(f'[household]\nhelp_webhook = "{address}"\n', encoding="utf-8")
    assert load(environ={}, files=(path,)).settings.household.help_webhook == address
    assert f"IPAddressAllow={address.split('/')[2].split(':')[0]}\n" in block("ini")


def test_systemd_finds_nothing_wrong_with_the_drop_in(tmp_path: Path) -> None:
    unit = copy("attune.service", installed(tmp_path))
    for other in ("attune-trainer.socket", "attune-trainer@.service", "attune_trainer.slice"):
        copy(other, tmp_path)
    drop_in = tmp_path / "attune.service.d" / "help.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(block("ini"), encoding="utf-8")
    assert verify(unit, runtime=tmp_path) == ""
    drop_in.write_text(block("ini").replace("Allow=", "Allow=nowhere"), encoding="utf-8")
    assert "nowhere" in verify(unit, runtime=tmp_path)


@pytest.fixture
def neighbour() -> Iterator[tuple[str, list[object]]]:
    """The address of somebody who listens in the local network, and what is sent there."""
    heard: list[object] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/help", heard
        server.shutdown()
        thread.join()


def test_only_with_the_drop_in_a_call_for_help_leaves_the_service(
    neighbour: tuple[str, list[object]], tmp_path: Path
) -> None:
    address, heard = neighbour
    call = (sys.executable, "-c", CALL, address)
    unit = copy("attune.service", tmp_path)
    if not may_have_namespaces():
        unit = copy("attune.service", tmp_path, PrivateNetwork=None)
    assert sandboxed(unit, *call).split() == ["False"]
    assert heard == []
    added = dict(line.split("=") for line in block("ini").splitlines() if "=" in line)
    added["RestrictAddressFamilies"] = f"AF_UNIX {added['RestrictAddressFamilies']}"  # both hold
    del added["IPAddressAllow"]  # the sandbox of the tests filters no packets
    assert sandboxed(copy("attune.service", tmp_path, **added), *call).split() == ["True"]
    assert heard == [{"help": "fallen"}]
