"""Count the starter's character n-gram over the recipe's sentences (Witten-Bell smoothing).

python -m models.recipe.ngram --out build/encoder/ngram.safetensors --data PATH
"""

from __future__ import annotations

import argparse
import itertools
import random
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from assistant.nets.ngram import ALPHABET, BITS, pack
from models.recipe.corpus import recordings, spoken_form
from models.recipe.dialogues import collected, exchanges, held_out


def texts(count: int, seed: int, data: Path | None) -> list[str]:
    """Requests, replies, and what people wrote and read aloud, the held-out ones left out."""
    found: list[str] = []
    stream = exchanges(random.Random(seed))
    for number, exchange in enumerate(itertools.islice(stream, count)):
        if not held_out(exchange.user):
            found.append(exchange.user)
        if number % 6 == 0:
            found.append(spoken_form(exchange.reply))
    if data is not None:
        for _, user, _, _ in collected(data, random.Random(seed)):
            if not held_out(user):
                found.append(user)
        found += [spoken_form(clip.text) for clip in recordings(data, held_out_part=False)]
    return found


def count_ngrams(sentences: list[str], order: int, least: int) -> dict[str, NDArray[np.generic]]:
    """Tables of a back-off model.

    Args:
        sentences: spoken forms.
        order: longest n-gram.
        least: n-grams of five symbols and more seen less often than this are left out.
    """
    places = {symbol: place + 1 for place, symbol in enumerate(ALPHABET)}
    text = " " + " ".join(sentences) + " "
    symbols = np.array([places[symbol] for symbol in text], np.int64)
    kept: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    lower: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None
    for length in range(1, order + 1):
        ngrams, counts = np.unique(pack(symbols, length), return_counts=True)
        if lower is None:
            probabilities = (counts + 0.5) / (counts.sum() + 0.5 * len(ALPHABET))
        else:
            contexts, kinds = np.unique(ngrams >> BITS, return_counts=True)
            totals = np.bincount(np.searchsorted(contexts, ngrams >> BITS), weights=counts)
            of = np.searchsorted(contexts, ngrams >> BITS)
            suffix = (1 << (BITS * (length - 1))) | (ngrams & ((1 << (BITS * (length - 1))) - 1))
            shorter = lower[1][np.searchsorted(lower[0], suffix)]
            probabilities = (counts + kinds[of] * shorter) / (totals[of] + kinds[of])
            previous = kept[-1]
            inside = np.isin(previous[0], contexts)
            where = np.searchsorted(contexts, previous[0][inside])
            previous[2][inside] = np.log(kinds[where] / (totals[where] + kinds[where]))
        lower = (ngrams, probabilities)
        often = counts >= (least if length >= 5 else 1)
        kept.append((ngrams[often], np.log(probabilities[often]), np.zeros(int(often.sum()))))
    ngrams = np.concatenate([part[0] for part in kept])
    in_order = np.argsort(ngrams)
    return {
        "ngrams": ngrams[in_order],
        "log_probs": np.concatenate([part[1] for part in kept])[in_order].astype(np.float16),
        "log_backoffs": np.concatenate([part[2] for part in kept])[in_order].astype(np.float16),
        "order": np.array([order]),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of public recordings and texts")
    parser.add_argument("--sentences", type=int, default=300_000)
    parser.add_argument("--order", type=int, default=9)
    parser.add_argument("--least", type=int, default=6)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    sentences = texts(arguments.sentences, arguments.seed, arguments.data)
    tables = count_ngrams(sentences, arguments.order, arguments.least)
    save_file(tables, arguments.out)
    print(f"{len(tables['ngrams'])} n-grams, {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
