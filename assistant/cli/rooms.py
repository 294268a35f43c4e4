"""Opens the rooms that a command needs, in the order that fails soonest."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from assistant.audio import portaudio
from assistant.bridge import checkpoint
from assistant.bridge.connect import Bridge
from assistant.config import Settings, SpeakSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import BridgeError, DependencyError
from assistant.generate.llama import LlamaSession
from assistant.journal.store import Journal
from assistant.speak.aloud import Sink
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.turn import Assistant, Voice


@contextmanager
def assistant(settings: Settings, voice: Voice) -> Generator[Assistant, None, None]:
    """Everything a turn needs, closed afterwards.

    Raises:
        AttuneError: if a room cannot be opened.
    """
    with ExitStack() as owned:
        journal = owned.enter_context(Journal.open(settings.journal))
        llm = owned.enter_context(LlamaSession(settings.generate))
        encoder = Wav2Vec2Encoder(settings.encode)
        yield Assistant(
            encoder=encoder,
            bridge=bridge(settings, encoder, llm),
            llm=llm,
            journal=journal,
            voice=voice,
            bridge_settings=settings.bridge,
            generate_settings=settings.generate,
            route=settings.route,
        )


def bridge(settings: Settings, encoder: Wav2Vec2Encoder, llm: LlamaSession) -> Bridge | None:
    """The bridge that the settings name, if the route can use one.

    Raises:
        BridgeError: if it is missing, damaged, or made for another encoder or LLM.
    """
    if settings.route == "transcript" or settings.bridge.path is None:
        if settings.route == "bridge":
            raise BridgeError("The bridge route needs a bridge: set bridge.path.")
        return None
    found = checkpoint.read(settings.bridge.path)
    found.require(encoder.fingerprint, llm.gguf.embedding_fingerprint)
    return Bridge(
        found,
        llm.gguf,
        llm.detokenize,
        ngram=encoder.ngram,
        weight=settings.bridge.ngram_weight,
        bonus=settings.bridge.ngram_bonus,
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
