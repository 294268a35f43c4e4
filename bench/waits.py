"""How long a person waits: from the last word to the first sound of the answer.

People's recordings are played in at the pace of speech, to the daemon's own listening and
answering with its ordinary settings; the answers are spoken into files. The wait is the silence
until the end of the sentence is sure and what is left to do then. It is worth nothing on a machine
that is busy with other work.

    python -m bench.waits --data PATH --encoder WHISPER_FOLDER --llm GGUF
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant.composition import sink
from assistant.config import load
from assistant.speak.synthesiser import open_voice
from assistant.speak.voice import Aloud
from bench.side_by_side import attune
from models.recipe.corpus import read, recordings


def waits(data: Path, encoder: Path | None, llm: Path | None, count: int) -> list[float]:
    """The wait in ms of each answered turn, of so many recordings of each collection."""
    clips = list(recordings(data, held_out_part=True))
    chosen = [
        clip
        for of in (
            [each for each in clips if (each.speaker == "kathleen") is reads]
            for reads in (True, False)
        )
        for clip in of[:: max(1, len(of) // count)][:count]
    ]
    with TemporaryDirectory() as folder:
        flags: dict[str, Any] = {
            "journal.path": Path(folder) / "journal.db",
            "speak.wav_dir": Path(folder) / "replies",
            "encode.path": encoder,
            "generate.path": llm,
            "personalise.enabled": False,
        }
        settings = load(flags, environ={}, files=()).settings
        voice = Aloud(open_voice(settings.speak, settings.models.folder), sink(settings.speak))
        turns = attune(settings, [read(clip) for clip in chosen], voice)[1:]
    return [
        (timings.endpoint or 0.0) + timings.first_audio
        for timings in (turn.timings for _, turn in turns)
        if timings is not None and timings.first_audio is not None
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--encoder", type=Path, help="a Whisper folder of CTranslate2")
    parser.add_argument("--llm", type=Path, help="a GGUF")
    parser.add_argument("--turns", type=int, default=12, help="of each collection")
    arguments = parser.parse_args()
    found = waits(arguments.data, arguments.encoder, arguments.llm, arguments.turns)
    if len(found) < 2:
        raise SystemExit("Nothing was answered.")
    tenths = statistics.quantiles(found, n=10, method="inclusive")
    median, most = round(tenths[4]), round(tenths[8])
    print(f"from the last word to the first sound: {median} ms in the middle, 90 % below {most} ms")
    told = {"turns": len(found), "median_ms": median, "p90_ms": most}
    print(json.dumps({"bench": "waits", **told}))


if __name__ == "__main__":
    main()
