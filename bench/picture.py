"""Render what a command prints in a terminal as an SVG, for the README.

.venv/bin/python bench/picture.py docs/conversation.svg .venv/bin/assistant run
"""

from __future__ import annotations

import argparse
import subprocess
from html import escape
from pathlib import Path

WIDTH, LINE_HEIGHT, CHARACTER, MARGIN = 100, 19, 8.4, 18
COLOURS = (("  you", "#8be9fd"), ("  Attune", "#50fa7b"), ("$", "#f8f8f2"), ("", "#8a8fa3"))


def wrapped(line: str) -> list[str]:
    """A line cut at the terminal's width."""
    return [line[i : i + WIDTH] for i in range(0, max(1, len(line)), WIDTH)]


def colour(line: str) -> str:
    """The colour of a line, by how it begins."""
    return next(shade for start, shade in COLOURS if line.startswith(start))


def drawn(lines: list[str]) -> str:
    """An SVG of a terminal that shows these lines."""
    width = WIDTH * CHARACTER + 2 * MARGIN
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    rows = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + (number + 0.75) * LINE_HEIGHT:.0f}" '
        f'fill="{colour(line)}" xml:space="preserve">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">\n'
        f'<rect width="100%" height="100%" rx="10" fill="#21222c"/>\n{rows}\n</svg>\n'
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("svg", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    done = subprocess.run(arguments.command, check=True, capture_output=True, text=True)
    home = str(Path.home())
    here = str(Path.cwd())
    text = done.stdout.replace(here + "/", "").replace(home, "~")
    name = " ".join([Path(arguments.command[0]).name, *arguments.command[1:]])
    lines = [f"$ {name}", *(part for line in text.splitlines() for part in wrapped(line))]
    arguments.svg.parent.mkdir(parents=True, exist_ok=True)
    arguments.svg.write_text(drawn(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
