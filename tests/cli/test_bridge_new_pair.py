"""``assistant bridge bootstrap`` and ``assistant bridge transfer``."""

from __future__ import annotations

import argparse
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.bridge.checkpoint import read
from assistant.bridge.kinds.letters import untrained
from assistant.cli.bridge import commands as bridge
from assistant.cli.shared.training import STOPPED
from assistant.config import Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import BridgeError, CheckpointError
from assistant.generate.gguf import GGUFFile
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.features import source_of
from tests.bridge.tables import checkpoint, config
from tests.cli.house import ROOT, TIMEOUT_S, House, command
from tests.generate import toys

Run = Callable[..., list[str]]


@pytest.fixture
def environment(house: House, tmp_path: Path) -> dict[str, str]:
    return house.environment | {
        "ATTUNE_JOURNAL__PATH": str(tmp_path / "data" / "journal.db"),
        "ATTUNE_BRIDGE__PATH": "",
        "ATTUNE_ROUTE": "auto",
        "ATTUNE_PERSONALISE__HELD_OUT": "0.003",
        "ATTUNE_PERSONALISE__MEMORY_MB": "8000",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load(environ=environment, files=()).settings


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a bridge command in this process and give the lines it prints."""

    def run(*words: object) -> list[str]:
        parser = argparse.ArgumentParser()
        bridge.register(parser.add_subparsers())
        args = parser.parse_args(["bridge", *map(str, words)])
        assert args.run(args, settings, None) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out.splitlines()

    return run


def bootstrapping(environment: dict[str, str], *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("bridge", "bootstrap", "--threads", 1, *words),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_bootstrap_goes_on_where_it_was_stopped_and_writes_its_file(
    environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "new.safetensors"
    words = ("--utterances", 2, "--output", file, "--steps", 40)
    with bootstrapping(environment, *words) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("Training: "))
        nice = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[16])
        process.send_signal(signal.SIGINT)
        *_, last = process.stdout
    assert nice == 19
    assert last == "Stopped. Run the same command again to resume.\n"
    assert process.returncode == STOPPED
    assert not file.exists()
    with bootstrapping(environment, *words) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (0, "")
    first, *between, told, hint = out.splitlines()
    assert first.startswith("Sentences to learn from: 2; kept as a test: ")
    assert not any(line.startswith("Listening: ") for line in between)
    steps = [line for line in between if line.startswith("Training: ")]
    assert int(steps[0].split()[1]) > 1
    version = read(file).version
    assert told.startswith(f"Bridge {version} is now in {file}. The gate ")
    assert hint == "Set bridge.path to that file on the device that is to use it."


def test_a_transfer_is_told_with_the_verdict_and_what_to_do_next(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    old = toys.write(tmp_path / "old.gguf", toys.Toy(n_embd=32))
    encoder = Wav2Vec2Encoder(settings.encode)
    sizes = config(kind="linear", encoder_dim=encoder.dim, llm_dim=32)
    table = GGUFFile(old).embedding_fingerprint
    found = checkpoint(sizes, encoder=encoder.fingerprint, table=table)
    folder = BridgeFolder(settings.bridges)
    version = folder.add(found)
    carried, verdict, *table_of_figures, hint, more = run(
        "transfer", version[:6], "--from", old, "--verbose"
    )
    (new,) = set(folder.versions()) - {version}
    assert carried.startswith(f"Transferred as bridge {new}. Map: ")
    assert verdict == (
        "Not good enough yet, so nothing changes. There are no recordings kept as a test yet to "
        "judge it by."
    )
    assert table_of_figures == []  # nothing was measured
    assert hint.startswith(f"'assistant bridge promote {new} --force' uses it anyway; ")
    assert more == "adds recordings to judge it on."
    assert run("promote", new, "--force") == [f"Bridge {new} is in use from the next turn on."]


def test_letters_need_no_transfer(run: Run, settings: Settings, tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder(settings.encode)
    letters = untrained(source_of(encoder))
    folder = BridgeFolder(settings.bridges)
    folder.promote(version := folder.add(letters))
    old = toys.write(tmp_path / "old.gguf", toys.Toy(n_embd=32))
    assert run("transfer", "--from", old) == [
        f"Bridge {version} does not depend on the language model, so it works with any."
    ]


def test_a_transfer_of_nothing_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="There is no file"):
        run("transfer", "--from", tmp_path / "old.gguf")
    with pytest.raises(CheckpointError, match="There is no bridge 'abc'"):
        run("transfer", "abc", "--from", tmp_path / "old.gguf")
