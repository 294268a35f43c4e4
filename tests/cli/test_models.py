from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assistant.catalog.bring import bring, survey
from assistant.catalog.entries import HubSource, read
from assistant.catalog.folder import ModelFolder
from assistant.catalog.progress import Anew, Checking, Elsewhere, Moved, Waiting
from assistant.cli.models import commands as models
from assistant.cli.models.display import Lines
from assistant.cli.models.use import choose, require_memory, settings_after
from assistant.config import Settings, load
from assistant.control.server import Server
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import CatalogError, ConfigError, LLMError
from assistant.generate.gguf import GGUFFile
from assistant.personalise.bridges.folder import BridgeFolder
from tests.bridge.tables import checkpoint
from tests.catalog.hub import FakeHub, serving
from tests.cli.house import ROOT, TIMEOUT_S, command
from tests.cli.terminal import terminal
from tests.control.knowing import Knowing
from tests.encode import tiny
from tests.generate import toys
from tests.sound import silent_environment

FREE, RESTRICTED = "qwen2.5-1.5b", "llama-3.2-1b"


@dataclass
class Desk:
    """A person's folders, and what the command printed there."""

    path: Path
    capsys: pytest.CaptureFixture[str]
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.path / "attune.toml"

    @property
    def folder(self) -> ModelFolder:
        return ModelFolder(self.path / "models")

    def run(self, *words: object, status: int = 0) -> list[str]:
        parser = argparse.ArgumentParser()
        models.register(parser.add_subparsers())
        args = parser.parse_args(["models", *map(str, words)])
        flags = {
            "models.folder": self.folder.path,
            "journal.path": self.path / "journal.db",
            "control.path": self.path / "control.sock",
        }
        loaded = load(flags, environ=self.environ, files=(self.path / "system.toml", self.file))
        assert args.run(args, loaded.settings, loaded) == status
        return self.capsys.readouterr().out.splitlines()

    def have(self, name: str, source: Path) -> Path:
        """Put a model into the folder as it is."""
        list(bring(survey(source), name, self.folder, lambda _: None))
        return self.folder.place(name)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return toys.write(tmp_path / "toy.gguf", toys.Toy())


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving() as hub:
        for name in (FREE, RESTRICTED):
            entry = read().find(name)
            (source,) = entry.sources
            assert isinstance(source, HubSource)
            for file in entry.files:
                hub.put(source.repository, source.path(file), b"GGUF" + bytes(50_000))
        yield hub


