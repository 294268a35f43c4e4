"""Make the starter models anew: one command, seeded, about two hours on two cores.

    python -m models.recipe --out build/recipe [--data PATH] [--install]

``--data`` names a folder of public recordings and texts laid out as ``models/recipe/README.md``
says; without it the models are made from synthetic speech and the recipe's own dialogues alone,
and hear human voices less well. Stages that have left their result in ``--out`` are not run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from models.recipe.pack import pack

STARTER = Path(__file__).parent.parent / "starter"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the recipe and the file that shows that it has been taken."""

    module: str
    result: Path
    arguments: tuple[str, ...]


def stages(out: Path, data: Path | None) -> list[Stage]:
    """Everything that has to be run, in order."""
    spoken = out / "spoken"
    encoder, llm = out / "encoder", out / "llm"
    given = ("--data", str(data)) if data is not None else ()
    human = ("--human-share", "0.35") if data is not None else ()
    trained = ("--encoder", str(encoder / "encoder"), "--llm", str(llm / "llm.gguf"))
    return [
        Stage(
            "encoder",
            spoken / "done",
            ("--out", str(spoken), *given, "--steps", "1800", "--decay", "0.0001"),
        ),
        Stage(
            "encoder",
            encoder / "done",
            (
                f"--out={encoder}",
                f"--start={spoken / 'state.safetensors'}",
                *given,
                *human,
                *"--steps 1800 --decay 0.85 --phoneme-weight 0.2 --seed 3".split(),
            ),
        ),
        Stage(
            "ngram",
            encoder / "encoder" / "ngram.safetensors",
            ("--out", str(encoder / "encoder" / "ngram.safetensors"), *given),
        ),
        Stage(
            "ends",
            encoder / "ends.safetensors",
            ("--out", str(encoder / "ends.safetensors"), *given),
        ),
        Stage("llm", llm / "done", ("--out", str(llm), *given)),
        *(
            Stage(
                "bridge",
                out / "bridge" / f"{head}.done",
                ("--out", str(out / "bridge"), "--head", head, *given, *trained),
            )
            for head in ("ctc", "bridgeformer")
        ),
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/recipe"))
    parser.add_argument("--data", type=Path, help="folder of public recordings and texts")
    parser.add_argument("--install", action="store_true", help="replace the bundled models")
    parser.add_argument(
        "--accept", action="store_true", help="let the auto route use the bridge (see its figures)"
    )
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    for stage in stages(out, arguments.data):
        if stage.result.exists():
            continue
        command = [sys.executable, "-m", f"models.recipe.{stage.module}", *stage.arguments]
        print("::", " ".join(command[2:]), flush=True)
        subprocess.run(command, check=True)
        stage.result.touch()
    starter = STARTER if arguments.install else out / "starter"
    pack(out, starter, accepted=arguments.accept)
    if arguments.install:
        print(f"Installed in {starter}")
    data = ("--data", str(arguments.data)) if arguments.data is not None else ()
    subprocess.run(
        [
            sys.executable, "-m", "models.recipe.evaluate", *data,
            "--encoder", str(starter / "encoder"),
            "--llm", str(starter / "llm.gguf"),
            "--bridge", str(starter / "bridge.safetensors"),
            str(out / "bridge" / "bridge-bridgeformer.safetensors"),
        ],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
