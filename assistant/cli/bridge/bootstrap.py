"""``assistant bridge bootstrap``: a first bridge for a new pair of models."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.output import print_error, print_line
from assistant.cli.shared.ownership import require_own
from assistant.cli.shared.training import STOPPED, followed, tell
from assistant.cli.shared.verdict import add_verbose
from assistant.config import Loaded, Settings
from assistant.kinds import REGISTRY
from assistant.personalise.training.events import Judged

LOWEST = 19
"""Niceness: anything else that needs the processor goes first."""


def add(commands: Subparsers) -> None:
    """Add ``bootstrap`` to the commands of ``bridge``."""
    parser = commands.add_parser(
        "bootstrap",
        help="make a first bridge for this pair of models, from synthesised speech",
        description="Trains a bridge for the speech encoder and the language model in the settings "
        "on sentences spoken by espeak-ng, on your own texts and on any corpus given. It runs at "
        "the lowest priority; after Ctrl-C it resumes the next time.",
    )
    parser.add_argument(
        "--head",
        choices=[name for name, entry in REGISTRY.items() if not entry.hears],
        default="ctc",
        help="kind of bridge (default: ctc)",
    )
    parser.add_argument(
        "--corpus",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="recordings with their texts, as for 'log import'; may be given several times",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the bridge there, without learning from your journal",
    )
    parser.add_argument(
        "--utterances",
        type=positive,
        default=1_500,
        metavar="N",
        help="sentences to synthesise (default: 1500)",
    )
    parser.add_argument(
        "--steps",
        type=positive,
        default=0,
        metavar="N",
        help="training steps (default: depends on the head)",
    )
    parser.add_argument(
        "--device", default="cpu", help="where torch trains, such as cuda (default: cpu)"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="CPU threads (default: all cores)"
    )
    add_verbose(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Train in this process until the verdict, or until a signal stops it."""
    require_own(settings, "make a bridge here")
    # the trainer takes a while to load
    from assistant.personalise.training.bootstrap import BootstrapRequest, bootstrap  # noqa: PLC0415
    from assistant.personalise.training.trainer import Interrupted  # noqa: PLC0415

    os.nice(LOWEST)
    plan = BootstrapRequest(
        head=args.head,
        corpora=tuple(args.corpus),
        utterances=args.utterances,
        steps=args.steps,
        output=args.output,
        device=args.device,
        threads=args.threads or len(os.sched_getaffinity(0)),
    )
    try:
        outcome = followed(
            lambda report, stop: bootstrap(settings, plan, report, print_error, stop)
        )
    except Interrupted:
        print_line("Stopped. Run the same command again to resume.")
        return STOPPED
    if isinstance(outcome, Judged) and plan.output is not None:
        gate = f"The gate {'accepted' if outcome.accepted else 'did not accept'} it: {outcome.why}."
        print_line(f"Bridge {outcome.version} is now in {plan.output}. {gate}")
        print_line("Set bridge.path to that file on the device that is to use it.")
    else:
        tell(outcome, verbose=args.verbose)
    return 0
