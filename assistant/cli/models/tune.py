"""``assistant models tune``: finds how this machine runs the speech encoder best."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_json, print_line, print_table
from assistant.config import Loaded, Settings, starter_dir
from assistant.encode.tune import Measured, Tuning, Untried
from assistant.listen.recordings import load


def add(subparsers: Subparsers) -> None:
    """Add ``tune`` to the commands of ``models``."""
    parser = subparsers.add_parser(
        "tune", help="measure how this machine runs the speech encoder best"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_tune)


def run_tune(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Measure every way on the bundled recordings, and keep the best for ``auto``."""
    recordings = [load(path) for path in sorted((starter_dir() / "examples").glob("*.flac"))]
    tuning = Tuning(settings.encode, recordings)
    found = list(tuning.run())
    best = tuning.keep().execution
    requested = settings.encode.execution
    if args.json:
        print_json(
            {
                "encoder": str(settings.encode.path),
                "ways": [asdict(each) for each in found],
                "best": best,
                "used": best if requested == "auto" else requested,
            }
        )
    else:
        tell(found, best, requested)
    return 0


def tell(found: Sequence[Measured | Untried], best: str, requested: str) -> None:
    """Print what was measured, what is best, and whether encode.execution lets it be used."""
    print_table(
        ("EXECUTION", "5 S OF SPEECH", "MEMORY", "FRAMES ALIKE", "WORDS ALIKE"),
        [_row(each) for each in found if isinstance(each, Measured)],
    )
    for each in found:
        if isinstance(each, Untried):
            print_line(f"\n{each.execution}: not measured. {each.why}")
    if requested == "auto":
        print_line(
            f"\n{best} is best here and is used from the next start on, or now with 'assistant "
            "reload'."
        )
    else:
        print_line(
            f"\n{best} is best here, but encode.execution is set to '{requested}'. Set it "
            "to 'auto' to use what was found."
        )


def _row(each: Measured) -> tuple[str, ...]:
    words = "-" if each.words is None else f"{each.words:.0%}"
    return (
        each.execution,
        f"{each.milliseconds:.0f} ms",
        f"{each.peak_mb:.0f} MB",
        f"{each.cosine:.4f}",
        words,
    )
