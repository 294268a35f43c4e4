"""The paper's comparison on anybody's data, with one command.

    python -m bench.paper                     # simulated speakers and the starter's LLM
    python -m bench.paper --data PATH --corpora polish speechocean --small
    python -m bench.paper --corpora mine --corpus mine=FOLDER --llm big=FILE.gguf
    python -m bench.paper --smoke             # every method, for a moment

Cells that are known already are not measured again; the report is written from all that are known.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from assistant.config import starter_dir
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.personalise.data.common_talk import common_talk
from bench.paper import corpora, report
from bench.paper.cells import EPOCHS, Cell, Place
from bench.paper.grid import EXPERIMENTS, METHODS, Grid, cells

SMALL = ("--width", "128", "--layers", "4", "--steps", "3000")
"""Sizes of the smaller starter LLM: 1.2 million parameters."""


def main() -> None:
    """Command line."""
    # loading torch and what is above it takes longer than many a cell
    multiprocessing.set_forkserver_preload(["bench.paper.worker"])
    arguments = parser().parse_args()
    out: Path = arguments.out / "smoke" if arguments.smoke else arguments.out
    llms: dict[str, tuple[Path, Path | None]] = {"starter": (starter_dir() / "llm.gguf", None)}
    if arguments.small:
        llms["small"] = (small_llm(out, arguments.data), None)
    for text in arguments.llm:
        name, _, paths = text.partition("=")
        gguf, _, folder = paths.partition(",")
        llms[name] = (Path(gguf), Path(folder) if folder else None)
    encoder = arguments.encoder or starter_dir() / "encoder"
    smoke = arguments.smoke
    names: list[str] = ["polish"] if smoke else arguments.corpora
    folders = {name: Path(path) for name, path in (text.split("=", 1) for text in arguments.corpus)}
    places = {
        name: Place(
            out.resolve(),
            gguf,
            folder,
            encoder,
            arguments.whisper,
            arguments.audioldm,
            arguments.epochs,
        )
        for name, (gguf, folder) in llms.items()
    }
    wanted = list(cells(arguments.experiments, names, list(llms)))
    if smoke:
        places = {
            name: replace(place, epochs=2, size=8, unseen=3, steps=4)
            for name, place in places.items()
        }
        wanted = [Cell("table", "polish", "starter", method) for method in METHODS]
    # of the cells' processes, which begin later
    os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    grid = Grid(out, arguments.jobs)
    if grid.left(wanted, places):
        prepare(
            {
                name: partial(corpora.sounds, name, arguments.data, folders.get(name))
                for name in names
            },
            next(iter(places.values())),
            corpora.LEAST if smoke else corpora.SAMPLES + corpora.UNSEEN,
        )
    failed = grid.run(wanted, places)
    rows = grid.rows()
    report.write(rows, out, arguments.report)
    print(json.dumps({"bench": "paper", "rows": [report.brief(row) for row in rows]}))
    sys.exit(1 if failed else 0)


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    found = argparse.ArgumentParser(
        prog="python -m bench.paper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = found.add_argument
    add("--out", type=Path, default=Path("build/paper"), help="where everything is kept")
    add("--report", type=Path, help="write REPORT.md and its pictures here, too")
    add("--data", type=Path, help="folder of public recordings and texts")
    add("--corpora", nargs="+", default=["polish"], help="what it is measured on")
    add("--corpus", action="append", default=[], metavar="NAME=FOLDER", help="your own recordings")
    add("--llm", action="append", default=[], metavar="NAME=GGUF[,FOLDER]", help="another LLM")
    add("--small", action="store_true", help="also a smaller starter LLM, trained first (20 min)")
    add("--encoder", type=Path, help="another encoder than the starter's")
    add("--whisper", type=Path, help="folder of whisper-base")
    add("--audioldm", type=Path, help="folder of AudioLDM")
    add("--experiments", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    add("--epochs", type=int, default=EPOCHS, help="most epochs of a training")
    add("--jobs", type=int, default=2, help="cells at once, one thread each")
    add("--smoke", action="store_true", help="every method, for a moment")
    return found


def small_llm(out: Path, data: Path | None) -> Path:
    """The smaller starter LLM, trained by the recipe if it has not been."""
    folder = out / "small"
    if not (folder / "done").is_file():
        given = () if data is None else ("--data", str(data))
        command = [sys.executable, "-m", "models.recipe.llm", "--out", str(folder), *SMALL, *given]
        print("::", " ".join(command[2:]), flush=True)
        subprocess.run(command, check=True)
        (folder / "done").touch()
    return folder / "llm.gguf"


def prepare(
    found: Mapping[str, Callable[[int], list[corpora.Sound]]],
    place: Place,
    most: int,
) -> None:
    """Encode what has not been encoded yet.

    Args:
        found: corpora by name, each as what gives so many of its sentences.
        place: where the encoder is and where it is kept.
        most: sentences of each corpus.
    """
    settings = place.settings
    encoder = Wav2Vec2Encoder(settings.encode)
    common = settings.personalise.canaries + settings.personalise.replay
    common_talk(common, encoder, place.out, lambda done, of: _tell("common talk", done, of))
    for name, sounds in found.items():
        path = place.out / "corpora" / f"{name}.safetensors"
        if not path.is_file():
            sentences = sounds(most)
            print(f"encoding {len(sentences)} sentences of {name}", flush=True)
            corpora.prepare(name, sentences, encoder, path)


def _tell(what: str, done: int, of: int) -> None:
    if done % 50 == 0 or done == of:
        print(f"encoding {what}: {done} of {of}", flush=True)


if __name__ == "__main__":
    main()
