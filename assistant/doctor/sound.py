"""Checks of the microphone, voice detection, the loudspeaker and the voices."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.audio import portaudio
from assistant.audio.portaudio import DeviceKind
from assistant.audio.resample import to_float32, to_int16
from assistant.config import SpeakSettings, starter_dir
from assistant.doctor.finding import Finding, fail, ok, warn
from assistant.doctor.subject import Subject
from assistant.errors import DeviceError
from assistant.listen.capture import Microphone
from assistant.listen.recordings import Pace, frames, recordings
from assistant.listen.segment import voiced
from assistant.speak.espeak import Espeak
from assistant.speak.piper import Piper
from assistant.speak.playback import Loudspeaker
from assistant.speak.speech import Speech
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame

LISTEN_S = 2.0
"""How long the microphone is listened to."""

OPENING_S = 0.2
"""Sound skipped at first: many microphones click when they are opened."""

CLIPPED = 32_700
"""Samples at least this loud count as clipped."""

MOST_CLIPPED = 0.001
"""Largest share of clipped samples in sound that is not too loud."""

FAINT_DBFS = -40.0
"""A voice whose peaks stay below this is not found by webrtcvad (``python -m bench.levels``)."""

SPEECH_HZ, ABOVE_HZ = (500.0, 3_500.0), (4_400.0, 7_500.0)
"""Parts of the spectrum that are compared; the second is empty in sound from 8 kHz."""

NARROW_DB = -25.0
"""Density in the second relative to the first below which it counts as empty; a voice reaches -20,
and the noise of a room more."""

NARROW_DBFS = -75.0
"""Root mean square below which there is too little sound to say."""

LEAST_VOICED = 0.2
"""Share of voiced frames in speech: the bundled recordings have 0.26 to 0.68, by vad_mode."""

CHIRP_S = 0.6
CHIRP_HZ = (500.0, 3_500.0)
TAIL_S = 1.0
"""How late the chirp may come back, through a sound server or a wireless link."""

HEARD = 0.15
"""Correlation at which the chirp counts as heard.

