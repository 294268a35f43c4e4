from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.daemon import admission
from assistant.daemon.admission import (
    ALOUD_S,
    CODE_S,
    HOURLY,
    MOST,
    TRIES,
    UNSEEN_S,
    Admission,
)
from assistant.errors import HouseholdError

DAY_S = 86_400.0


class Home:
    """Its doorkeeper, and the clocks that it goes by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1_700_000_000.0
        self.clock = 0.0
        self.door = self.again()

    def again(self) -> Admission:
        """As after a restart."""
        return Admission(self.path, now=lambda: self.now, clock=lambda: self.clock)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "helpers.json")


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def other(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 10**6:06}"


def test_who_knows_the_code_is_let_in_and_known_from_then_on(home: Home) -> None:
    code = home.door.invite("helper")
    assert len(code) == 6
    assert code.isdigit()
    assert home.door.who(key("anna")) is None
    helper = home.door.admit(code, "Anna's phone", key("anna"))
    assert (helper.id, helper.name, helper.role) == (1, "Anna's phone", "helper")
    assert helper.paired_at == helper.seen_at == home.now
    assert home.door.who(key("anna")) == helper
    assert home.door.who(key("bert")) is None
    assert home.again().who(key("anna")) == helper, "also after a restart"
    reader = home.door.admit(home.door.invite("reader"), "A tablet", key("tablet"))
    assert (reader.id, reader.role) == (2, "reader")
    assert home.door.all() == [helper, reader]


def test_no_key_is_kept_and_nobody_else_reads_the_file(home: Home) -> None:
    phone = "a key of a phone"
    home.door.admit(home.door.invite("helper"), "Anna", key(phone))
    assert phone not in home.path.read_text()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o600


def test_codes_differ(home: Home) -> None:
    assert len({home.door.invite("helper") for _ in range(50)}) > 40


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "\u0661\u0661\u0661\u0661\u0661\u0661"])
def test_nonsense_is_no_code(code: str, home: Home) -> None:
    with pytest.raises(HouseholdError, match="There is no code to enter"):
        home.door.admit(code, "Anna", key("anna"))
    home.door.invite("helper")
    with pytest.raises(HouseholdError, match="That is not the code"):
        home.door.admit(code, "Anna", key("anna"))


def test_a_code_works_once(home: Home) -> None:
    code = home.door.invite("helper")
    home.door.admit(code, "Anna", key("anna"))
    with pytest.raises(HouseholdError, match="no code to enter"):
        home.door.admit(code, "Bert", key("bert"))


def test_a_newer_code_makes_the_older_one_void(home: Home) -> None:
    old, new = home.door.invite("helper"), home.door.invite("reader")
    if old != new:
        with pytest.raises(HouseholdError, match="not the code"):
            home.door.admit(old, "Anna", key("anna"))
    assert home.door.admit(new, "Anna", key("anna")).role == "reader"


def test_a_code_is_good_for_ten_minutes(home: Home) -> None:
    code = home.door.invite("helper")
    home.clock += CODE_S
    home.door.admit(code, "Anna", key("anna"))
    code = home.door.invite("helper")
    home.clock += CODE_S + 1
    with pytest.raises(HouseholdError, match="no code to enter"):
        home.door.admit(code, "Bert", key("bert"))


def test_after_some_wrong_tries_the_code_is_void(home: Home) -> None:
    code = home.door.invite("helper")
    for left in reversed(range(TRIES)):
        with pytest.raises(HouseholdError, match="Try again" if left else "one try too many"):
            home.door.admit(other(code), "Anna", key("anna"))
    with pytest.raises(HouseholdError, match="no code to enter"):
        home.door.admit(code, "Anna", key("anna"))


def test_ten_thousand_guesses_are_of_no_use(home: Home) -> None:
    tried = 0
    for number in range(10_000):
        code = home.door.invite("helper") if number % 4 == 0 else ""
        guess = other(code) if code else f"{number:06}"
        with pytest.raises(HouseholdError) as refused:
            home.door.admit(guess, "thief", key("thief"))
        tried += "not the code" in str(refused.value)
    assert tried == HOURLY
    code = home.door.invite("helper")
    with pytest.raises(HouseholdError, match="Wait an hour"):
        home.door.admit(code, "Anna", key("anna"))
    with pytest.raises(HouseholdError, match="Wait an hour"):
        home.door.invite("helper", aloud=True)
    assert home.door.all() == []
    home.clock += 3_601
    home.door.admit(home.door.invite("helper"), "Anna", key("anna"))


def test_a_code_is_said_aloud_now_and_then_only(home: Home) -> None:
    home.door.invite("helper", aloud=True)
    with pytest.raises(HouseholdError, match="a moment ago"):
        home.door.invite("helper", aloud=True)
    home.door.invite("helper")  # which is shown, not said
    home.clock += ALOUD_S
    assert home.door.invite("helper", aloud=True)


def test_who_has_not_been_seen_for_long_has_to_be_let_in_again(home: Home) -> None:
    home.door.admit(home.door.invite("helper"), "Anna", key("anna"))
    for _ in range(4):
        home.now += UNSEEN_S - DAY_S
        seen = home.door.who(key("anna"))
        assert seen is not None
        assert seen.seen_at <= home.now
    home.now += UNSEEN_S + 1
    assert home.door.who(key("anna")) is None
    assert [each.name for each in home.door.all()] == ["Anna"], "it can be seen and removed"


def test_that_a_device_was_seen_is_written_once_a_day(home: Home) -> None:
    home.door.admit(home.door.invite("helper"), "Anna", key("anna"))
    before = home.path.stat().st_mtime_ns, home.path.stat().st_ino
    home.now += DAY_S / 2
    home.door.who(key("anna"))
    assert (home.path.stat().st_mtime_ns, home.path.stat().st_ino) == before
    home.now += DAY_S
    home.door.who(key("anna"))
    assert home.again().all()[0].seen_at == home.now


def test_a_removed_device_is_known_no_more_and_its_number_is_not_another_s(home: Home) -> None:
    for name in ("anna", "bert", "carl"):
        home.door.admit(home.door.invite("helper"), name, key(name))
    home.door.remove(2)
    assert home.door.who(key("bert")) is None
    assert home.door.who(key("carl")) is not None
    assert home.door.admit(home.door.invite("helper"), "dora", key("dora")).id == 4
    with pytest.raises(HouseholdError, match="There is no device 2"):
        home.door.remove(2)


def test_there_is_room_for_so_many(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST >= 10
    monkeypatch.setattr(admission, "MOST", 2)
    for name in ("anna", "bert"):
        home.door.admit(home.door.invite("helper"), name, key(name))
    with pytest.raises(HouseholdError, match="There are 2 devices already"):
        home.door.admit(home.door.invite("helper"), "carl", key("carl"))
    home.door.remove(1)
    home.door.admit(home.door.invite("helper"), "carl", key("carl"))


@pytest.mark.parametrize("content", ["", "nonsense", "{}", '[{"key": 1}]', "[null]"])
def test_a_broken_file_lets_nobody_in_and_says_so(content: str, home: Home) -> None:
    home.path.write_text(content)
    uses: list[Callable[[], object]] = [
        lambda: home.door.who(key("anna")),
        home.door.all,
        lambda: home.door.remove(1),
        lambda: home.door.admit(home.door.invite("helper"), "Anna", key("anna")),
    ]
    for use in uses:
        with pytest.raises(HouseholdError, match=r"Cannot read .*helpers\.json"):
            use()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    door = Home(tmp_path / "file" / "helpers.json").door
    with pytest.raises(HouseholdError, match="Cannot"):
        door.admit(door.invite("helper"), "Anna", key("anna"))
