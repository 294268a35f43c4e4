"""Figures in the documents, held against what the benches printed.

What a bench prints last is kept in ``bench/figures.jsonl``, with its command and the day. After a
figure a document says where it comes from, in a comment: ``7 %<!--demo taught_50/words-->`` is the
value ``words`` within ``taught_50`` of the last run of ``bench.demo``, rounded as it stands there.
Milliseconds may stand as seconds. The conversation on the README's first screen is kept there, too:
human recordings of speechocean762, people whose first language is Mandarin, and what 'assistant
run' makes of them with the models that are installed here, in a household of its own.

    python -m bench.demo | python -m bench.readme --keep "python -m bench.demo"
    python -m bench.readme --data PATH       # the conversation

Both bring all documents up to date.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant import child
from assistant.config import load
from bench.households import household

NUMBERS = ("014070297", "010640166", "005600015", "022510255", "024020158", "026210005")
"""Recordings that are something to say to an assistant."""

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_name("figures.jsonl")

PAGES = (
    ROOT / "README.md",
    ROOT / "bench" / "README.md",
    ROOT / "models" / "starter" / "README.md",
)

BEGIN, END = "<!-- python -m bench.readme --data PATH -->\n", "<!-- end -->\n"

FIGURE = re.compile(
    r"(?P<shown>\d+(?:\.(?P<decimals>\d+))?)(?P<unit>[ *]*(?:%|ms|s|MB)?)"
    r"<!--(?P<bench>\w+) (?P<place>[^>]+)-->"
)
"""A number, its unit, and where it comes from."""

Figures = Mapping[str, Mapping[str, Any]]
"""What each bench printed last."""


def kept(path: Path = KEPT) -> dict[str, dict[str, Any]]:
    """All that is kept: command, day and figures, by the bench."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {each["figures"]["bench"]: each for each in map(json.loads, lines)}


def keep(command: str, figures: dict[str, Any]) -> None:
    """Put what a bench printed in the place of what it printed before."""
    day = f"{datetime.now().astimezone():%Y-%m-%d}"
    now = kept() | {figures["bench"]: {"command": command, "day": day, "figures": figures}}
    lines = (json.dumps(now[bench], ensure_ascii=False) + "\n" for bench in sorted(now))
    KEPT.write_text("".join(lines), encoding="utf-8")


def brought_up_to_date(text: str, figures: Figures) -> str:
    """A document with today's figures.

    Raises:
        KeyError: for a figure that no bench has printed.
    """

    def figure(found: re.Match[str]) -> str:
        *_, last = place = found["place"].split("/")
        value = float(reduce(_within, place, figures[found["bench"]]))
        if found["unit"].strip(" *") == "s" and not last.endswith("_s"):
            value /= 1_000
        shown = f"{value:.{len(found['decimals'] or '')}f}"
        return f"{shown}{found['unit']}<!--{found['bench']} {found['place']}-->"

    text = FIGURE.sub(figure, text)
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        return text
    printed = figures["readme"]["printed"]
    block = f'```\n$ make run ARGS="--input recordings"\n{printed}\n```\n'
    return f"{before}{begin}{block}{end}{after}"


def _within(value: Any, name: str) -> Any:
    return value[int(name)] if isinstance(value, list) else value[name]


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
        done = subprocess.run(
            [*child.command("assistant"), "run", "--input", str(spoken)],
            env=household(place) | {"ATTUNE_MODELS__FOLDER": str(models)},
            capture_output=True,
            text=True,
            check=True,
        )
    lines = (
        line
        for line in done.stdout.splitlines()
        if line.startswith(("  ", "Models ready")) or not line
    )
    return "\n".join(lines).rstrip()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of public recordings")
    source.add_argument("--keep", metavar="COMMAND", help="the bench that is read from this pipe")
    arguments = parser.parse_args()
    if arguments.data is not None:
        printed = conversation(arguments.data)
        print(printed)
        keep("python -m bench.readme --data PATH", {"bench": "readme", "printed": printed})
    else:
        line = ""
        for line in sys.stdin:
            sys.stdout.write(line)
            sys.stdout.flush()
        keep(arguments.keep, json.loads(line))
    figures = {bench: each["figures"] for bench, each in kept().items()}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(brought_up_to_date(text, figures), encoding="utf-8")


if __name__ == "__main__":
    main()