def surroundings(desk: Desk, **more: str) -> dict[str, str]:
    """What a pull needs of the environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(desk.path),
        "ATTUNE_MODELS__FOLDER": str(desk.folder.path),
        **more,
    }


def test_what_there_is_and_what_state_it_is_in(desk: Desk, toy: Path) -> None:
    desk.have("mine", toy)
    desk.have(FREE, toy)
    with desk.folder.claimed(RESTRICTED) as partial:
        partial.mkdir()
        (partial / "x.part").touch()
    desk.file.write_text(
        f'[generate]\npath = "{desk.folder.place("mine") / "toy.gguf"}"\n', encoding="utf-8"
    )
    rows = {line.split()[0]: line for line in desk.run("list") if line}
    assert rows["mine"].endswith("in use")
    assert rows[FREE].endswith("installed")
    assert rows[RESTRICTED].endswith("partly installed")
    assert "llama3.2 *" in rows[RESTRICTED]
    assert rows["whisper-base"].endswith("0.15 GB  300 MB   yes   mit")
    assert re.fullmatch(
        r"everyday +set +0\.25 GB +550 MB +yes +mit, apache-2\.0.*", rows["everyday"]
    )
    assert rows["Of"].startswith("Of the language models, ")
    assert rows["'everyday'"] == (
        "'everyday' stands for better speech recognition and better answers: whisper-base, "
        "smollm2-135m."
    )
    found = {each["name"]: each for each in map(json.loads, desk.run("list", "--json"))}
    assert {name: found[name]["state"] for name in ("mine", FREE, "whisper-base")} == {
        "mine": "in use", FREE: "installed", "whisper-base": "not here"
    }  # fmt: skip
    assert found["mine"]["catalogue"] is None
    assert found["whisper-base"]["manifest"] is None
    assert {name: each["sets"] for name, each in found.items() if each["sets"]} == {
        "whisper-base": ["everyday"],
        "smollm2-135m": ["everyday"],
    }


def test_everything_about_a_model(desk: Desk, toy: Path) -> None:
    lines = desk.run("show", "stablelm-2-1.6b")
    assert any(line.endswith("to be accepted") for line in lines)
    desk.have("mine", toy)
    text = "\n".join(desk.run("show", "mine"))
    assert re.search(rf"^from +{toy}$", text, re.MULTILINE)
    assert re.search(r"^file +toy\.gguf, \d+ bytes, SHA-256 [0-9a-f]{64}$", text, re.MULTILINE)
    with pytest.raises(CatalogError, match="has no model 'nothing'"):
        desk.run("show", "nothing")
    text = "\n".join(desk.run("show", "everyday"))
    assert re.search(r"^name +whisper-base$", text, re.MULTILINE)
    assert re.search(r"^hub +Systran/faster-whisper-base at main$", text, re.MULTILINE)
    assert re.search(r"^index +\S+==1\.0\.0, \S+==1\.0\.0$", text, re.MULTILINE)


def test_a_model_is_pulled_through_mirror_and_proxy(desk: Desk, hub: FakeHub) -> None:
    done = subprocess.run(
        command("models", "pull", FREE),
        cwd=ROOT,
        env=surroundings(desk, HF_ENDPOINT="http://mirror.test", HTTP_PROXY=hub.endpoint),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.asked[0].host == "mirror.test"
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{FREE} is under the licence apache-2.0: https://")
    assert lines[-2:] == [
        f"{FREE} is complete, in {desk.folder.place(FREE)}.",
        f"'assistant models use {FREE}' tests it and switches to it.",
    ]
    assert desk.run("verify") == [f"{FREE}: intact"]
    assert desk.run("pull", FREE) == [f"{FREE} is already installed, and intact."]


def test_a_licence_that_restricts_has_to_be_accepted(desk: Desk, hub: FakeHub) -> None:
    with pytest.raises(ConfigError, match="then add --accept-licence, or run this in a terminal"):
        desk.run("pull", RESTRICTED)
    environment = surroundings(desk, HF_ENDPOINT=hub.endpoint, TERM="dumb")
    with terminal("models", "pull", RESTRICTED, environment=environment) as person:
        person.wait_for("Do you accept it? [y/N] ")
        person.press("n\n")
        status, rest = person.end()
    assert status == 1
    assert "Nothing was downloaded." in rest
    assert hub.asked == []
    with terminal("models", "pull", RESTRICTED, environment=environment) as person:
        person.wait_for("Do you accept it? [y/N] ")
        person.press("y\n")
        status, rest = person.end()
    assert status == 0
    assert f"{RESTRICTED} is complete" in rest
    assert desk.folder.manifest(RESTRICTED).licence == "llama3.2"


def test_damage_is_told(desk: Desk, toy: Path) -> None:
    assert desk.run("verify") == [f"No model is installed in {desk.folder.path}."]
    path = desk.have(FREE, toy) / "toy.gguf"
    path.write_bytes(path.read_bytes()[:-1])
    (desk.have("mine", toy) / "toy.gguf").unlink()
    assert desk.run("verify", status=1) == [
        "mine: damaged: toy.gguf",
        "  Import it again after 'assistant models remove mine --force'.",
        f"{FREE}: damaged: toy.gguf",
        f"  'assistant models pull {FREE}' downloads it again.",
    ]
    with pytest.raises(CatalogError, match="No model 'x' is installed"):
        desk.run("verify", "x")


def test_what_is_in_use_is_removed_by_force_only(desk: Desk, toy: Path) -> None:
    place = desk.have("mine", toy)
    desk.file.write_text(f'[generate]\npath = "{place / "toy.gguf"}"\n', encoding="utf-8")
    with pytest.raises(CatalogError, match="The model mine is in use"):
        desk.run("remove", "mine")
    assert desk.run("remove", "mine", "--force") == ["mine has been removed."]
    assert not place.exists()
    desk.file.write_text('[speak]\nengine = "piper"\nvoice = "anna"\n', encoding="utf-8")
    with pytest.raises(CatalogError, match="The model anna is in use"):
        desk.run("remove", "anna")


def test_a_person_is_asked_before_a_model_is_deleted(desk: Desk, toy: Path) -> None:
    place = desk.have("mine", toy)
    with pytest.raises(ConfigError, match="Deleting mine needs --yes"):
        desk.run("remove", "mine")
    assert place.exists()
    environment = silent_environment(desk.path / "silent") | {
        "ATTUNE_MODELS__FOLDER": str(desk.folder.path)
    }
    for key, status in (("\n", 1), ("y\n", 0)):
        with terminal("models", "remove", "mine", environment=environment) as screen:
            screen.wait_for("Delete mine (")
            screen.press(key)
            assert screen.end()[0] == status
        assert place.exists() is (status == 1)
    place = desk.have("mine", toy)
    assert desk.run("remove", "mine", "--yes") == ["mine has been removed."]


def test_a_gguf_is_imported_once_it_opens(desk: Desk, toy: Path) -> None:
    lines = desk.run("import", toy, "--name", "mine")
    assert lines[-2] == f"mine (llm) is complete, in {desk.folder.place('mine')}."
    assert desk.folder.manifest("mine").source == str(toy)
    half = desk.path / "half.gguf"
    half.write_bytes(toy.read_bytes()[:-10_000])
    with pytest.raises(LLMError, match="cut off or damaged"):
        desk.run("import", half)
    assert desk.folder.names() == ["mine"]


def test_an_encoder_is_imported_once_it_opens(desk: Desk) -> None:
    folder = tiny.write(desk.path / "encoder")
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    lines = desk.run("import", folder)
    assert lines[-2] == f"encoder (encoder) is complete, in {desk.folder.place('encoder')}."
    assert sorted(desk.folder.manifest("encoder").files) == [
        "config.json", "model.safetensors", "vocab.json"
    ]  # fmt: skip
    (folder / "model.safetensors").unlink()
    with pytest.raises(CatalogError, match="are pickled"):
        desk.run("import", folder, "--name", "other")


@pytest.mark.parametrize("name", ["everyday", "starter"])
def test_a_name_that_stands_for_several_is_nobody_s(desk: Desk, toy: Path, name: str) -> None:
    with pytest.raises(CatalogError, match=f"'{name}' is the name of a set of models"):
        desk.run("import", toy, "--name", name)


def test_a_model_is_tried_and_taken_up(desk: Desk, toy: Path) -> None:
    encoder = tiny.write(desk.path / "encoder")
    fingerprint = Wav2Vec2Encoder(
        load({"encode.path": encoder}, files=()).settings.encode
    ).fingerprint
    bridges = BridgeFolder(desk.path / "bridges")
    letters = bridges.add(checkpoint(encoder=fingerprint, table="", seed=1))
    pair = bridges.add(checkpoint(encoder=fingerprint, table="another", seed=2))
    bridges.promote(pair)
    desk.have("mine", toy)
    own = f'# ours\n[encode]\npath = "{encoder}"  # from the stick\nthreads = 1\n'
    desk.file.write_text(own, encoding="utf-8")
    knowing = Knowing()
    with Server(desk.path / "control.sock") as server:
        server.serve(knowing)
        lines = desk.run("use", "mine")
    assert lines[0] == "Testing mine, which may take a minute."
    assert re.fullmatch(r"Encoder and language model take \d+ MB of \d+ MB\.", lines[1])
    assert lines[2:] == [
        f"Learned bridges that fit these models: {letters}.",
        f"'assistant bridge promote {letters}' puts one of them to use.",
        f"Learned for other models: {pair}. They are kept in case you go back.",
        f"Settings changed in {desk.file}: generate.path, bridge.path.",
        "Attune is switching to it now.",
    ]
    assert knowing.done == [("reload",)]
    assert desk.file.read_text(encoding="utf-8").startswith(own)
    settings = load(environ={}, files=(desk.file,)).settings
    assert settings.generate.path == desk.folder.place("mine") / "toy.gguf"
    assert settings.bridge.path is None
    assert GGUFFile(settings.generate.path).size == toy.stat().st_size


def test_what_cannot_be_used_changes_nothing(desk: Desk, toy: Path) -> None:
    bad = desk.path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(10))
    with pytest.raises(LLMError, match="is not a GGUF file"):
        desk.run("use", bad)
    for wanted, told in (("mine", "No model 'mine' is"), ("./mine", "Cannot read mine")):
        with pytest.raises(CatalogError, match=told):
            desk.run("use", wanted)
    (desk.have("mine", toy) / "toy.gguf").unlink()
    with pytest.raises(CatalogError, match=r"The model mine lacks toy\.gguf"):
        desk.run("use", "mine")
    desk.environ["ATTUNE_GENERATE__PATH"] = "/x.gguf"
    with pytest.raises(ConfigError, match="set by environment ATTUNE_GENERATE__PATH, which over"):
        desk.run("use", toy)
    desk.environ.clear()
    (desk.path / "system.toml").write_text('[generate]\npath = "/x.gguf"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"system\.toml\. Remove it there to go back"):
        desk.run("use", "starter")
    desk.file.write_text('[generate]\npath = "/x.gguf"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"attune\.toml, which overrides .*system\.toml"):
        desk.run("use", toy, "--system")
    assert desk.file.read_text(encoding="utf-8") == '[generate]\npath = "/x.gguf"\n'


def test_what_names_and_paths_stand_for(desk: Desk, toy: Path) -> None:
    settings = load({"models.folder": desk.folder.path}, environ={}, files=()).settings
    desk.have("mine", toy)
    voice = desk.path / "voice"
    voice.mkdir()
    for name in ("anna.onnx", "anna.onnx.json"):
        (voice / name).write_text("{}", encoding="utf-8")
    desk.have("anna", voice)
    encoder = tiny.write(desk.path / "encoder")
    assert choose("mine", settings).changes == {
        "generate.path": str(desk.folder.place("mine") / "toy.gguf")
    }
    assert choose(str(toy), settings).changes == {"generate.path": str(toy)}
    assert choose(str(encoder), settings).changes == {"encode.path": str(encoder)}
    assert choose("anna", settings).changes == {"speak.engine": "piper", "speak.voice": "anna"}
    assert choose(str(voice), settings).changes == {
        "speak.engine": "piper", "speak.voice": str(voice / "anna.onnx")
    }  # fmt: skip
    starter = choose("starter", settings)
    assert starter.changes == {
        "encode.path": None, "generate.path": None, "models.everyday": "off"
    }  # fmt: skip
    mine = settings_after(choose("mine", settings).changes, settings)
    assert mine.generate.path.is_relative_to(desk.folder.path)
    back = settings_after(starter.changes, mine)
    bundled = Settings.model_validate({})
    assert (back.generate, back.encode.path) == (bundled.generate, bundled.encode.path)
    spoken = settings_after(choose("anna", settings).changes, settings).speak
    assert (spoken.engine, spoken.voice) == ("piper", "anna")


def test_memory_is_left_for_the_system() -> None:
    require_memory(1_700, 2_000)
    with pytest.raises(CatalogError, match="need 1701 MB, but this machine has 2000 MB"):
        require_memory(1_701, 2_000)


def test_without_a_terminal_lines_tell_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = Lines("Fetching tiny", sys.stdout, clock=lambda: now)
    for second in range(25):
        now = float(second)
        lines.show(Moved(second * 1_000_000, 24_000_000))
    lines.show(Waiting(2.0, "the hub answers 503"))
    lines.show(Checking("tiny.gguf"))
    lines.show(Anew("tiny.gguf"))
    lines.show(Elsewhere("the hub is away"))
    lines.show(Moved(24_000_000, 24_000_000))
    assert capsys.readouterr().out.splitlines() == [
        "Fetching tiny: 0.0 of 24.0 MB",
        "Fetching tiny: 10.0 of 24.0 MB",
        "Fetching tiny: 20.0 of 24.0 MB",
        "Fetching tiny: 24.0 of 24.0 MB",
        "The connection broke: the hub answers 503. Trying again in 2 s.",
        "Checking tiny.gguf.",
        "tiny.gguf arrived damaged and is downloaded again.",
        "The hub is away; trying the next source.",
    ]


def test_looking_at_models_loads_none_of_the_heavy_libraries() -> None:
    heavy = ("torch", "transformers", "llama_cpp", "huggingface_hub")
    program = f"import assistant.cli.models, sys; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
