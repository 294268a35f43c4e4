"""Home Assistant is asked, and what it answers is taken for no more than it is."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from assistant.home.conversation import HomeAssistant, read, said
from assistant.household.smart_home import LONGEST, HomeAnswer
from tests.home import assistant_stub as stub
from tests.home.assistant_stub import House, answered, done, refused, serving, settings

LONG_S = 30.0


def ask(folder: Path, house: House, limit_s: float = LONG_S) -> tuple[HomeAnswer, str | None]:
    home = HomeAssistant(settings(folder, house.url))
    return home.ask("turn on the kitchen light", "en", limit_s), home.trouble


def test_words_are_passed_on_and_the_answer_comes_back(tmp_path: Path) -> None:
    with serving() as house:
        answer, trouble = ask(tmp_path, house)
    assert answer == HomeAnswer("done", "Turned on the light")
    assert trouble is None
    assert house.asked == [{"text": "turn on the kitchen light", "language": "en"}]
    assert house.paths == [stub.PATH]


def test_an_agent_may_be_named_and_the_address_may_have_a_path(tmp_path: Path) -> None:
    with serving() as house:
        chosen = settings(tmp_path, f"{house.url}/ha/", agent="conversation.home_assistant")
        HomeAssistant(chosen).ask("good night", "en", LONG_S)
    assert house.asked[0]["agent_id"] == "conversation.home_assistant"
    assert house.paths == [f"/ha{stub.PATH}"]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (done("Turned on", "lamp"), "done"),
        (done("Turned on", "lamp", failed=("bulb",)), "partly"),
        (done("Turned on", failed=("bulb",)), "failed"),
        (done("I have turned on everything"), "told"),
        (answered("It is locked"), "answered"),
        (refused("no_intent_match"), "not_understood"),
        (refused("no_valid_targets"), "not_there"),
        (refused("failed_to_handle"), "failed"),
        (refused("unknown"), "failed"),
        (refused("something_new"), "failed"),
        (stub.response("something_new", "Hello"), "unknown"),
        (stub.response("action_done", None), "told"),
    ],
)
def test_only_what_is_confirmed_is_done(body: dict[str, object], outcome: str) -> None:
    assert read(json.dumps(body).encode()).outcome == outcome


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"response": 7}',
        b'{"response": {"response_type": 7}}',
        b'{"response": {"response_type": "action_done", "data": {"success": "all"}}}',
        b'{"response": {"response_type": "action_done", "speech": {"plain": "done"}}}',
        b"[" * 60_000,
        b"\xff\xfe{}",
        b"<html>It is done</html>",
    ],
)
def test_what_is_no_answer_confirms_nothing(body: bytes) -> None:
    assert read(body) == HomeAnswer("unknown")


def test_what_is_said_is_one_printable_line_of_bounded_length() -> None:
    assert said("It\x1b[31m is\r\n\u202edone\0 ") == "It [31m is done"
    long = said("word " * 1_000)
    assert LONGEST - 5 <= len(long) <= LONGEST
    assert len(said("a" * 1_000)) == LONGEST


@pytest.mark.parametrize(
    ("status", "outcome", "why"),
    [
        (401, "refused", "does not accept"),
        (403, "refused", "does not accept"),
        (404, "unreachable", "takes requests in words"),
        (400, "failed", "status 400"),
        (500, "unknown", "status 500"),
        (502, "unknown", "status 502"),
        (204, "unknown", "status 204"),
    ],
)
def test_a_status_is_no_confirmation(status: int, outcome: str, why: str, tmp_path: Path) -> None:
    with serving(House(status=status)) as house:
        answer, trouble = ask(tmp_path, house)
    assert answer == HomeAnswer(outcome)  # pyright: ignore[reportArgumentType]
    assert trouble is not None
    assert why in trouble
    assert stub.TOKEN not in trouble


def test_a_wrong_token_is_told_and_a_new_one_is_taken_up(tmp_path: Path) -> None:
    with serving() as house:
        home = HomeAssistant(settings(tmp_path, house.url))
        (tmp_path / "token").write_text("old")
        assert home.ask("hello", "en", LONG_S) == HomeAnswer("refused")
        assert house.asked == []
        assert "Make a new long-lived one" in str(home.trouble)
        (tmp_path / "token").write_text(stub.TOKEN)
        assert home.ask("hello", "en", LONG_S).outcome == "done"
        assert home.trouble is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_sent_elsewhere(status: int, tmp_path: Path) -> None:
    with serving() as other:
        house = House(status=status, headers={"Location": f"{other.url}{stub.PATH}"})
        with serving(house):
            answer, trouble = ask(tmp_path, house)
    assert answer == HomeAnswer("unreachable")
    assert "sends elsewhere" in str(trouble)
    assert (len(house.paths), other.paths) == (1, [])


def test_a_proxy_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy, serving() as house:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert ask(tmp_path, house)[0].outcome == "done"
    assert proxy.paths == []


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8:8123",
        "https://8.8.8.8",
        "http://[2001:4860:4860::8888]:8123",
        "http://[::ffff:8.8.8.8]:8123",
    ],
)
def test_nothing_is_asked_outside_of_the_home(url: str, tmp_path: Path) -> None:
    home = HomeAssistant(settings(tmp_path, url))
    assert home.ask("hello", "en", LONG_S) == HomeAnswer("unreachable")
    assert home.trouble == (
        f"Cannot reach Home Assistant at {url}: it is not in the local network. Look whether it "
        "runs."
    )


@pytest.mark.parametrize("url", ["http://no-such-host.invalid:8123", "http://127.0.0.1:1"])
def test_a_home_that_is_not_there_is_told(url: str, tmp_path: Path) -> None:
    home = HomeAssistant(settings(tmp_path, url))
    assert home.ask("hello", "en", LONG_S) == HomeAnswer("unreachable")
    assert str(home.trouble).startswith(f"Cannot reach Home Assistant at {url}: ")


def test_who_is_late_is_waited_for_no_longer(tmp_path: Path) -> None:
    late = threading.Event()
    with serving(House(before=lambda: late.wait(60))) as house:
        answer, trouble = ask(tmp_path, house, 0.2)
        late.set()
    assert answer == HomeAnswer("unknown")
    assert "did not answer in time" in str(trouble)


def test_after_the_limit_nothing_is_sent(tmp_path: Path) -> None:
    with serving() as house:
        answer, _ = ask(tmp_path, house, 0.0)
    assert answer == HomeAnswer("unreachable")
    assert house.paths == []


def test_a_certificate_is_checked(certificate: Path, tmp_path: Path) -> None:
    with serving(certificate=certificate) as house:
        home = HomeAssistant(settings(tmp_path, house.url))
        assert home.ask("hello", "en", LONG_S) == HomeAnswer("unreachable")
        assert "is not trusted" in str(home.trouble)
        assert house.asked == []
        known = settings(tmp_path, house.url, ca_file=certificate.with_suffix(".crt"))
        assert HomeAssistant(known).ask("hello", "en", LONG_S).outcome == "done"
        elsewhere = house.url.replace("localhost", "127.0.0.1")  # not what it was made for
        other = settings(tmp_path, elsewhere, ca_file=certificate.with_suffix(".crt"))
        assert HomeAssistant(other).ask("hello", "en", LONG_S) == HomeAnswer("unreachable")
    assert len(house.asked) == 1


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    home = HomeAssistant(settings(tmp_path, "https://localhost:1", ca_file=tmp_path / "none"))
    assert home.ask("hello", "en", LONG_S) == HomeAnswer("refused")
    assert "home.ca_file" in str(home.trouble)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_may_read_is_not_used(mode: int, tmp_path: Path) -> None:
    with serving() as house:
        home = HomeAssistant(settings(tmp_path, house.url))
        (tmp_path / "token").chmod(mode)
        assert home.ask("hello", "en", LONG_S) == HomeAnswer("refused")
    assert "chmod 600" in str(home.trouble)
    assert house.paths == []


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "caf\u00e9", "a\r\nX-Other: b"])
def test_a_secret_has_to_be_one_line(text: str, tmp_path: Path) -> None:
    home = HomeAssistant(settings(tmp_path, "http://localhost:1"))
    (tmp_path / "token").write_text(text)
    assert home.ask("hello", "en", LONG_S) == HomeAnswer("refused")
    assert str(tmp_path / "token") in str(home.trouble)


@pytest.mark.parametrize(
    "url",
    [
        "homeassistant.local",
        "ftp://homeassistant.local",
        "http://",
        "http://user:secret@homeassistant.local",
        "http://homeassistant.local?token=x",
        "http://homeassistant.local#x",
        "http://homeassistant.local:99999",
        "http://homeassistant.local/a b",
    ],
)
def test_an_address_has_to_be_one_and_holds_no_secret(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"should|Port"):
        settings(tmp_path, url)
