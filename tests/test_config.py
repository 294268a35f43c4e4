from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from assistant.cli import config as config_command
from assistant.config import ListenSettings, Settings, load, starter_dir
from assistant.errors import ConfigError


def toml(folder: Path, text: str, name: str = "attune.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def from_environment(**environ: str) -> Settings:
    return load(environ=environ, files=()).settings


def config_show(capsys: pytest.CaptureFixture[str], *words: str, **sources: object) -> list[str]:
    parser = argparse.ArgumentParser()
    config_command.register(parser.add_subparsers())
    args = parser.parse_args(["config", "show", *words])
    loaded = load(**sources)  # pyright: ignore[reportArgumentType]
    assert args.run(args, loaded.settings, loaded) == 0
    return capsys.readouterr().out.splitlines()


def test_without_any_source_every_value_is_a_default(tmp_path: Path) -> None:
    loaded = load(environ={}, files=(tmp_path / "none.toml",))
    assert loaded.settings.listen.end_silence_ms == 800
    assert loaded.settings.route == "auto"
    assert {origin for _, _, origin in loaded.rows()} == {"default"}
    assert loaded.files == (tmp_path / "none.toml",)


def test_later_sources_win(tmp_path: Path) -> None:
    system = toml(
        tmp_path,
        "[listen]\nvad_mode = 0\nmin_ms = 1\npre_roll_ms = 1\nhold_off_ms = 1\n",
        "system.toml",
    )
    user = toml(tmp_path, "[listen]\nmin_ms = 2\npre_roll_ms = 2\nhold_off_ms = 2\n")
    environ = {"ATTUNE_LISTEN__PRE_ROLL_MS": "3", "ATTUNE_LISTEN__HOLD_OFF_MS": "3", "HOME": "/"}
    flags = {"listen.hold_off_ms": 4, "listen.pre_roll_ms": None}
    loaded = load(flags, environ=environ, files=(system, user))
    listen = loaded.settings.listen
    values = (listen.vad_mode, listen.tuned.min_ms, listen.tuned.pre_roll_ms, listen.hold_off_ms)
    assert values == (0, 2, 3, 4)
    assert loaded.files == (system, user)
    origins = {key: origin for key, _, origin in loaded.rows() if origin != "default"}
    assert origins == {
        "listen.vad_mode": f"file {system}",
        "listen.min_ms": f"file {user}",
        "listen.pre_roll_ms": "environment ATTUNE_LISTEN__PRE_ROLL_MS",
        "listen.hold_off_ms": "command line",
    }


def test_a_setting_of_no_block_has_an_origin_too(tmp_path: Path) -> None:
    loaded = load(environ={}, files=(toml(tmp_path, 'route = "bridge"\n'),))
    assert ("route", "bridge", f"file {tmp_path / 'attune.toml'}") in loaded.rows()


def test_rows_name_every_setting_in_the_order_of_the_blocks() -> None:
    keys = [key for key, _, _ in load(environ={}, files=()).rows()]
    assert keys[0] == "listen.device"
    assert keys[-1] == "route"
    blocks = list(dict.fromkeys(key.split(".")[0] for key in keys))
    assert blocks == list(Settings.model_fields)
    assert "journal.path" in keys
    assert json.dumps(load(environ={}, files=()).rows())


@pytest.mark.parametrize("key", ["listen.devise", "lissen.device", "rout", "listen.device.name"])
def test_an_unknown_setting_is_refused_with_its_file(tmp_path: Path, key: str) -> None:
    path = toml(tmp_path, f'{key} = "x"\n')
    with pytest.raises(ConfigError) as caught:
        load(environ={}, files=(path,))
    assert f"from file {path}" in str(caught.value)
    assert key.startswith(str(caught.value).split("'")[1])


def test_an_unknown_setting_in_the_environment_is_refused_by_its_name() -> None:
    with pytest.raises(
        ConfigError, match=r"'listen\.devise' from environment ATTUNE_LISTEN__DEVISE"
    ):
        from_environment(ATTUNE_LISTEN__DEVISE="x")


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'listen\.devise' from command line"):
        load({"listen.devise": "x"}, environ={}, files=())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATTUNE_LISTEN__VAD_MODE", "4"),
        ("ATTUNE_LISTEN__VAD_MODE", "high"),
        ("ATTUNE_LISTEN__PROFILE", "impatient"),
        ("ATTUNE_GENERATE__INSTRUCTION", ""),
        ("ATTUNE_GENERATE__REMINDERS", "[[1]]"),
        ("ATTUNE_LISTEN", "3"),
        ("ATTUNE_ROUTE", "both"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_origin(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"from environment {name} cannot be used: "):
        from_environment(**{name: value})


@pytest.mark.parametrize("text", ["listen", "[listen\n", "a = 1\na = 2\n", '"\x00"'])
def test_a_file_that_is_no_toml_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(ConfigError, match=rf"Cannot read settings from {path}: .*Fix or remove it"):
        load(environ={}, files=(path,))


def test_bytes_and_folders_are_no_toml_either(tmp_path: Path) -> None:
    (tmp_path / "latin1.toml").write_bytes(b'route = "\xe9"')
    for path in (tmp_path / "latin1.toml", tmp_path):
        with pytest.raises(ConfigError, match=rf"Cannot read settings from {path}: "):
            load(environ={}, files=(path,))


def test_the_environment_is_read_as_toml_or_as_text() -> None:
    settings = from_environment(
        ATTUNE_GENERATE__TEMPERATURE="0.5",
        ATTUNE_GENERATE__REMINDERS='["pills at nine", "call Ann"]',
        ATTUNE_GENERATE__USER_NAME='"Anna Maria"',
        ATTUNE_SPEAK__DEVICE="3",
        ATTUNE_SPEAK__WAV_DIR="/srv/replies",
        ATTUNE_BRIDGE__PATH="",
        ATTUNE_JOURNAL__PATH="~/talks.db",
        ATTUNE_ROUTE="bridge",
    )
    assert settings.generate.temperature == 0.5
    assert settings.generate.reminders == ("pills at nine", "call Ann")
    assert settings.generate.user_name == "Anna Maria"
    assert settings.speak.device == "3"
    assert settings.speak.wav_dir == Path("/srv/replies")
    assert settings.bridge.path is None
    assert settings.journal.path == Path.home() / "talks.db"
    assert settings.route == "bridge"


def test_the_patient_profile_waits_longer_unless_told_exactly() -> None:
    assert ListenSettings.model_validate({"profile": "patient"}).end_silence_ms == 1_800
    assert ListenSettings.model_validate({"profile": "default"}).end_silence_ms == 800
    exact = {"profile": "patient", "silence_ms": 500}
    assert ListenSettings.model_validate(exact).end_silence_ms == 500


def test_settings_do_not_change() -> None:
    settings = load(environ={}, files=()).settings
    with pytest.raises(ValidationError):
        settings.route = "bridge"
    with pytest.raises(ValidationError):
        settings.listen.vad_mode = 1


def test_the_models_are_looked_for_beside_the_package() -> None:
    assert starter_dir() == Path(__file__).parents[1] / "models" / "starter"
    settings = load(environ={}, files=()).settings
    paths = (settings.encode.path, settings.bridge.path, settings.generate.path)
    assert paths == tuple(
        starter_dir() / name for name in ("whisper", "bridge.safetensors", "llm.gguf")
    )


def test_config_show_says_where_each_value_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = toml(tmp_path, '[generate]\nuser_name = "Anna"\n')
    missing = tmp_path / "missing.toml"
    lines = config_show(
        capsys,
        environ={"ATTUNE_LISTEN__SILENCE_MS": "1200"},
        files=(path, missing),
    )
    rows = {line.split()[0]: line for line in lines if line}
    assert rows["generate.user_name"].split() == ["generate.user_name", "file", str(path), '"Anna"']
    assert rows["listen.silence_ms"].split() == [
        "listen.silence_ms", "environment", "ATTUNE_LISTEN__SILENCE_MS", "1200",
    ]  # fmt: skip
    assert rows["listen.device"].split() == ["listen.device", "default", "null"]
    assert f"  {path}," in lines
    assert f"  {missing} (does not exist)," in lines
    assert any("flags" in line for line in lines)


def test_config_show_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = toml(tmp_path, 'route = "transcript"\n')
    (line,) = config_show(capsys, "--json", environ={}, files=(path, tmp_path / "missing.toml"))
    shown = json.loads(line)
    assert shown["files"] == [
        {"path": str(path), "exists": True},
        {"path": str(tmp_path / "missing.toml"), "exists": False},
    ]
    assert shown["settings"]["route"] == {"value": "transcript", "origin": f"file {path}"}
    assert shown["settings"]["listen.vad_mode"] == {"value": 2, "origin": "default"}