Speech and noise reach 0.08; the chirp reaches 0.24 or more with reverberation as loud as itself,
and 0.21 in noise of four times its power.
"""

_FLOOR = 1e-4
"""RMS below which sound counts as silence, in [-1, 1]."""


def sound_devices(_subject: Subject) -> Finding:
    """Which devices PortAudio offers."""
    found = portaudio.devices()
    inputs, outputs = (
        sum(device.kind is kind for device in found)
        for kind in (DeviceKind.INPUT, DeviceKind.OUTPUT)
    )
    return ok(
        f"Microphones: {inputs}, loudspeakers: {outputs}.", microphones=inputs, loudspeakers=outputs
    )


def microphone(subject: Subject) -> Finding:
    """Whether the microphone opens and delivers sound that is neither empty nor clipped."""
    settings = subject.settings.listen
    try:
        device = portaudio.choose(DeviceKind.INPUT, settings.device)
        with Microphone(settings) as opened:
            stream = iter(opened)
            _listen(stream, OPENING_S)
            samples, rate = _listen(stream, LISTEN_S), opened.rate
    except DeviceError:
        if subject.daemon.microphone != "listening":
            raise
        return _held_by_daemon(subject.daemon.level_dbfs)
    return level(device.name, samples, rate, is_raised=settings.gain == "auto")


def level(
    name: str, samples: NDArray[np.int16], rate: int = SAMPLE_RATE, *, is_raised: bool = False
) -> Finding:
    """The finding for a microphone that delivers these samples, mono 16 kHz, shape (n_samples,).

    Args:
        name: of the microphone.
        samples: what it heard.
        rate: at which it delivered them, in samples per second.
        is_raised: whether quiet sound is raised already.
    """
    loudness = samples.astype(np.float64)
    rms, peak = _dbfs(float(np.sqrt(np.mean(loudness**2)))), _dbfs(float(np.abs(loudness).max()))
    clipped = float(np.mean(np.abs(loudness) >= CLIPPED))
    if peak is None or rms is None:
        return warn(
            f"{name} opens, but delivers nothing, not even noise. Switch it on, check in the "
            "volume control ('alsamixer') that it is not muted, or set listen.device to another.",
            clipped=clipped,
        )
    figures = {"rms_dbfs": round(rms, 1), "peak_dbfs": round(peak, 1), "clipped": clipped}
    heard = f"{name}: {rms:.0f} dBFS on average, {peak:.0f} dBFS peak"
    if clipped > MOST_CLIPPED:
        return warn(
            f"{heard}; {clipped:.1%} of the sound is distorted because it is too loud. Turn the "
            "microphone down in the volume control ('alsamixer'), or speak from further away.",
            **figures,
        )
    if rate < SAMPLE_RATE or is_narrow(to_float32(samples)):
        return warn(
            f"{heard}; it sounds like a telephone, with nothing above 4 kHz, which makes some "
            "words harder to tell apart. For a Bluetooth headset choose a wideband profile (mSBC) "
            "in the sound settings, or use another microphone.",
            **figures,
        )
    if peak < FAINT_DBFS and not is_raised:
        return ok(
            f"{heard}. If somebody spoke just now, that is too quiet to be heard: turn the "
            'microphone up, or set listen.gain to "auto".',
            **figures,
        )
    return ok(f"{heard}.", **figures)


def is_narrow(samples: NDArray[np.float32]) -> bool:
    """Whether sound (n_samples,) at 16 kHz comes from 8 kHz, as that of a headset in a call."""
    spectrum = np.square(np.abs(np.fft.rfft(samples)))
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    low, high = (
        float(spectrum[(hz > band[0]) & (hz < band[1])].mean()) for band in (SPEECH_HZ, ABOVE_HZ)
    )
    is_enough = float(np.mean(np.square(samples))) > 10 ** (NARROW_DBFS / 10)
    return is_enough and high < low * 10 ** (NARROW_DB / 10)


def voice_detection(subject: Subject) -> Finding:
    """Whether silence is recognised as silence and the bundled speech as speech."""
    return detection(recordings(starter_dir() / "examples")[0], subject.settings.listen.vad_mode)


def detection(recording: Path, mode: int) -> Finding:
    """The finding for webrtcvad, given a recording of speech."""
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    in_silence = _voiced(iter([AudioFrame(silence, 0.0)] * 50), mode)
    in_speech = _voiced(frames(recording, Pace.FAST), mode)
    figures = {"in_silence": round(in_silence, 3), "in_speech": round(in_speech, 3)}
    if in_silence > 0 or in_speech < LEAST_VOICED:
        return fail(
            f"It recognises {in_silence:.0%} of silence and {in_speech:.0%} of speech as speech. "
            "Reinstall webrtcvad-wheels, or set listen.vad_mode to 2.",
            **figures,
        )
    return ok(f"Silence is recognised, and {in_speech:.0%} of a recording as speech.", **figures)


def loudspeaker(subject: Subject) -> Finding:
    """Whether the loudspeaker opens."""
    settings = subject.settings.speak
    if settings.wav_dir is not None:
        return ok(f"Not needed: replies are written to {settings.wav_dir}.")
    name = portaudio.choose(DeviceKind.OUTPUT, settings.device).name
    speaker = Loudspeaker(settings)
    speaker.begin("doctor")
    speaker.end()
    return ok(f"{name} opens.")


def loopback(subject: Subject) -> Finding:
    """Whether the microphone hears the loudspeaker."""
    settings = subject.settings
    if settings.speak.wav_dir is not None:
        return ok("Not needed: replies are written to files.")
    try:
        with Microphone(settings.listen) as opened, ThreadPoolExecutor(1) as apart:
            stream = iter(opened)
            heard = [_listen(stream, OPENING_S)]
            playing = apart.submit(_play, Loudspeaker(settings.speak, SAMPLE_RATE))
            while not playing.done():
                heard.append(_listen(stream, FRAME_MS / 1000))
            playing.result()
            heard.append(_listen(stream, TAIL_S))
    except DeviceError as error:
        if subject.daemon.microphone == "listening":
            return warn(
                "Skipped, because Attune itself is using the microphone. Stop it, for example with "
                "'sudo systemctl stop attune', and try again."
            )
        return warn(f"Skipped: {error}")
    found = correlation(to_float32(np.concatenate(heard)), chirp())
    if found < HEARD:
        return warn(
            "The microphone does not hear the loudspeaker, which is normal with headphones. "
            "Otherwise turn up the volume, or set speak.device and listen.device; 'assistant "
            "devices' lists them.",
            correlation=round(found, 3),
        )
    return ok("The microphone hears the loudspeaker.", correlation=round(found, 3))


def espeak_ng(subject: Subject) -> Finding:
    """Whether espeak-ng speaks, with the configured voice if it is the engine."""
    settings = subject.settings.speak
    if settings.engine != "espeak":  # learning needs it all the same
        settings = SpeakSettings.model_validate({})
    seconds = Espeak(settings).synthesise("Hello.").seconds
    if seconds == 0:
        return fail(f"espeak-ng says nothing with the voice {settings.voice!r}. Set speak.voice.")
    return ok(f"Speaks with the voice {settings.voice!r}.", seconds=round(seconds, 2))


def piper(subject: Subject) -> Finding:
    """Whether Piper speaks with the configured voice, if it is the engine."""
    settings = subject.settings
    if settings.speak.engine != "piper":
        return ok("Not needed: speak.engine is 'espeak'.")
    voice = Piper(settings.speak, settings.models.folder)
    began = time.monotonic()
    seconds = voice.synthesise("Good morning, how are you today?").seconds
    return pace(settings.speak.voice, seconds, time.monotonic() - began)


def pace(voice: str, seconds: float, took_s: float) -> Finding:
    """The finding for a voice that takes ``took_s`` for ``seconds`` of sound."""
    figures = {"seconds": round(seconds, 2), "took_s": round(took_s, 2)}
    if took_s > seconds:
        return warn(
            f"The voice {voice!r} is slower than real time here, so replies have gaps. Set "
            "speak.voice to a smaller one, or speak.engine to 'espeak'.",
            **figures,
        )
    return ok(f"Speaks with the voice {voice!r}.", **figures)


def chirp() -> NDArray[np.float32]:
    """A short rising tone with soft ends, mono 16 kHz in [-1, 1], shape (n_samples,)."""
    count = round(CHIRP_S * SAMPLE_RATE)
    at = np.arange(count) / SAMPLE_RATE
    low, high = CHIRP_HZ
    phase = 2 * np.pi * (low * at + (high - low) / (2 * CHIRP_S) * at**2)
    ends = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.03)
    return (0.25 * np.sin(phase) * np.sin(np.pi / 2 * ends) ** 2).astype(np.float32)


def correlation(heard: NDArray[np.float32], played: NDArray[np.float32]) -> float:
    """The highest normalised correlation of one sound within a longer one, 0 to 1.

    Args:
        heard: mono, shape (n_heard,), at least as long as what was played.
        played: mono, shape (n_played,).
    """
    count = played.shape[0]
    size = heard.shape[0] + count - 1
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(played[::-1], size), size)
    sums = np.cumsum(np.pad(heard.astype(np.float64) ** 2, (1, 0)))
    energy = sums[count:] - sums[:-count] + count * _FLOOR**2
    own = np.sum(played.astype(np.float64) ** 2)
    return float((np.abs(product[count - 1 : heard.shape[0]]) / np.sqrt(energy * own)).max())


def _play(speaker: Loudspeaker) -> None:
    speaker.begin("doctor")
    try:
        speaker.play(Speech(to_int16(chirp()), SAMPLE_RATE))
    finally:
        speaker.end()


def _listen(stream: Iterator[AudioFrame], seconds: float) -> NDArray[np.int16]:
    """The next sound from a microphone, mono 16 kHz, shape (n_samples,)."""
    count = round(seconds * 1_000 / FRAME_MS)
    return np.concatenate([frame.samples for frame in islice(stream, count)])


def _voiced(sound: Iterator[AudioFrame], mode: int) -> float:
    """Share of frames recognised as speech."""
    is_speech = voiced(mode)
    return float(np.mean([is_speech(frame) for frame in sound]))


def _held_by_daemon(level_dbfs: float | None) -> Finding:
    if level_dbfs is None or not math.isfinite(level_dbfs):
        return ok("Attune itself is listening to it.")
    return ok(
        f"Attune itself is listening to it: {level_dbfs:.0f} dBFS.", rms_dbfs=round(level_dbfs, 1)
    )


def _dbfs(amplitude: float) -> float | None:
    """Level relative to full scale; ``None`` for complete silence."""
    return 20 * math.log10(amplitude / 32_768) if amplitude > 0 else None
