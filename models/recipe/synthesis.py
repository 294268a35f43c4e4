"""Training speech from libespeak-ng: many voices, with phoneme times.

The library is driven in process through ctypes because starting ``espeak-ng`` once per
utterance costs more than the synthesis. It is used only here, when models are made; Attune
itself speaks through the separate program.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import random
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

ACCENTS = ("en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd",
           "en-029")  # fmt: skip
FOREIGN = ("de", "nl", "sv", "it", "es", "fr", "pt", "da")
"""Other languages' voices reading English. Polish, Hindi, Finnish and Turkish are kept out of
every training, so that simulated users of the personalisation bench stay unheard."""

TRAIN_VARIANTS = (
    "", "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m6", "m7", "Alex", "Alicia", "Andrea",
    "Andy", "Annie", "anikaRobot", "aunty", "belinda", "benjamin", "boris", "caleb", "david",
    "Denis", "Diogo", "ed", "edward2", "fast", "Gene", "grandma", "Henrique", "Hugo", "iven",
    "iven3", "Jacky", "john", "kaukovalta", "klatt", "klatt2", "klatt4", "Lee", "linda", "Marco",
    "max", "Michael", "miguel", "Mr serious", "norbert", "pablo", "paul", "pedro", "quincy",
    "RicishayMax", "RicishayMax3", "rob", "sandro", "shelby", "steph", "steph3", "Storm",
    "Tweaky", "victor", "zac", "adam", "marcelo", "UniRobot", "Nguyen",
)  # fmt: skip
HELD_OUT_VARIANTS = (
    "f4", "m5", "m8", "grandpa", "antonio", "robert", "michel", "anika", "RicishayMax2", "iven2",
    "iven4", "klatt3", "edward", "Mike", "steph2", "travis", "Mario", "Gene2", "gustave", "klatt5",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Voice:
    """How one utterance is spoken."""

    name: str  # an espeak-ng voice with its variant, such as "en-us+f3"
    rate_wpm: int
    pitch: int  # 0 to 99
    intonation: int  # 0 to 99

    @property
    def is_english(self) -> bool:
        """Whether the voice has English letter-to-sound rules."""
        return self.name.startswith("en")


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One synthesised utterance with the phonemes that it is made of."""

    samples: NDArray[np.int16]  # mono 16 kHz, shape (n_samples,)
    phonemes: tuple[tuple[int, str], ...]  # (first sample, espeak-ng's mnemonic)


def training_voice(rng: random.Random, foreign_share: float = 0.08) -> Voice:
    """Draw a voice for training."""
    if rng.random() < foreign_share:
        language = rng.choice(FOREIGN)
    else:
        language = rng.choices(ACCENTS, weights=(6, 4, 2, 1, 1, 1, 1))[0]
    return _dressed(rng, language, rng.choice(TRAIN_VARIANTS))


def held_out_voice(rng: random.Random) -> Voice:
    """Draw an English voice that no training has heard."""
    language = rng.choices(ACCENTS, weights=(6, 4, 2, 1, 1, 1, 1))[0]
    return _dressed(rng, language, rng.choice(HELD_OUT_VARIANTS))


def _dressed(rng: random.Random, language: str, variant: str) -> Voice:
    return Voice(
        f"{language}+{variant}" if variant else language,
        rate_wpm=rng.randint(115, 195),
        pitch=rng.randint(25, 75),
        intonation=rng.randint(20, 80),
    )


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_EVENT_END, _EVENT_PHONEME = 0, 7
_RATE, _PITCH, _RANGE = 1, 3, 4


class Synthesiser:
    """libespeak-ng in this process; one instance at a time.

    Raises:
        RuntimeError: if the library is not installed or a voice does not exist.
    """

    def __init__(self) -> None:
        path = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise RuntimeError("Install libespeak-ng1 (sudo apt install espeak-ng).") from error
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        if self._rate <= 0:
            raise RuntimeError("libespeak-ng could not find its voice data.")
        self._chunks: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        self._callback = _CALLBACK(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, wav: object, count: int, events: object) -> int:
        if count > 0 and wav:
            self._chunks.append(np.ctypeslib.as_array(wav, (count,)).copy())  # type: ignore[call-overload]
        index = 0
        while events[index].type != _EVENT_END:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == _EVENT_PHONEME:
                self._events.append((event.sample, event.id.string.decode("utf-8", "replace")))
            index += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Spoken:
        """Synthesise one sentence.

        Raises:
            RuntimeError: if the voice does not exist or synthesis fails.
        """
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice.name!r}.")
        for parameter, value in (
            (_RATE, voice.rate_wpm),
            (_PITCH, voice.pitch),
            (_RANGE, voice.intonation),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks, self._events = [], []
        data = text.encode() + b"\0"
        if self._library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None) != 0:
            raise RuntimeError(f"espeak-ng could not speak {text!r}.")
        if not self._chunks:
            raise RuntimeError(f"espeak-ng gave no sound for {text!r} in {voice.name}.")
        native = np.concatenate(self._chunks)
        samples = soxr.resample(native, self._rate, SAMPLE_RATE, quality="MQ")
        ratio = SAMPLE_RATE / self._rate
        return Spoken(samples, tuple((int(at * ratio), name) for at, name in self._events))
