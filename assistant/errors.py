"""Every failure a person can meet.

The tree, each leaf carrying one sentence that says what is wrong and what to do next::

    AttuneError
    ├── ConfigError          a setting, a file of settings or a flag
    ├── DependencyError      a program or library that has to be installed
    ├── AudioError
    │   ├── DeviceError      microphone or loudspeaker
    │   └── AudioFileError   a recording that cannot be read or written
    ├── EncoderError         the speech encoder
    ├── BridgeError
    │   ├── CheckpointError  unreadable or malformed bridge file
    │   └── MismatchError    a bridge made for another encoder or embedding table
    ├── LLMError
    │   ├── GGUFError        a model file that is not what it says
    │   ├── EmbeddingPathError  the model cannot be fed embeddings faithfully
    │   └── GenerationError  decoding failed under way
    ├── SpeechError          the speech synthesiser
    ├── CatalogError         a model cannot be fetched, checked or put in place
    ├── JournalError         the database
    │   └── StorageError     it cannot be read or written at this moment
    ├── HouseholdError       what somebody wants kept, or done to it, is not understood
    ├── HomeError            Home Assistant, a broker or a program is not told something
    ├── BackupError          a backup cannot be made or put back
    ├── CorpusError          recordings and texts that cannot be imported
    ├── TrainingError        learning cannot begin, or broke off
    └── ControlError         the running daemon cannot be reached, or refuses

Only the command line and the daemon catch ``AttuneError``; everything below them raises. Where
something from outside is taken up (settings, models, archives), ``translated`` turns every other
exception into one of these.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Generator
from contextlib import contextmanager


class AttuneError(Exception):
    """Base of every failure that is shown to a person in one sentence."""


class ConfigError(AttuneError):
    """A setting is unknown, malformed or out of range."""


class DependencyError(AttuneError):
    """A program or library that Attune needs is not installed."""


class AudioError(AttuneError):
    """Something between Attune and sound."""


class DeviceError(AudioError):
    """A microphone or loudspeaker is missing, busy or refused."""


class AudioFileError(AudioError):
    """A recording cannot be read or written."""


class EncoderError(AttuneError):
    """The speech encoder's folder is missing, incomplete or of another kind."""


class BridgeError(AttuneError):
    """The bridge between encoder and LLM."""


class CheckpointError(BridgeError):
    """A bridge file is unreadable or malformed."""


class MismatchError(BridgeError):
    """A bridge belongs to another encoder or another embedding table."""


class LLMError(AttuneError):
    """The language model."""


class GGUFError(LLMError):
    """A model file is missing, truncated or malformed."""


class EmbeddingPathError(LLMError):
    """The model does not give the same answer for a token and for its embedding row."""


class GenerationError(LLMError):
    """llama.cpp refused or failed to decode."""


class SpeechError(AttuneError):
    """The speech synthesiser failed."""


class CatalogError(AttuneError):
    """A model cannot be fetched, checked, put in place or taken away."""


class JournalError(AttuneError):
    """The database cannot be opened, read or written."""


class StorageError(JournalError):
    """The database is locked, damaged or not to be written, or its disk is full."""


class HouseholdError(AttuneError):
    """What is to be kept for a household, or changed of it, is not understood or not there."""


class HomeError(AttuneError):
    """What happens in the household cannot be told to whom it should be."""


class BackupError(AttuneError):
    """A backup cannot be made, is damaged, or cannot be put back."""


class CorpusError(AttuneError):
    """Recordings and their texts cannot be read or do not fit together."""


class TrainingError(AttuneError):
    """Learning cannot begin, or broke off."""


class ControlError(AttuneError):
    """The running daemon cannot be reached, or refuses what it was asked."""


@contextmanager
def translated(kind: type[AttuneError], doing: str, remedy: str) -> Generator[None]:
    """Whatever goes wrong inside becomes one sentence; an ``AttuneError`` passes unchanged.

    Args:
        kind: what is raised.
        doing: what could not be done, such as "read settings from /etc/x".
        remedy: what the caller can do next, as a sentence.
    """
    try:
        yield
    except AttuneError:
        raise
    except Exception as error:
        raise kind(f"Cannot {doing}: {reason(error)}. {remedy}") from error


def reason(error: Exception) -> str:
    """Why something went wrong, in a phrase on one line."""
    from pydantic import ValidationError  # noqa: PLC0415 - takes longer than all the rest here

    if isinstance(error, ValidationError):  # the rest of its text is the input, and an address
        return error.errors(include_input=False, include_url=False)[0]["msg"]
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    first_line = str(error).partition("\n")[0].rstrip(".")
    return first_line or type(error).__name__


def refused(error: BaseException) -> str | None:
    """The file or socket that the system did not let this user use, if that is behind an error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PermissionError) and cause.filename is not None:
            return os.fsdecode(cause.filename)
        cause = cause.__cause__ or cause.__context__
    return None


def traced(error: BaseException) -> str:
    """The traceback of an unexpected error without its message, which may contain what was said."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    lines: list[str] = []
    for each in reversed(chain):
        lines += ["Traceback (most recent call last):\n", *traceback.format_tb(each.__traceback__)]
        lines.append(f"{named(each)}\n")
    return "".join(lines)


def named(error: BaseException) -> str:
    """An unexpected error's kind; its message may contain what was said."""
    what = error.strerror if isinstance(error, OSError) else None
    return type(error).__name__ + (f": {what}" if what else "")
