"""A settings file of version 0.1 in which every setting of that version is set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import config as config_command
from assistant.cli import main
from assistant.config import Settings, load
from assistant.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BEFORE = """
route = "transcript"

[listen]
device = "Headset"
vad_mode = 1
profile = "patient"
silence_ms = 900
floor_ms = 600
ceiling_ms = 2_500
cut_offs = 0.2
pauses_half_life = 400
pre_roll_ms = 400
start_ms = 220
start_window_ms = 320
min_ms = 260
max_s = 25.0
hold_off_ms = 200
barge_in = "open"
queue_s = 5.0
push_to_talk = true
button_gpio = 17

[encode]
path = "/srv/encoder"
language = "de"
beam = 3
words = ["Attune"]
threads = 3
execution = "float"
window_s = 15.0
early = "off"
cache = "/srv/cache"
ngram_weight = 0.4
ngram_bonus = 0.7

[bridge]
path = "/srv/bridge.safetensors"
min_confidence = 0.4
margin = 0.2
learned_min_confidence = 0.003
learned_margin = -0.4
ngram_weight = 0.2
ngram_bonus = 0.3

[generate]
path = "/srv/llm.gguf"
instruction = "Be kind."
user_name = "Anna"
reminders = ["pills at nine"]
n_ctx = 2_048
n_batch = 256
threads = 2
gpu_layers = -1
temperature = 0.2
top_k = 40
seed = 7
max_tokens = 64
max_s = 20.0

[turn]
ask_back = 0.3
learned_ask_back = 0.03
wait_s = 30.0
follow_up_s = 10.0
wake_phrase = "hello attune"
keep_unaddressed = true

[speak]
engine = "piper"
voice = "en_GB-alba-medium"
rate_wpm = 130
pitch = 40
threads = 1
device = "Speaker"
wav_dir = "/srv/replies"

[journal]
path = "/srv/journal.db"
keep_days = 30
keep_mb = 500
keep_taught = false
waiting_mb = 16

[personalise]
enabled = false
folder = "/srv/bridges"
head = "pooled"
confident = 0.9
confident_weight = 0.1
held_out = 0.25
rate = 0.002
alpha = 0.9
beta = 0.8
slots = 20
batch = 8
steps = 100
max_minutes = 10.0
replay = 100
canaries = 20
seed = 3
threads = 2
memory_mb = 900
socket = "/run/trainer.sock"
min_held_out = 3
reply_margin = 0.03
reading_margin = 0.04
canary_margin = 0.05

[idle]
quiet_s = 100.0
min_new = 6
max_load = 0.6
max_celsius = 65.0
min_free_mb = 500
min_disk_mb = 100
on_battery = true
hours = "22:00-06:00"
resume_s = 3.0
retry_s = 300.0
hang_s = 90.0

[models]
folder = "/srv/models"
everyday = "off"

[control]
path = "/run/control.sock"
group = "attune"

[service]
deaf_s = 4.0
stuck_s = 60.0
"""

MOVED = 36

GONE = {"personalise.reply_margin", "personalise.reading_margin"}
"""What was set there and is decided otherwise now."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "attune.toml"
    path.write_text(BEFORE, encoding="utf-8")
    return path


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict)
        found |= leaves(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found


def in_force(settings: Settings) -> dict[str, object]:
    values = leaves(settings.model_dump(mode="json"))
    return {key.replace(".tuned.", "."): value for key, value in values.items()}


def test_every_setting_of_the_version_before_is_in_force(file: Path) -> None:
    loaded = load(environ={}, files=(file,))
    before = leaves(tomllib.loads(BEFORE))
    assert len(before) == 108
    assert before.keys() > GONE
    before = {key: value for key, value in before.items() if key not in GONE}
    found = in_force(loaded.settings)  # others have come since
    assert {key: found[key] for key in before} == before
    shown = {key: value for key, value, _ in loaded.rows()}
    assert {key: shown[key] for key in before} == before
    defaults = in_force(load(environ={}, files=()).settings)
    assert [key for key in before if before[key] == defaults[key]] == []


def test_of_each_name_that_moved_it_is_said_what_became_of_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(environ={}, files=(file,))
    settings = {key for key, _, _ in load(environ={}, files=()).rows()}
    former = [key for key in leaves(tomllib.loads(BEFORE)) if key not in settings]
    assert len(former) == MOVED + len(GONE)
    parser = argparse.ArgumentParser()
    config_command.register(parser.add_subparsers())
    args = parser.parse_args(["config", "show"])
    assert args.run(args, loaded.settings, loaded) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [line for line in lines if "is no longer a setting" in line]
    assert len(said) == MOVED + len(GONE)
    for key in former:
        (line,) = [line for line in said if line.startswith(f"{key}, ")]
        assert str(file) in line
        if key in GONE:
            assert "is ignored: whether a new bridge is better is now decided by a" in line
            continue
        assert "Tuning in assistant.config.tuning" in line
        assert "works in this version and will be ignored in the next one" in line


def test_a_command_says_it_once_and_whoever_sets_none_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATTUNE_JOURNAL__PATH", str(tmp_path / "journal.db"))
    monkeypatch.setenv("ATTUNE_CONTROL__PATH", str(tmp_path / "control.sock"))
    assert main(["log", "list"]) == 0
    assert "no longer" not in capsys.readouterr().err
    monkeypatch.setenv("ATTUNE_LISTEN__START_MS", "220")
    assert main(["log", "list"]) == 0
    assert capsys.readouterr().err.count("listen.start_ms, from environment ATTUNE_") == 1


def test_a_value_out_of_range_is_still_refused_under_its_name() -> None:
    with pytest.raises(ConfigError, match=r"'bridge\.margin' from .*MARGIN cannot be used: "):
        load(environ={"ATTUNE_BRIDGE__MARGIN": "2"}, files=())


@pytest.mark.parametrize("key", ["listen.tuned.start_ms", "listen.tuned"])
def test_only_code_reaches_the_constants_themselves(tmp_path: Path, key: str) -> None:
    path = tmp_path / "attune.toml"
    path.write_text(f"{key} = 220\n", encoding="utf-8")
    name = f"ATTUNE_{key.upper().replace('.', '__')}"
    for sources in (
        {"files": (path,), "environ": {}},
        {"files": (), "environ": {name: "220"}},
        {"files": (), "environ": {}, "flags": {key: 220}},
    ):
        with pytest.raises(ConfigError, match=rf"Unknown setting '{key}' from "):
            load(**sources)  # pyright: ignore[reportArgumentType]


def test_constants_travel_with_the_settings_and_unknown_ones_are_refused(file: Path) -> None:
    settings = load(environ={}, files=(file,)).settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    with pytest.raises(ValueError, match="start_sm"):
        Settings.model_validate({"listen": {"tuned": {"start_sm": 220}}})


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("listen.devise", "listen.device"),
        ("lissen.device", "listen.device"),
        ("rout", "route"),
        ("generate.username", "generate.user_name"),
    ],
)
def test_an_unknown_name_is_answered_with_the_one_most_like_it(key: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"Unknown setting '{key}' .*Did you mean '{meant}'\?"):
        load({key: "x"}, environ={}, files=())


def test_a_name_like_none_is_answered_without_a_guess() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"zzz": "x"}, environ={}, files=())
    assert "Did you mean" not in str(caught.value)
