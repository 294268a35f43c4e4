"""What ``assistant bridge inspect`` prints: verdicts, readings of one exchange, singular values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.cli.shared.output import plain, print_error, print_json, print_line, print_table
from assistant.cli.shared.verdict import print_figures
from assistant.config import Settings
from assistant.encode.encoder import Encoder, open_encoder
from assistant.errors import BridgeError, EncoderError
from assistant.generate.vocabulary import vocabulary
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import Entry
from assistant.personalise.bridges.spectrum import FIRST, Spectrum, spectrum
from assistant.values import EndReason, SoftPrompt, SpeechFeatures, Utterance

Form = Literal["sentences", "figures", "json"]


@dataclass(frozen=True, slots=True, eq=False)
class _Inspected:
    """A bridge and what was found in its file."""

    entry: Entry
    checkpoint: Checkpoint
    spectrum: Spectrum


@dataclass(frozen=True, slots=True, eq=False)
class _Exchange:
    """The exchange that each bridge reads."""

    turn: Turn
    features: SpeechFeatures
    samples: NDArray[np.float32]  # the sound, empty if it was not kept


def inspect(
    bridges: Sequence[Entry], settings: Settings, *, turn_id: int | None, form: Form
) -> int:
    """Print the contents of bridge files; one that cannot be used is reported and skipped.

    Args:
        bridges: those without a file are skipped.
        settings: name encoder, language model and journal for the readings.
        turn_id: an exchange for each of them to read.
        form: what to print of each: a sentence, also figures, or one JSON object.

    Returns:
        0, or 1 if a bridge could not be used.

    Raises:
        AttuneError: if the exchange has no recording, or encoder or language model fail.
    """
    failures: list[str] = []
    found = list(_opened(bridges, BridgeFolder(settings.bridges), failures))
    exchange, readings = None, dict[str, SoftPrompt]()
    if turn_id is not None:
        encoder = open_encoder(settings.encode)
        exchange = _exchange(settings, encoder, turn_id)
        readings = dict(_read(found, settings, encoder, exchange, failures))
    if form == "json":
        for each in found:
            print_json(_as_json(each, exchange, readings.get(each.entry.version)))
    else:
        _print_verdicts(found)
        if form == "figures":
            _print_figures(found)
        if exchange is not None:
            _print_readings(exchange, readings)
    for failure in failures:
        print_error(failure)
    return 1 if failures else 0


def _opened(
    bridges: Sequence[Entry], folder: BridgeFolder, failures: list[str]
) -> Iterator[_Inspected]:
    for entry in bridges:
        if entry.path is None:
            continue
        try:
            found = checkpoint.read(entry.path) if entry.is_base else folder.read(entry.version)
            yield _Inspected(entry, found, spectrum(found))
        except BridgeError as error:
            failures.append(str(error))


def _exchange(settings: Settings, encoder: Encoder, turn_id: int) -> _Exchange:
    """An exchange and its features, encoded again if they were not kept."""
    with Journal.open(settings.journal) as journal:
        turn = journal.turn(turn_id)
        features = journal.features(turn_id, encoder.fingerprint)
        samples = np.empty(0, np.float32)
        if turn.has_audio or features is None:
            samples = journal.audio(turn_id)
        if features is None:
            ended = turn.end_reason or EndReason.STOP
            features = encoder.encode(Utterance(samples, turn.started_at, ended))
    return _Exchange(turn, features, samples)


def _read(
    found: Sequence[_Inspected],
    settings: Settings,
    encoder: Encoder,
    exchange: _Exchange,
    failures: list[str],
) -> Iterator[tuple[str, SoftPrompt]]:
    """What each bridge, by version, makes of the exchange."""
    from assistant.bridge.batch import EncodedPair  # noqa: PLC0415 - with torch
    from assistant.bridge.connect import Bridge  # noqa: PLC0415
    from assistant.personalise.judging.hearing import Hearing  # noqa: PLC0415

    hearing = Hearing(settings.encode)
    pair = EncodedPair(exchange.features, "", samples=exchange.samples)

    with vocabulary(settings.generate.path) as language:
        for each in found:
            version = each.entry.version
            try:
                each.checkpoint.require(encoder.fingerprint, language.embedding_fingerprint)
                bridge = Bridge(each.checkpoint, language, encoder.spelling, settings.bridge)
                yield version, bridge.soft_prompt(hearing(bridge, pair))
            except (BridgeError, EncoderError) as error:
                failures.append(f"Bridge {version} cannot read exchanges here. {error}")


def _print_verdicts(found: Sequence[_Inspected]) -> None:
    for entry in (each.entry for each in found):
        why = "" if entry.why is None else f": {plain(entry.why)}"
        print_line(f"{entry.version} ({entry.head}), {entry.standing.value}{why}.")


def _print_figures(found: Sequence[_Inspected]) -> None:
    for entry in (each.entry for each in found):
        if entry.verdict:
            print_line(f"\n{entry.version}")
            print_figures(entry.verdict)
    print_line()
    print_table(
        ("VERSION", "HEAD", "MATRIX", "SIZE", "RANK", "CONDITION", f"FIRST {FIRST}"),
        [
            (
                each.entry.version,
                each.entry.head,
                each.spectrum.matrix,
                " x ".join(map(str, each.spectrum.shape)),
                str(each.spectrum.rank),
                f"{each.spectrum.condition:.3g}",
                f"{each.spectrum.energy:.1%}",
            )
            for each in found
        ],
    )
    print_line(f"\nFIRST {FIRST}: share of that many singular values in the sum of squares.")


def _print_readings(exchange: _Exchange, readings: dict[str, SoftPrompt]) -> None:
    turn = exchange.turn
    print_line(f"\nexchange    {turn.id}")
    print_line(f"transcript  {plain(exchange.features.transcript.text)}")
    if turn.correction is not None:
        print_line(f"correction  {plain(turn.correction)}")
    print_line()
    rows = [(version, f"{read.confidence:.2f}", read.heard) for version, read in readings.items()]
    print_table(("VERSION", "SURE", "HEARD"), rows)


def _as_json(
    each: _Inspected, exchange: _Exchange | None, reading: SoftPrompt | None
) -> dict[str, object]:
    found = each.spectrum
    values: dict[str, object] = {
        "version": each.entry.version,
        "head": each.entry.head,
        "matrix": found.matrix,
        "shape": found.shape,
        "rank": found.rank,
        "condition": found.condition if math.isfinite(found.condition) else None,
        f"energy_first_{FIRST}": found.energy,
        "singular_values": found.values.tolist(),
    }
    if exchange is not None:
        values |= {
            "turn": exchange.turn.id,
            "transcript": exchange.features.transcript.text,
            "correction": exchange.turn.correction,
            "heard": reading and reading.heard,
            "confidence": reading and reading.confidence,
        }
    return values
