"""Bridge checkpoints: safetensors with the fingerprints of what they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from assistant import durable
from assistant.config import starter_dir
from assistant.errors import CheckpointError, MismatchError
from assistant.nets.projector_config import ProjectorConfig

if TYPE_CHECKING:  # who only asks what bridges there are needs no torch
    import torch
    from torch import Tensor

FORMAT = "attune-bridge-1"
_TOKENS = "token_ids"  # the name of the one tensor that is not the projector's


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained projector with everything that decides where it may be used."""

    config: ProjectorConfig
    encoder: str  # fingerprint of the encoder whose features it reads
    table: str  # fingerprint of the embedding table it writes into; empty: any (letters)
    token_ids: NDArray[np.int64]  # tokens it can read as or emit, shape (n_candidates,)
    pad: int | None  # token that fills the paper's slots after the text; None for ctc
    weights: Mapping[str, Tensor]
    accepted: bool = False  # whether held-out speech showed it to be good enough to be used
    provenance: Mapping[str, object] = field(default_factory=dict[str, object])  # how it came about

    @property
    def version(self) -> str:
        """Short name derived from the weights: equal weights, equal version."""
        digest = hashlib.sha256(self.config.model_dump_json().encode())
        for name in sorted(self.weights):
            digest.update(name.encode())
            digest.update(self.weights[name].half().contiguous().numpy().tobytes())
        return digest.hexdigest()[:10]

    def require(self, encoder: str, table: str) -> None:
        """Refuse to be used with another encoder or another LLM.

        Raises:
            MismatchError: naming which of the two does not fit and what to do.
        """
        for what, ours, theirs, key in (
            ("speech encoder", self.encoder, encoder, "encode.path"),
            ("language model", self.table, table, "generate.path"),
        ):
            if ours not in ("", theirs):
                raise MismatchError(
                    f"This bridge was made for another {what} ({ours}, but {key} is {theirs}). "
                    "Set bridge.path to a bridge made for this pair, or use '--route transcript'."
                )

    def write(self, path: Path, dtype: torch.dtype | None = None) -> None:
        """Write to ``path`` atomically and durably.

        Args:
            path: the file; its folder is made.
            dtype: of the weights; none: float32.

        Raises:
            CheckpointError: if the folder cannot be written.
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
                f"Cannot write the bridge to {path}: {error.strerror}. Make room there, or choose "
                "another folder."
            ) from None


def pair_of(path: Path) -> tuple[str, str]:
    """Fingerprints of the encoder and the embedding table that a bridge was made for.

    Raises:
        CheckpointError: as ``read``.
    """
    with _opened(path, "np") as (_, header):
        return header["encoder"], header["table"]


def base(path: Path | None, encoder: str, table: str) -> Path | None:
    """The bridge to begin with, of the one that the settings name.

    The bundled one is there for the bundled letters and LLM; beside others, for which nobody
    chose it, it is as if there were none.

    Args:
        path: as ``bridge.path`` has it.
        encoder: fingerprint of the encoder.
        table: fingerprint of the LLM's embedding table.

    Raises:
        CheckpointError: if the bundled one is missing or damaged.
    """
    if path is None or path != starter_dir() / "bridge.safetensors":
        return path
    return path if pair_of(path) == (encoder, table) else None


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: if the file is missing, damaged or not a bridge.
    """
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
            accepted=json.loads(header["accepted"]) is True,
            provenance=provenance,
        )


@contextmanager
def _opened(path: Path, framework: str) -> Generator[tuple[Any, dict[str, str]], None, None]:
    """A bridge's file and its header."""
    if not path.is_file():
        raise CheckpointError(
            f"There is no bridge at {path}. Set bridge.path, or use '--route transcript'."
        )
    try:
        with cast("Any", safe_open)(path, framework=framework) as file:
            header: dict[str, str] = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path} is not a bridge of this version of Attune "
                    f"(format {header.get('format')!r}, wanted {FORMAT!r})."
                )
            yield file, header
    except (SafetensorError, OSError, KeyError, ValueError, ValidationError) as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(
            f"The bridge {path} is damaged ({first_line}). Restore it from a backup, or use "
            "'--route transcript'."
        ) from None
