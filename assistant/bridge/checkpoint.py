"""Bridge checkpoints: safetensors with the fingerprints of the models they were made for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors import SafetensorError, safe_open

from assistant import durable
from assistant.config import starter_dir
from assistant.errors import CheckpointError, MismatchError
from assistant.nets.projector_config import ProjectorConfig

if TYPE_CHECKING:  # listing bridges must not need torch
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

FORMAT = "attune-bridge-1"
_TOKENS = "token_ids"  # the only tensor that is not one of the projector's weights


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained projector with everything that decides where it can be used."""

    config: ProjectorConfig
    encoder: str  # fingerprint of the encoder whose features it reads
    table: str  # fingerprint of the embedding table it writes into; empty: any LLM (letters)
    token_ids: NDArray[np.int64]  # tokens it can emit, shape (n_candidates,)
    pad: int | None  # token that pads the paper's slots after the text; None for ctc
    weights: Mapping[str, Tensor]
    accepted: bool = False  # whether it proved good enough on held-out speech
    provenance: Mapping[str, object] = field(default_factory=dict[str, object])  # how it came about

    @property
    def version(self) -> str:
        """Short hash of sizes and weights."""
        halves = {name: weight.half().contiguous() for name, weight in self.weights.items()}
        return _version(self.config, {name: half.numpy() for name, half in halves.items()})

    def require(self, encoder: str, table: str) -> None:
        """Raise ``MismatchError`` unless the bridge was made for these fingerprints."""
        for what, ours, theirs, key in (
            ("speech encoder", self.encoder, encoder, "encode.path"),
            ("language model", self.table, table, "generate.path"),
        ):
            if ours not in ("", theirs):
                raise MismatchError(
                    f"What was learned was made for another {what} ({ours}, but {key} is "
                    f"{theirs}). Set bridge.path to a file made for this pair, or use "
                    "'--route transcript'."
                )

    def write(self, path: Path, dtype: torch.dtype | None = None) -> None:
        """Write to ``path`` atomically and durably.

        Args:
            path: the file; its folder is created.
            dtype: of the weights; by default float32.

        Raises:
            CheckpointError: if the file cannot be written.
        """
        import torch  # noqa: PLC0415
        from safetensors.torch import save  # noqa: PLC0415

        dtype = dtype or torch.float32
        tensors = {name: t.to(dtype).contiguous() for name, t in self.weights.items()}
        tensors[_TOKENS] = torch.as_tensor(self.token_ids)
        header = {
            "format": FORMAT,
            "config": self.config.model_dump_json(),
            "encoder": self.encoder,
            "table": self.table,
            "pad": json.dumps(self.pad),
            "accepted": json.dumps(self.accepted),
            "provenance": json.dumps(dict(self.provenance)),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.write(path, save(tensors, metadata=header), mode=0o666)
        except OSError as error:
            raise CheckpointError(
                f"Cannot write what was learned to {path}: {error.strerror}. Make room there, or "
                "choose another folder."
            ) from None


def _version(config: ProjectorConfig, halves: Mapping[str, NDArray[np.float16]]) -> str:
    digest = hashlib.sha256(config.model_dump_json().encode())
    for name in sorted(halves):
        digest.update(name.encode())
        digest.update(halves[name].tobytes())
    return digest.hexdigest()[:10]


_NOT_SUCH_A_FILE = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What reading JSON and arrays raises for bytes that mean something else, or are nested deeply."""


def base(path: Path | None, encoder: str, table: str) -> Path | None:
    """The initial bridge, given ``bridge.path`` and the fingerprints of encoder and LLM.

    The bundled bridge fits only the bundled models; with others, for which nobody chose it, it
    counts as absent.

    Raises:
        CheckpointError: if the bundled bridge is missing or damaged.
    """
    if path is None or path != starter_dir() / "bridge.safetensors":
        return path
    return path if pair(path) == (encoder, table) else None


def pair(path: Path) -> tuple[str, str]:
    """Fingerprints of the encoder and embedding table that a bridge needs; "" for any.

    Only the header is read, without torch. Raises ``CheckpointError`` like ``read``.
    """
    with _opened(path, "np") as (_, header):
        return header["encoder"], header["table"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list of bridges shows of a file."""

    kind: str  # of the network
    version: str
    accepted: bool


def summary(path: Path) -> Summary:
    """Read what identifies a bridge, without torch; raises ``CheckpointError`` like ``read``."""
    import numpy as np  # noqa: PLC0415 - takes longer than most commands that list nothing

    with _opened(path, "np") as (file, header):
        config = ProjectorConfig.model_validate_json(header["config"])
        names = [name for name in file.keys() if name != _TOKENS]  # noqa: SIM118
        with np.errstate(over="ignore"):  # as torch's
            halves = {name: file.get_tensor(name).astype(np.float16) for name in names}
        return Summary(config.kind, _version(config, halves), _is_accepted(header))


def read(path: Path) -> Checkpoint:
    """Read a bridge; raises ``CheckpointError`` if the file is missing, damaged or no bridge."""
    with _opened(path, "pt") as (file, header):
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tokens = tensors.pop(_TOKENS)
        provenance = cast("dict[str, object]", json.loads(header["provenance"]))
        return Checkpoint(
            config=ProjectorConfig.model_validate_json(header["config"]),
            encoder=header["encoder"],
            table=header["table"],
            token_ids=tokens.long().numpy(),
            pad=json.loads(header["pad"]),
            weights=tensors,
            accepted=_is_accepted(header),
            provenance=provenance,
        )


def _is_accepted(header: Mapping[str, str]) -> bool:
    return json.loads(header["accepted"]) is True


@contextmanager
def _opened(path: Path, framework: str) -> Generator[tuple[Any, dict[str, str]], None, None]:
    """A bridge's file and its header."""
    if not path.is_file():
        raise CheckpointError(
            f"Nothing learned is at {path}. Set bridge.path, or use '--route transcript'."
        )
    try:
        with cast("Any", safe_open)(path, framework=framework) as file:
            header: dict[str, str] = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} is nothing that this version of Attune has learned "
                    f"(format {header.get('format')!r}, expected {FORMAT!r})."
                )
            yield file, header
    except (SafetensorError, OSError, *_NOT_SUCH_A_FILE) as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(
            f"The learned file {path} is damaged ({first_line}). Restore it from a backup, or use "
            "'--route transcript'."
        ) from None
