"""Speech synthesis by Piper's neural voices.

A voice is an ONNX graph and a JSON description beside it; neither is run as code, and nothing is
downloaded. The package piper-tts is under the GPL, so it is not installed with Attune and loaded
only if the settings ask for it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from assistant.audio.resample import to_int16
from assistant.config import SpeakSettings
from assistant.errors import DependencyError, SpeechError
from assistant.speak.speech import Speech, plain

TIMEOUT_S = 60.0
"""Longest time to compute one sentence, even on a busy machine."""

PAUSE_S = 0.2
"""Silence after every sentence; the voices themselves have hardly any."""

MEASURED = "I hope that you slept well and that today will be a good day."
"""A sentence of 14 words to measure a voice's own rate."""

SCALES = (0.25, 4.0)
"""The smallest and the largest factor on a voice's own pace."""

_INPUTS = {"input": "tensor(int64)", "input_lengths": "tensor(int64)", "scales": "tensor(float)"}
_SPEAKER = {"sid": "tensor(int64)"}


class _Described(BaseModel):
    """The parts of a voice's description that are used."""

    model_config = ConfigDict(frozen=True, strict=True)


class _Audio(_Described):
    sample_rate: int = Field(ge=8_000, le=48_000)


class _Espeak(_Described):
    voice: str


class _Inference(_Described):
    noise_scale: float = Field(0.667, ge=0, le=10)
    length_scale: float = Field(1.0, gt=0, le=10)
    noise_w: float = Field(0.8, ge=0, le=10)


class _Description(_Described):
    audio: _Audio
    espeak: _Espeak
    inference: _Inference = _Inference.model_validate({})
    # the others use programs of their own, some of which download models
    phoneme_type: Literal["espeak", "text"] = "espeak"
    phoneme_id_map: dict[str, list[int]]
    num_symbols: int
    num_speakers: int = Field(ge=1)
    default_speaker_id: int = 0
    vowel_clusters: list[list[str]] = []

    @field_validator("phoneme_id_map")
    @classmethod
    def _has_marks(cls, ids: dict[str, list[int]]) -> dict[str, list[int]]:
        if not {"_", "^", "$"} <= ids.keys():
            raise ValueError("it should have the marks _, ^ and $")
        return ids


