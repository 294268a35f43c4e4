"""A house of toy models, and the real command in it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from assistant import child
from assistant.config import starter_dir
from tests.encode import tiny
from tests.generate import toys
from tests.plain_words import looked_at
from tests.sound import silent_environment

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300

ANSWER = "Yes."

N_CTX = 4_096
"""The toys read noise as hundreds of letters, each a token."""


@dataclass(frozen=True)
class House:
    """Settings that name toy models, in an environment without sound devices."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, folder: Path) -> House:
        encoder = tiny.write(folder / "encoder")
        llm = toys.write(
            folder / "yes.gguf", toys.chained(*ANSWER.encode(), toys.IM_END, n_ctx=N_CTX)
        )
        settings = {
            "ATTUNE_ENCODE__PATH": str(encoder),
            "ATTUNE_ENCODE__THREADS": "1",
            "ATTUNE_GENERATE__PATH": str(llm),
            "ATTUNE_GENERATE__THREADS": "1",
            "ATTUNE_GENERATE__N_CTX": str(N_CTX),
            "ATTUNE_ROUTE": "transcript",
            "ATTUNE_SPEAK__WAV_DIR": str(folder / "replies"),
        }
        return cls(folder, settings)

    @property
    def with_own_ears(self) -> House:
        """The same with the ears that Attune ships, for what does not ask for the toy's letters.

        They start in half the processor time, as they do without torch.
        """
        ears = {"ATTUNE_ENCODE__PATH": str(starter_dir() / "whisper")}
        return replace(self, settings=self.settings | ears)

    @property
    def environment(self) -> dict[str, str]:
        return silent_environment(self.folder / "silent") | self.settings

    def run(
        self,
        *words: object,
        environment: dict[str, str] | None = None,
        before: tuple[str, ...] = (),
        cwd: Path = ROOT,
    ) -> subprocess.CompletedProcess[str]:
        """The command as a person starts it, in a changed environment or behind other words."""
        done = subprocess.run(
            [*before, *command(*words)],
            cwd=cwd,
            env=self.environment | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        looked_at(words, done.stdout + done.stderr)
        return done


def command(*words: object, site: Path | None = None) -> list[str]:
    """What starts the command of this checkout, or of a copy of it in another folder."""
    program = child.command("assistant")
    if site is not None:
        start = f"import sys; sys.path.insert(0, {str(site)!r}); from assistant.cli import main"
        program = (sys.executable, "-I", "-c", f"{start}; sys.exit(main())")
    return [*program, *map(str, words)]
