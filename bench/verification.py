"""How often the user is taken for somebody else, and somebody else for the user.

Held-out speakers of the public recordings read ``--read`` sentences aloud, as for 'assistant
enroll'; then they say more, and others do. The user also has a cold, or is impaired in all
recordings, or in none that were read aloud (both simulated, see ``bench.impair``).

    python -m bench.verification --data PATH
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.config import starter_dir
from assistant.speaker.encoder import SpeakerEncoder, model_in, normal
from assistant.verification import UNANSWERED, UNLEARNED
from bench.impair import HOARSE, changed, impair
from models.recipe.corpus import read, recordings

Voice = NDArray[np.float32]
Changed = Callable[[Voice, int], Voice]

SAID = 6
"""Recordings of each speaker that are judged."""

IMPAIRED = 5
"""Grown-up speakers whose recordings are made atypical, beside Kathleen."""

CHANGES: dict[str, Changed] = {
    "hoarse": lambda samples, seed: changed(samples, HOARSE, seed),
    "moderately impaired": lambda samples, seed: impair(samples, "moderate", seed),
}


def ages(data: Path) -> dict[str, int]:
    """Of speechocean762's speakers."""
    path = data / "speech" / "speechocean762-train" / "utterances.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        return {
            f"so{row['speaker']}": int(row["age"]) for row in csv.DictReader(file, delimiter="\t")
        }


def voices(encoder: SpeakerEncoder, sounds: Sequence[Voice]) -> list[Voice]:
    """Of all sounds that are long enough."""
    found = map(encoder.embed, sounds)
    return [voice for voice in found if voice is not None]


def likeness(read_aloud: Sequence[Voice], said: Sequence[Voice]) -> list[float]:
    """How like the user's voice each one is, -1 to 1."""
    user = normal(np.stack(read_aloud).mean(axis=0))
    return [float(voice @ user) for voice in said]


def equal_error(users: Sequence[float], others: Sequence[float]) -> float:
    """The rate at which both errors are equal, per cent."""
    ours, theirs = np.array(users), np.array(others)
    rates = [
        (float(np.mean(ours < at)), float(np.mean(theirs >= at)))
        for at in np.sort(np.concatenate([ours, theirs]))
    ]
    one, other = min(rates, key=lambda pair: abs(pair[0] - pair[1]))
    return 50 * (one + other)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--read", type=int, default=6, help="sentences that are read aloud")
    arguments = parser.parse_args()
    encoder = SpeakerEncoder(model_in(starter_dir() / "speaker"))
    sounds: dict[str, list[Voice]] = defaultdict(list)
    for clip in recordings(arguments.data, held_out_part=True):
        if len(sounds[clip.speaker]) < arguments.read + SAID:
            sounds[clip.speaker].append(read(clip))
    known = ages(arguments.data)
    grown = [name for name in sounds if known.get(name, 60) >= 16]
    kinds = {"grown up": grown, "children": [name for name in sounds if name not in grown]}
    heads = f"{'speakers':>9}{'said':>6}{'not learned from':>26}{'not answered':>26}{'EER':>7}"
    print(f"{'':<36}{heads}")
    print(f"{'':<51}" + f"{'user':>13}{'others':>13}" * 2)
    rows: list[dict[str, object]] = []

    def row(name: str, speakers: int, users: list[float], others: list[float]) -> None:
        shares = {
            what: [
                round(100 * float(np.mean(np.array(some) < least)), 1) for some in (users, others)
            ]
            for what, least in (("not_learned_from", UNLEARNED), ("not_answered", UNANSWERED))
        }
        both = round(equal_error(users, others), 1)
        print(
            f"{name:<36}{speakers:>9}{len(users):>6}"
            + "".join(f"{each:>11.1f} %" for pair in shares.values() for each in pair)
            + f"{both:>5.1f} %",
            flush=True,
        )
        about: dict[str, object] = {"voices": name, "speakers": speakers, "said": len(users)}
        rows.append({**about, "eer": both, **shares})

    first = {name: voices(encoder, some[: arguments.read]) for name, some in sounds.items()}
    later = {name: voices(encoder, some[arguments.read :]) for name, some in sounds.items()}
    for kind, names in kinds.items():
        users: list[float] = []
        others: list[float] = []
        for name in names:
            users += likeness(first[name], later[name])
            for other in names:
                others += likeness(first[name], later[other]) if other != name else []
        row(kind, len(names), users, others)
    some = [*[name for name in grown if name != "kathleen"][:IMPAIRED], "kathleen"]
    for what, change in CHANGES.items():
        now = {
            name: voices(encoder, [change(each, at) for at, each in enumerate(sounds[name])])
            for name in some
        }
        for how in ("only later", "always"):
            users, others = [], []
            for name in some:
                always = how == "always"
                enrolled = now[name][: arguments.read] if always else first[name]
                users += likeness(enrolled, now[name][arguments.read :])
                for other in grown:
                    others += likeness(enrolled, later[other]) if other != name else []
            row(f"{what}, {how}", len(some), users, others)
    print(json.dumps({"bench": "verification", "read": arguments.read, "rows": rows}))


if __name__ == "__main__":
    main()