class Piper:
    """Synthesises with the settings' voice and rate.

    Args:
        settings: which voice, and how fast.
        models: the folder of installed models, for a voice given by name.

    Raises:
        DependencyError: if piper-tts is not installed.
        SpeechError: if there is no such voice, its files are invalid, or it does not speak.
    """

    tempo: float = 1.0  # relative to the settings' rate

    def __init__(self, settings: SpeakSettings, models: Path) -> None:
        piper, onnxruntime = _packages()
        path = voice_file(settings.voice, models)
        description = _read(path.with_name(f"{path.name}.json"))
        self._name = path.stem
        self.language = description.espeak.voice
        self._rate = description.audio.sample_rate
        self._piper = piper
        self._voice = piper.PiperVoice(
            session=_open(onnxruntime, path, description, settings.threads),
            config=piper.PiperConfig.from_dict(description.model_dump()),
        )
        self._length_scale = description.inference.length_scale
        seconds = self._sound(MEASURED, noise_scale=0.0, noise_w_scale=0.0).shape[0] / self._rate
        by_itself_wpm = 60 * len(MEASURED.split()) / max(seconds, 0.1)
        scale = min(max(by_itself_wpm / settings.rate_wpm, SCALES[0]), SCALES[1])
        self._length_scale *= scale

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence without formatting marks; ``SpeechError`` if it fails or is slow."""
        text = plain(text)
        if not text:
            return Speech(np.empty(0, np.int16), self._rate)
        pause = np.zeros(round(PAUSE_S * self._rate), np.int16)
        return Speech(np.concatenate([to_int16(self._sound(text)), pause]), self._rate)

    def _sound(self, text: str, **noise: float) -> NDArray[np.float32]:
        """What the voice says, mono in [-1, 1], shape (n_samples,)."""
        how = self._piper.SynthesisConfig(length_scale=self._length_scale / self.tempo, **noise)
        try:
            chunks = [chunk.audio_float_array for chunk in self._voice.synthesize(text, how)]
        except SpeechError:
            raise
        except Exception as error:  # noqa: BLE001 - of any kind, depending on the files
            raise self._broken(str(error)) from None
        if not chunks:
            return np.empty(0, np.float32)
        if any(chunk.ndim != 1 for chunk in chunks):
            raise self._broken("its sound has more than one channel")
        sound = np.concatenate(chunks)
        if not np.isfinite(sound).all():
            raise self._broken("its sound contains values that are not numbers")
        return cast("NDArray[np.float32]", sound)

    def _broken(self, why: str) -> SpeechError:
        return SpeechError(
            f"The voice {self._name} does not speak ({_first_line(why)}). Reinstall it or set "
            "speak.voice to another."
        )


def voice_file(voice: str, models: Path) -> Path:
    """The .onnx file that ``speak.voice`` means; ``SpeechError`` unless there is exactly one.

    Args:
        voice: a file, a folder with one in it, or the name of such a folder among the models.
        models: the folder of installed models.
    """
    path = Path(voice).expanduser() if voice.startswith("~/") else Path(voice)
    if len(path.parts) == 1 and path.suffix != ".onnx":
        path = models / path
    if path.is_dir():
        found = sorted(path.glob("*.onnx"))
        if len(found) > 1:
            raise SpeechError(
                f"{path} holds more than one voice. Set speak.voice to one of its files, such as "
                f"{found[0]}."
            )
        path = found[0] if found else path / "*.onnx"
    if not path.is_file():
        raise SpeechError(
            f"There is no Piper voice {path}. Set speak.voice to an .onnx file or to a voice that "
            "'assistant models list' shows as installed, or set speak.engine to 'espeak'."
        )
    return path


@dataclass(frozen=True, slots=True)
class _Session:
    """Runs the voice's graph for Piper, never longer than ``TIMEOUT_S``."""

    session: Any
    options: type[Any]  # onnxruntime's RunOptions

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        """Compute the outputs with these names, or all; ``SpeechError`` if that takes too long."""
        options = self.options()
        options.log_severity_level = 4  # errors are raised anyway
        timer = threading.Timer(TIMEOUT_S, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            return cast("list[Any]", self.session.run(names, feeds, options))
        except Exception:
            if options.terminate:
                raise SpeechError(
                    f"Piper did not finish a sentence within {TIMEOUT_S:g} s. Set speak.voice to "
                    "a smaller voice, or speak.engine to 'espeak'."
                ) from None
            raise
        finally:
            timer.cancel()


def _packages() -> tuple[Any, Any]:
    """Piper and ONNX Runtime, imported by name because they are optional."""
    try:
        piper, onnxruntime = import_module("piper"), import_module("onnxruntime")
    except ImportError:
        piper = onnxruntime = None
    if piper is None or onnxruntime is None or not hasattr(piper, "SynthesisConfig"):
        raise DependencyError(
            "To speak with Piper, the package piper-tts is needed. Run: "
            f"{sys.executable} -m pip install 'piper-tts>=1.3', or set speak.engine to 'espeak'."
        )
    logging.getLogger("piper").setLevel(logging.ERROR)  # it would log what is said
    onnxruntime.disable_telemetry_events()
    return piper, onnxruntime


def _read(path: Path) -> _Description:
    try:
        return _Description.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        why = f"{key}: {said}" if key else said
    except FileNotFoundError:
        raise SpeechError(
            f"{path} is missing. A Piper voice is an .onnx file with its .onnx.json beside it: "
            "copy both, or set speak.voice to another voice."
        ) from None
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, RecursionError) as error:
        why = str(error)
    raise SpeechError(
        f"{path} does not describe a voice that Attune can use ({_first_line(why)}). Reinstall the "
        "voice or set speak.voice to another."
    )


def _open(onnxruntime: Any, path: Path, description: _Description, threads: int) -> _Session:
    """The voice's graph, once its inputs are those of a voice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # idle threads should sleep: the language model needs the cores at the same time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # else these would keep the memory of the longest sentence
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 4  # errors are raised anyway
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 - it raises a dozen kinds without a common parent
        why = _first_line(str(error)).rpartition("failed:")[2]
        raise SpeechError(
            f"{path} is not an ONNX model that can be loaded ({why}). Reinstall the voice or set "
            "speak.voice to another."
        ) from None
    wanted = _INPUTS | (_SPEAKER if description.num_speakers > 1 else {})
    found = {each.name: each.type for each in session.get_inputs()}
    if found != wanted:
        raise SpeechError(
            f"{path} is not a Piper voice: it takes {', '.join(found) or 'nothing'} where one "
            f"takes {', '.join(wanted)}. Set speak.voice to another."
        )
    return _Session(session, onnxruntime.RunOptions)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")
