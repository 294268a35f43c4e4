"""Opens the rooms that a command needs, in the order that fails soonest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from assistant.audio import portaudio
from assistant.bridge import checkpoint
from assistant.config import ListenSettings, Settings, SpeakSettings
from assistant.dialogue import DialoguePolicy
from assistant.encode.encoder import Encoder, open_encoder
from assistant.errors import BridgeError, DependencyError, MismatchError
from assistant.generate.llama import LlamaSession
from assistant.journal.buffered import BufferedJournal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.speak.aloud import Sink
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.turn import Assistant, Voice

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge


def _warn(text: str) -> None:
    sys.stderr.write(f"assistant: {text}\n")


@contextmanager
def assistant(
    settings: Settings, voice: Voice, note: Callable[[str], None] = _warn
) -> Generator[Assistant, None, None]:
    """Everything a turn needs, closed afterwards.

    Args:
        settings: all of them.
        voice: says the replies.
        note: told when the learned bridge cannot be used, and when what is said cannot be kept.

    Raises:
        AttuneError: if a room cannot be opened.
    """
    with ExitStack() as owned:
        journal = owned.enter_context(BufferedJournal.open(settings.journal, note))
        llm = owned.enter_context(LlamaSession(settings.generate))
        encoder = open_encoder(settings.encode)
        found = bridge(settings, encoder, llm, note)
        if found is None and not encoder.transcribes:
            note(
                f"The speech encoder in {settings.encode.path} writes no words and no bridge reads "
                "what it hears, so nothing can be answered. Set encode.path to another one, or "
                "teach it your voice with 'assistant enroll'."
            )
        yield Assistant(
            encoder=encoder,
            bridge=found,
            llm=llm,
            journal=journal,
            voice=voice,
            bridge_settings=settings.bridge,
            generate_settings=settings.generate,
            route=settings.route,
            dialogue=DialoguePolicy(settings.turn),
        )


def bridge(
    settings: Settings,
    encoder: Encoder,
    llm: LlamaSession,
    note: Callable[[str], None] = _warn,
) -> Bridge | None:
    """The bridge that answers, if the route can use one: the learned one, else the settings' own.

    Raises:
        BridgeError: if neither can be used.
    """
    if settings.route == "transcript":
        return None
    try:
        version = BridgeFolder(settings.bridges).current
        if version is not None:
            return bridge_of(version, settings, encoder, llm)
    except BridgeError as error:
        note(f"{error} Until then the base bridge answers.")
    return bridge_of(None, settings, encoder, llm)


def bridge_of(
    version: str | None, settings: Settings, encoder: Encoder, llm: LlamaSession
) -> Bridge | None:
    """The learned bridge of this version, or for ``None`` the one that the settings name.

    Raises:
        BridgeError: if it is missing, damaged, or made for another encoder or LLM.
    """
    if settings.route == "transcript":
        return None
    if version is not None:
        found = BridgeFolder(settings.bridges).read(version)
        try:
            found.require(encoder.fingerprint, llm.gguf.embedding_fingerprint)
        except MismatchError:
            raise MismatchError(
                f"The learned bridge {version} was made for another speech encoder or language "
                "model. Learn anew for this pair with 'assistant retrain --from base', or set "
                "encode.path and generate.path to the pair it was made for."
            ) from None
    elif (
        path := checkpoint.base(
            settings.bridge.path, encoder.fingerprint, llm.gguf.embedding_fingerprint
        )
    ) is not None:
        found = checkpoint.read(path)
        found.require(encoder.fingerprint, llm.gguf.embedding_fingerprint)
    elif settings.route == "bridge":
        raise BridgeError(
            "The bridge route needs a bridge for this speech encoder and language model: teach one "
            "with 'assistant enroll', or set bridge.path."
        )
    else:
        return None
    from assistant.bridge.connect import Bridge  # noqa: PLC0415

    return Bridge(
        found,
        llm.vocabulary,
        encoder.spelling,
        weight=settings.bridge.tuned.ngram_weight,
        bonus=settings.bridge.tuned.ngram_bonus,
    )


def sink(settings: SpeakSettings, fallback: SpeakSettings) -> Sink:
    """The loudspeaker, or WAV files where the settings wish for them or there is none.

    Args:
        settings: as the user has them.
        fallback: with the folder for replies when there is no loudspeaker.
    """
    if settings.wav_dir is not None:
        return WavSink(settings.wav_dir)
    if settings.device is None and fallback.wav_dir is not None and not heard_by_anyone():
        return WavSink(fallback.wav_dir)
    return Loudspeaker(settings)


def heard_by_anyone() -> bool:
    """Whether there is any loudspeaker."""
    try:
        return portaudio.has_output()
    except DependencyError:
        return False


def can_listen() -> bool:
    """Whether there is any microphone."""
    try:
        return portaudio.has_input()
    except DependencyError:
        return False


def require_microphone(settings: ListenSettings) -> None:
    """Refuse a microphone that is not there, for a person who waits to see.

    Raises:
        AttuneError: if there is none of that name, or no sound system.
    """
    portaudio.choose(portaudio.DeviceKind.INPUT, settings.device)
