from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from assistant.config import GenerateSettings, Settings
from assistant.generate.gguf import GGUFFile
from assistant.model_trial import Kind, examine
from tests.generate import toys


def settings(**blocks: object) -> Settings:
    return Settings.model_validate(blocks)


def generate(path: Path) -> GenerateSettings:
    return toys.settings(path)


def test_an_llm_alone_takes_no_more_memory_than_it_needs(tmp_path: Path) -> None:
    llm = toys.write(tmp_path / "toy.gguf", toys.Toy())
    trial = examine(settings(generate=generate(llm)), ["generate"])
    assert list(trial.opened) == ["generate"]
    assert trial.opened["generate"].trouble is None
    assert trial.opened["generate"].fingerprint == GGUFFile(llm).embedding_fingerprint
    assert 30 < trial.peak_mb < 250  # torch alone takes that


def test_what_does_not_open_says_why(tmp_path: Path) -> None:
    (tmp_path / "half.gguf").write_bytes(b"GGUF" + bytes(100))
    wanted = settings(generate=generate(tmp_path / "half.gguf"), encode={"path": tmp_path / "none"})
    trial = examine(wanted, ["generate"])
    assert trial.opened["generate"].fingerprint is None
    assert "half.gguf" in (trial.opened["generate"].trouble or "")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (
            signal.SIGSEGV,
            r"that tested it was killed by signal 11 \(Segmentation fault\)\. Choose another one\.",
        ),
        (signal.SIGKILL, "was killed, probably because memory ran out"),
    ],
)
def test_what_takes_its_process_down_is_told(
    number: signal.Signals, told: str, tmp_path: Path
) -> None:
    kinds: list[Kind] = ["encode"]  # it loads torch first, which leaves time to end it
    wanted = settings(encode={"path": tmp_path})
    killer = threading.Thread(target=end_child, args=(number,))
    killer.start()
    trial = examine(wanted, kinds)
    killer.join()
    assert re.search(told, trial.opened["encode"].trouble or "")


def end_child(number: signal.Signals) -> None:
    while True:
        for child in psutil.Process().children():
            if "assistant.model_trial" in child.cmdline():
                os.kill(child.pid, number)
                return
        time.sleep(0.01)
