"""What is left of a bridge that is carried over to another language model, without audio.

After arXiv 2406.13357, which let a projector go over to a model's fine-tuned sibling: the bundled
``ctc`` bridge, and a trained one of the paper's kind where one is given, are carried over to two
siblings of the starter's model (its layers changed a little with the table as it was, and the table
changed, too) and to a model of another family where one is given. For each: token errors of the
reading and the dual-path score, by the bridge alone, before and after. ``as it is``: the bridge
on the other model without any map, where the widths allow that. ``read as said``: slots read only
as tokens of common talk, as those that are carried over are.

    python -m bench.transfer --out build/transfer
    python -m bench.transfer --pooled build/bridge-bridgeformer.safetensors --llm OTHER.gguf
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from gguf.quants import dequantize, quantize

from assistant.bridge import checkpoint
from assistant.bridge.batch import EncodedPair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.config import Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.gguf import EMBEDDINGS, GGUFFile
from assistant.generate.llama import LlamaSession
from assistant.generate.vocabulary import vocabulary
from assistant.personalise.data.common_talk import sentences
from assistant.personalise.data.synthetic import Sentence
from assistant.personalise.judging.gate import Gate
from assistant.personalise.judging.score import Replies, Score, score
from assistant.personalise.training.transfer import COMMON, carried
from models.recipe.corpus import held_out_requests

UNSEEN = 60
"""Sentences that no training has seen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the table."""

    llm: str
    bridge: str  # kind, or "transcript"
    how: str
    token_error: float
    rouge1: float
    rougeL: float  # noqa: N815 - the measure's name
    success: float
    told: str = ""  # what the carrying over said of itself


@dataclass(frozen=True, slots=True)
class Target:
    """A language model to carry bridges over to."""

    name: str
    path: Path


def sibling(source: Path, path: Path, layers: float, table: float) -> Path:
    """A copy of a GGUF with noise in its weights, in units of each one's own spread.

    Args:
        source: the model.
        path: the copy.
        layers: noise in the matrices of its layers.
        table: noise in its embedding table.
    """
    rng = np.random.default_rng(0)
    content = bytearray(source.read_bytes())
    file = GGUFFile(source)
    for tensor in file.tensors.values():
        amount = table if tensor.name == EMBEDDINGS else layers
        if len(tensor.shape) != 2 or not amount:
            continue
        width, height = tensor.shape
        raw = np.frombuffer(content, np.uint8, tensor.size, tensor.offset).reshape(height, -1)
        weights = dequantize(raw, tensor.type)
        weights += amount * weights.std() * rng.standard_normal((height, width), np.float32)
        content[tensor.offset : tensor.offset + tensor.size] = quantize(
            weights, tensor.type
        ).tobytes()
    path.write_bytes(content)
    return path


class Bench:
    """Sentences with their features, and bridges made for one language model."""

    def __init__(self, settings: Settings, bridges: Sequence[Path], count: int) -> None:
        self.settings = settings
        self.encoder = Wav2Vec2Encoder(settings.encode)
        self.pairs = [
            EncodedPair(self.encoder.encode(Sentence(text, 0, held_out=True).say()), text)
            for text in held_out_requests(777, count)
        ]
        self.found = [checkpoint.read(path) for path in bridges]

    def rows(self, target: Target) -> Iterator[Row]:
        """All bridges on one language model, made for it or carried over."""
        generate = self.settings.generate.model_copy(update={"path": target.path})
        with LlamaSession(generate) as session:
            gate = Gate(session.vocabulary, Replies(session), self.settings.bridge)
            yield _row(target, "transcript", "", score(gate.results(None, self.pairs)))
            for found in self.found:
                for how, told, bridge in self.joined(found, session):
                    of = score(gate.results(bridge, self.pairs))
                    yield _row(target, found.config.kind, how, of, told)

    def joined(self, found: Checkpoint, session: LlamaSession) -> Iterator[tuple[str, str, Bridge]]:
        """A bridge with a language model as it is, and carried over."""
        language = session.vocabulary
        table = language.embedding_fingerprint
        said = {token for text in sentences(COMMON) for token in language.tokens(text)}
        if found.table == table:
            yield "same table", "", self.bridge(found, session)
            if found.pad is not None:  # as one that is carried over is read
                read = replace(found, token_ids=np.array(sorted(said | {found.pad})))
                yield "read as said", "", self.bridge(read, session)
            return
        if found.config.llm_dim == language.width:
            yield "as it is", "", self.bridge(replace(found, table=table), session)
        with vocabulary(self.settings.generate.path) as old:
            over = carried(found, old, language, said)
        yield "carried over", over.how, self.bridge(over.checkpoint, session)

    def bridge(self, found: Checkpoint, session: LlamaSession) -> Bridge:
        """A bridge as the daemon would use it."""
        return Bridge(found, session.vocabulary, self.encoder.spelling)


def _row(target: Target, bridge: str, how: str, of: Score, told: str = "") -> Row:
    return Row(
        target.name, bridge, how, round(of.token_error, 3), round(of.rouge1, 3),
        round(of.rougeL, 3), round(of.equal, 3), told,
    )  # fmt: skip


def show(row: Row) -> None:
    """One line of the table."""
    print(
        f"{row.llm:<34}{row.bridge:<14}{row.how:<14}{row.token_error:>12.3f}{row.rouge1:>9.3f}"
        f"{row.rougeL:>9.3f}{row.success:>9.3f}  {row.told}",
        flush=True,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/transfer"))
    parser.add_argument("--pooled", type=Path, help="a trained bridge of the paper's kind")
    parser.add_argument("--llm", type=Path, nargs="*", default=[], help="models of other families")
    parser.add_argument("--layers", type=float, default=0.05, help="noise in a sibling's layers")
    parser.add_argument("--table", type=float, default=0.1, help="noise in a sibling's table")
    parser.add_argument("--count", type=int, default=UNSEEN, help="sentences")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    flags: dict[str, object] = {
        "generate.threads": arguments.threads,
        "encode.threads": arguments.threads,
    }
    settings = load(flags, environ={}, files=()).settings
    arguments.out.mkdir(parents=True, exist_ok=True)
    own = settings.generate.path
    targets = [
        Target("made for", own),
        Target(
            "sibling, same table",
            sibling(own, arguments.out / "sibling.gguf", arguments.layers, 0.0),
        ),
        Target(
            f"sibling, table {arguments.table:g} off",
            sibling(own, arguments.out / "moved.gguf", arguments.layers, arguments.table),
        ),
        *(Target(path.stem, path) for path in arguments.llm),
    ]
    bridges = [path for path in (settings.bridge.path, arguments.pooled) if path is not None]
    bench = Bench(settings, bridges, arguments.count)
    print(
        f"{'language model':<34}{'bridge':<14}{'how':<14}{'token error':>12}{'ROUGE-1':>9}"
        f"{'ROUGE-L':>9}{'equal':>9}"
    )
    rows: list[Row] = []
    for target in targets:
        for row in bench.rows(target):
            rows.append(row)
            show(row)
    print(json.dumps({"bench": "transfer", "rows": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
