from __future__ import annotations

from pathlib import Path

from assistant.generate.native import Model
from bench.sizes import language
from bench.sizes.language import LLAMA


def resident_kb(path: Path) -> int:
    """How much of a file is in this process's memory through its maps."""
    found, counts = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if line[0] in "0123456789abcdef":
            counts = line.endswith(f" {path}")
        elif counts and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


def test_weights_that_were_laid_out_anew_are_not_kept_twice(tmp_path: Path) -> None:
    path = language.write(tmp_path / "llm.gguf", LLAMA.toy())
    model = Model(path)
    assert resident_kb(path) == 0
    model.close()
