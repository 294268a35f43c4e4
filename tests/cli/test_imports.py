"""A command loads what it uses: a person who mutes or looks should not wait for the models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.house import ROOT, TIMEOUT_S

PROGRAM = """\
import sys
from assistant.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
sys.stderr.write("\\n" + " ".join(sys.modules))
"""

HEAVY = {
    "ctranslate2", "gguf", "hassil", "huggingface_hub", "llama_cpp", "num2words", "onnxruntime",
    "psutil", "pylangacq", "sounddevice", "soundfile", "soxr", "tokenizers", "torch",
    "transformers",
}  # fmt: skip
"""What opens models, sound or languages; each takes longer to load than a command should."""

LOADED = {
    "--help": 150,
    "status": 520,
    "status --json": 520,
    "log list": 520,
    "config show": 330,
    "bridge list": 520,
    "mute": 340,
    "talk": 340,
    "say --help": 330,
    "transcribe --help": 330,
    "retrain --help": 330,
}
"""The most modules that each may load, of the standard library, too; about a fifth more than it
does with Python 3.11."""


def started(words: str, home: Path, **environment: str) -> list[str]:
    """The modules that a command has loaded at its end."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words.split()],
        cwd=ROOT,
        env=plain | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    return done.stderr.rpartition("\n")[2].split()


def test_no_plugin_of_another_package_checks_what_travels(tmp_path: Path) -> None:
    """Looking for one in every package takes as long as the settings do."""
    about = tmp_path / "curious-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[pydantic]\ncurious = curious:plugin\n")
    (tmp_path / "curious.py").write_text("plugin = None\n")
    loaded = started("status", tmp_path, PYTHONPATH=str(tmp_path))
    assert "pydantic" in loaded
    assert "curious" not in loaded


@pytest.mark.parametrize("words", LOADED)
def test_a_command_loads_no_more_than_it_uses(words: str, tmp_path: Path) -> None:
    loaded = started(words, tmp_path)
    assert HEAVY & set(loaded) == set()
    assert 50 < len(loaded) <= LOADED[words]
