"""The conversation on the README's first screen: human recordings, and what Attune makes of them.

Runs 'assistant run' on recordings of speechocean762, people whose first language is Mandarin, with
the models that are installed here, in a folder of its own. ``--write`` puts what it printed into
the README; without it the README is held against it, less moments and times.

    python -m bench.readme --data PATH --write
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from assistant import child
from assistant.config import load

NUMBERS = ("014070297", "010640166", "005600015", "022510255", "024020158", "026210005")
"""Recordings that are something to say to an assistant."""

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- python -m bench.readme --data PATH --write -->\n", "<!-- end -->\n"


def conversation(data: Path) -> str:
    """What the command prints."""
    audio = data / "speech" / "speechocean762-train" / "audio"
    models = load().settings.models.folder
    with TemporaryDirectory() as folder:
        place = Path(folder)
        spoken = place / "recordings"
        spoken.mkdir()
        for at, number in enumerate(NUMBERS, 1):
            shutil.copyfile(audio / f"{number}.opus", spoken / f"{at}.opus")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")},
            "XDG_DATA_HOME": str(place / "data"),
            "XDG_CONFIG_HOME": str(place / "config"),
            "ATTUNE_MODELS__FOLDER": str(models),
            "ATTUNE_SPEAK__WAV_DIR": str(place / "replies"),
        }
        done = subprocess.run(
            [*child.command("assistant"), "run", "--input", str(spoken)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    return "".join(
        f"{line}\n"
        for line in done.stdout.splitlines()
        if line.startswith(("  ", "Models ready")) or not line
    )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--write", action="store_true", help="put it into the README")
    arguments = parser.parse_args()
    printed = conversation(arguments.data)
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    block = f'```\n$ make run ARGS="--input recordings"\n{printed.rstrip()}\n```\n'
    print(printed)
    if arguments.write:
        README.write_text(f"{before}{BEGIN}{block}{END}{after}", encoding="utf-8")
        return 0
    stands, _, _ = rest.partition(END)
    return int(_lasting(stands) != _lasting(block))


def _lasting(text: str) -> list[str]:
    """What does not change from day to day: who says what."""
    lines = re.findall(r"^  you .*$", text, re.MULTILINE)
    return [" ".join(line.split()) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
