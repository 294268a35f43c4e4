"""What happens to the bridges when the encoder or the LLM changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.bridge import checkpoint
from assistant.config import Settings, starter_dir
from assistant.errors import BridgeError
from assistant.personalise.bridges.folder import BridgeFolder


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a bridge fits a pair of models."""

    name: str
    encoder: bool
    llm: bool

    @property
    def whole(self) -> bool:
        """Whether the bridge can be used."""
        return self.encoder and self.llm


def fit(path: Path, encoder: str, table: str) -> Fit:
    """Whether a bridge fits a pair, given the fingerprints of encoder and embedding table.

    Raises:
        CheckpointError: if the bridge cannot be read.
    """
    its_encoder, its_table = checkpoint.pair(path)
    return Fit(path.stem, its_encoder in ("", encoder), its_table in ("", table))


def learned(settings: Settings, encoder: str, table: str) -> tuple[list[Fit], str | None]:
    """Whether each learned bridge fits a pair, and the name of the promoted one."""
    folder = BridgeFolder(settings.bridges)
    fits: list[Fit] = []
    current = None
    with suppress(BridgeError):  # 'assistant bridge list' reports what is wrong with them
        current = folder.current
        fits = [fit(folder.path(name), encoder, table) for name in folder.versions()]
    return fits, current


def base_after(settings: Settings, encoder: str, table: str) -> Path | None:
    """The base bridge for a pair: the one in the settings, else the starter's, else none."""
    for path in (settings.bridge.path, starter_dir() / "bridge.safetensors"):
        if path is not None and path.is_file():
            with suppress(BridgeError):
                if fit(path, encoder, table).whole:
                    return path
    return None


def advice(
    fits: Sequence[Fit], current: str | None, old_llm: Path, *, base: bool, transcribes: bool
) -> Iterator[str]:
    """What happens to the bridges, and what to do, in lines for a person.

    Args:
        fits: the learned bridges.
        current: the promoted one.
        old_llm: the previous language model.
        base: whether there is a base bridge for the pair.
        transcribes: whether the encoder writes letters, so that it works without a bridge.
    """
    going = [each.name for each in fits if each.whole]
    staying = [each for each in fits if not each.whole]
    if current is not None and current in going:
        yield f"Bridge {current}, which has learned your voice, fits these models and stays in use."
    elif going:
        yield f"Learned bridges that fit these models: {', '.join(going)}."
        yield f"'assistant bridge promote {going[-1]}' puts one of them to use."
    if staying:
        names = ", ".join(each.name for each in staying)
        yield f"Learned for other models: {names}. They are kept in case you go back."
    if going:
        return
    portable = [each.name for each in staying if each.encoder]
    if portable:
        which = "" if current in portable else f"{portable[-1]} "
        yield f"'assistant bridge transfer {which}--from {old_llm}' transfers what was learned."
    if base:
        yield "The base bridge fits these models."
        return
    meanwhile = (
        "so questions are answered from their transcripts"
        if transcribes
        else "and this encoder writes no transcripts, so nothing is understood"
    )
    yield (
        f"There is no bridge for these models yet, {meanwhile}. 'assistant bridge bootstrap' makes "
        "one from synthesised speech."
    )
