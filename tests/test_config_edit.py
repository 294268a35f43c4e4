from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from assistant.config import load
from assistant.config.edit import change
from assistant.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN = """\
# how my mother likes it
route = "auto"

[generate]
user_name = "Anna"  # that is her
path = "old.gguf"   # the small one

[speak]
rate_wpm = 130
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "attune.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_what_else_stands_there_stays(file: Path) -> None:
    change(file, {"generate.path": "/new.gguf"})
    assert file.read_text(encoding="utf-8") == OWN.replace("old.gguf", "/new.gguf")
    change(file, {"generate.path": "old.gguf"})
    assert file.read_text(encoding="utf-8") == OWN


def test_blocks_and_keys_are_added_and_taken_out(file: Path) -> None:
    change(file, {"encode.path": "/encoder", "bridge.path": "", "speak.voice": "x"})
    text = file.read_text(encoding="utf-8")
    assert text.startswith(OWN.partition("[speak]")[0])
    settings = load(environ={}, files=(file,)).settings
    assert settings.encode.path == Path("/encoder")
    assert settings.bridge.path is None
    assert (settings.speak.voice, settings.speak.rate_wpm) == ("x", 130)
    change(file, {"encode.path": None, "bridge.path": None, "speak.voice": None, "listen.x": None})
    origins = load(environ={}, files=(file,)).origins
    assert set(origins) == {"route", "generate.user_name", "generate.path", "speak.rate_wpm"}


@pytest.mark.parametrize(
    "text", ['generate.path = "old"\n', 'generate = { path = "old" }\n', "", "[listen]\n"]
)
def test_however_a_block_is_written(text: str, file: Path) -> None:
    file.write_text(text, encoding="utf-8")
    change(file, {"generate.path": "/new.gguf"})
    assert load(environ={}, files=(file,)).settings.generate.path == Path("/new.gguf")


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "attune" / "attune.toml"
    change(path, {"generate.path": None})
    assert not path.exists()
    change(path, {"generate.path": 'a "b".gguf'})
    assert load(environ={}, files=(path,)).settings.generate.path == Path('a "b".gguf')


def test_links_and_rights_stay(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    change(link, {"generate.path": "/new.gguf"})
    assert link.is_symlink()
    assert "/new.gguf" in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("text", [b"[generate", b"\xff", b"generate = 3\n"])
def test_a_broken_file_is_told_and_left(text: bytes, file: Path) -> None:
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=r"Cannot change the settings in .*Fix or remove it"):
        change(file, {"generate.path": "/new.gguf"})
    assert file.read_bytes() == text


def test_a_place_that_may_not_be_written_is_told() -> None:
    with pytest.raises(ConfigError, match=r"in /sys/attune/attune\.toml: .*Make sure"):
        change(Path("/sys/attune/attune.toml"), {"generate.path": "/new.gguf"})


@pytest.mark.parametrize("value", ["transcript", 3, 1.5, True, ["a", 'b "c"']])
def test_values_keep_their_kind(value: object, file: Path) -> None:
    change(file, {"route": value, "household.anything": value})
    with file.open("rb") as opened:
        found = tomllib.load(opened)
    assert found["route"] == found["household"]["anything"] == value
    assert file.read_text(encoding="utf-8").startswith("# how my mother likes it\n")
    change(file, {"route": None, "household.anything": None})
    assert "route" not in file.read_text(encoding="utf-8")


def test_a_key_in_front_of_all_blocks_stays_there(file: Path) -> None:
    file.write_text("[speak]\nrate_wpm = 130\n", encoding="utf-8")
    change(file, {"route": "transcript"})
    loaded = load(environ={}, files=(file,))
    assert (loaded.settings.route, loaded.settings.speak.rate_wpm) == ("transcript", 130)


def test_new_settings_are_their_owner_s_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        change(tmp_path / "new.toml", {"generate.user_name": "Anna"})
        (tmp_path / "old.toml").write_text("# mine\n")
        change(tmp_path / "old.toml", {"generate.user_name": "Anna"})
    finally:
        os.umask(before)
    modes = [(tmp_path / f"{name}.toml").stat().st_mode & 0o777 for name in ("new", "old")]
    assert modes == [0o600, 0o644]  # what somebody has made stays as they made it
