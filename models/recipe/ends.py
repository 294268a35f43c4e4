"""Count where requests end, for the endpointer's question whether more is to come.

python -m models.recipe.ends --out build/encoder/ends.safetensors --data PATH
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from assistant.nets.ends import suffixes
from assistant.nets.ngram import BITS
from models.recipe.corpus import recordings, spoken_form
from models.recipe.dialogues import collected, exchanges, held_out


def requests(count: int, seed: int, data: Path | None) -> list[str]:
    """What people say to the assistant, each once, the held-out ones left out."""
    stream = itertools.islice(exchanges(random.Random(seed)), count)
    found = [exchange.user for exchange in stream if not held_out(exchange.user)]
    if data is not None:
        texts = [user for _, user, _, _ in collected(data, random.Random(seed))]
        found += [text for text in texts if not held_out(text)]
        found += [spoken_form(clip.text) for clip in recordings(data, held_out_part=False)]
    return list(dict.fromkeys(found))


def count_ends(
    texts: list[str], least: int, faith: float, apart: float
) -> dict[str, NDArray[np.generic]]:
    """Tables of ``Ends``.

    Args:
        texts: requests in their spoken form.
        least: suffixes seen less often than this are left out.
        faith: how many sightings the shorter suffix's share counts for.
        apart: suffixes whose share is closer than this to the shorter one's are left out.
    """
    seen: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    for text in texts:
        words = text.split()
        for count in range(1, len(words) + 1):
            numbers = suffixes(" ".join(words[:count]))
            seen.update(numbers)
            if count == len(words):
                ended.update(numbers)
    shares: dict[int, float] = {}
    for number in sorted(seen):  # shorter ones first
        if seen[number] < least:
            continue
        below = _told(shares, number)
        share = (ended[number] + faith * below) / (seen[number] + faith)
        if number == 1 or abs(share - below) >= apart:
            shares[number] = share
    known = sorted(shares)
    return {
        "suffixes": np.array(known, np.int64),
        "shares": np.array([shares[number] for number in known], np.float16),
    }


def _told(shares: dict[int, float], number: int) -> float:
    """What the longest shorter suffix tells."""
    while number > 1:
        shift = number.bit_length() - 1 - BITS
        number = (1 << shift) | (number & ((1 << shift) - 1))
        if number in shares:
            return shares[number]
    return 0.5


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of public recordings and texts")
    parser.add_argument("--requests", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=12)
    arguments = parser.parse_args()
    texts = requests(arguments.requests, arguments.seed, arguments.data)
    tables = count_ends(texts, least=3, faith=3.0, apart=0.03)
    save_file(tables, arguments.out)
    arguments.out.chmod(0o644)  # safetensors writes files that only their owner can read
    print(f"{len(tables['suffixes'])} suffixes, {arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
