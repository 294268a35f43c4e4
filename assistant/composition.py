"""Assembles an assistant from its parts, for the daemon, the commands, benches and tests."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assistant.bridge import checkpoint
from assistant.config import EncodeSettings, Settings, SpeakSettings, starter_dir
from assistant.dialogue import DialoguePolicy
from assistant.encode.encoder import Encoder, adapt, open_encoder
from assistant.encode.end_of_request import EndOfRequest, load_ends
from assistant.errors import BridgeError, EncoderError, MismatchError
from assistant.generate.llama import LlamaSession
from assistant.household.household import Household
from assistant.household.satellite import Satellite
from assistant.household.smart_home import SmartHome
from assistant.journal.buffered import BufferedJournal
from assistant.journal.store import Journal
from assistant.personalise.background import idle
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.skills.desk import LANGUAGES, Desk, installed
from assistant.speak.aloud import Sink
from assistant.speak.playback import Loudspeaker, WavSink, Witness
from assistant.speak.voice import Voice
from assistant.speaker.encoder import SpeakerEncoder, model_in
from assistant.turn import Assistant
from assistant.verification import SpeakerVerifier

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge


@contextmanager
def assistant(
    settings: Settings, voice: Voice, note: Callable[[str], None], *, trying: bool = False
) -> Generator[Assistant, None, None]:
    """Everything a turn needs, closed afterwards.

    Args:
        settings: all of them.
        voice: says the replies.
        note: shows a person that the learned bridge cannot be used, or that nothing can be stored.
        trying: whether this is only a show, in which no timer and no list of the user's is touched.

    Raises:
        AttuneError: if a part cannot be opened.
    """
    with ExitStack() as owned:
        journal = owned.enter_context(BufferedJournal.open(settings.journal, note))
        llm = owned.enter_context(LlamaSession(settings.generate))
        encoder = open_encoder(settings.encode)
        keeps: Journal = owned.enter_context(_for_a_show()) if trying else journal
        language = settings.encode.language if settings.encode.language in LANGUAGES else "en"
        can_ask = settings.home.url is not None
        smart_home = SmartHome(language, can_ask=can_ask) if settings.home.is_set else None
        satellite = Satellite(language) if settings.wyoming.satellite else None
        household = Household.of(
            keeps, settings.household, note, smart_home=smart_home, satellite=satellite
        )
        desk = Desk(
            household,
            settings.generate.user_name,
            settings.generate.reminders,
            language,
            settings.household.sentences,
            installed(),
            voice.adjust,
        )
        desk.load()
        voice.adjust(desk.household.manners.get())
        found = bridge(settings, encoder, llm, note)
        if found is None and not encoder.transcribes:
            note(
                f"The speech encoder in {settings.encode.path} does not write words, and nothing "
                "has been learned for it yet, so Attune cannot answer. Set encode.path to "
                "another one, or teach it your voice with 'assistant enroll'."
            )
        yield Assistant(
            encoder=encoder,
            bridge=found,
            llm=llm,
            journal=journal,
            voice=voice,
            desk=desk,
            bridge_settings=settings.bridge,
            generate_settings=settings.generate,
            route=settings.route,
            dialogue=DialoguePolicy(settings.turn),
            ends=_ends(settings.encode, encoder),
            verifier=SpeakerVerifier(journal, partial(SpeakerEncoder, _speaker())),
            only_known=settings.listen.only == "known",
        )


def _speaker() -> Path:
    """The bundled speaker encoder."""
    return model_in(starter_dir() / "speaker")


@contextmanager
def _for_a_show() -> Generator[Journal, None, None]:
    """A journal that is gone afterwards."""
    with TemporaryDirectory() as folder, Journal(Path(folder) / "journal.db") as journal:
        yield journal


def encodes_early(settings: EncodeSettings) -> bool:
    """Whether requests are encoded in a pause, before their end is sure."""
    return settings.early == "on" or (settings.early == "auto" and idle.on_mains() is not False)


def _ends(settings: EncodeSettings, encoder: Encoder) -> EndOfRequest | None:
    """The estimator for ends of requests, if it has a table or its features are used."""
    ends = load_ends(starter_dir()) if settings.language == "en" else None
    if ends is None and not encodes_early(settings):
        return None
    return EndOfRequest(encoder, ends)


def bridge(
    settings: Settings, encoder: Encoder, llm: LlamaSession, note: Callable[[str], None]
) -> Bridge | None:
    """The bridge in use, if the route allows one: the learned one, else the one in the settings.

    Raises:
        BridgeError: if neither can be used.
    """
    if settings.route == "transcript":
        return None
    try:
        version = BridgeFolder(settings.bridges).current
        if version is not None:
            return bridge_of(version, settings, encoder, llm)
    except (BridgeError, EncoderError) as error:
        note(f"{error} Until then nothing learned is used.")
    return bridge_of(None, settings, encoder, llm)


def bridge_of(
    version: str | None, settings: Settings, encoder: Encoder, llm: LlamaSession
) -> Bridge | None:
    """The learned bridge of this version, or for ``None`` the one in the settings.

    From here on the encoder hears with the changes that the bridge has for it.

    Raises:
        BridgeError: if it is missing, damaged, or made for another encoder or LLM.
        EncoderError: if its changes do not fit the encoder.
    """
    if settings.route == "transcript":
        return None
    if version is not None:
        found = BridgeFolder(settings.bridges).read(version)
        try:
            found.require(encoder.fingerprint, llm.gguf.embedding_fingerprint)
        except MismatchError:
            raise MismatchError(
                f"What was learned (version {version}) is for another speech encoder or language "
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
            "Nothing has been learned yet for this speech encoder and language model, which the "
            "setting 'route' demands: teach it with 'assistant enroll', or set 'route' to 'auto'."
        )
    else:
        adapt(encoder, None)
        return None
    from assistant.bridge.connect import Bridge  # noqa: PLC0415

    joined = Bridge(found, llm.vocabulary, encoder.spelling, settings.bridge)
    adapt(encoder, joined.adaptation)
    return joined


def sink(settings: SpeakSettings, witness: Witness | None = None) -> Sink:
    """The loudspeaker, which reports to a witness, or WAV files if the settings ask for them."""
    if settings.wav_dir is not None:
        return WavSink(settings.wav_dir)
    return Loudspeaker(settings, witness=witness)
