from __future__ import annotations

import os
import time
import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.config import ListenSettings
from assistant.errors import AudioFileError
from assistant.listen.recordings import Pace, frames, load, recordings
from assistant.listen.segment import segment, voiced
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, EndReason, Utterance

SETTINGS = ListenSettings.model_validate({})


def sine(rate: int, channels: int = 1, seconds: float = 1.0) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def utterances(path: Path) -> list[Utterance]:
    return list(segment(frames(path, Pace.FAST), voiced(2), SETTINGS, source=str(path)))


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("8bit.wav", 8_000, 1, "PCM_U8"),
        ("telephone.wav", 8_000, 1, "ULAW"),
        ("plain.wav", 16_000, 1, "PCM_16"),
        ("studio.wav", 48_000, 2, "PCM_24"),
        ("float.wav", 44_100, 2, "FLOAT"),
        ("double.wav", 22_050, 6, "DOUBLE"),
        ("archive.flac", 44_100, 1, "PCM_16"),
        ("phone.ogg", 48_000, 1, "OPUS"),
    ],
)
def test_any_rate_width_and_number_of_channels(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    path = tmp_path / name
    soundfile.write(path, sine(rate, channels), rate, subtype=subtype)
    samples = load(path)
    assert samples.dtype == np.float32
    assert samples.shape[0] == pytest.approx(SAMPLE_RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(samples[:SAMPLE_RATE] * np.hanning(len(samples[:SAMPLE_RATE]))))
    assert int(spectrum.argmax()) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(samples[2_000:-2_000] ** 2)) == pytest.approx(0.5 / 2**0.5, abs=0.02)

    cut = np.concatenate([frame.samples for frame in frames(path, Pace.FAST)]) / 32_768
    np.testing.assert_allclose(cut[: samples.shape[0]], samples, atol=1 / 32_768)
    assert not cut[samples.shape[0] :].any()


def test_frames_are_20_ms_and_the_last_is_filled_up_with_silence(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full(FRAME_SAMPLES * 2 + 5, 0.5), SAMPLE_RATE)
    found = list(frames(path, Pace.FAST))
    assert [frame.captured_at for frame in found] == [0.0, 0.02, 0.04]
    assert all(frame.samples.shape == (FRAME_SAMPLES,) for frame in found)
    np.testing.assert_array_equal(found[2].samples[:5], 16_384)
    assert not found[2].samples[5:].any()


def test_real_time_pace_gives_the_same_frames(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, sine(SAMPLE_RATE, seconds=0.2), SAMPLE_RATE)
    began = time.monotonic()
    slow = list(frames(path, Pace.REAL_TIME))
    assert time.monotonic() - began >= 0.2  # never too fast; how slow is the machine's affair
    for a, b in zip(slow, frames(path, Pace.FAST), strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
        assert a.captured_at == b.captured_at


def test_recordings_of_a_folder_come_by_name_and_other_files_stay_out(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "notes.txt", ".hidden.wav", "c.mp3"):
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()
    assert [path.name for path in recordings(tmp_path)] == ["a.FLAC", "b.wav", "c.mp3"]
    assert recordings(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_a_folder_without_recordings_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="holds no recordings"):
        recordings(tmp_path)
    with pytest.raises(AudioFileError, match="There is no recording"):
        recordings(tmp_path / "missing")


def write_text(path: Path) -> None:
    path.write_text("this is no sound\n" * 100)


def write_nothing(path: Path) -> None:
    path.touch()


def write_header_only(path: Path) -> None:
    soundfile.write(path, np.empty(0, np.float32), SAMPLE_RATE)


def write_nan(path: Path) -> None:
    samples = np.zeros(100, np.float32)
    samples[50] = np.nan
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")


def write_damaged(path: Path) -> None:
    whole = path.with_suffix(".flac")
    soundfile.write(whole, np.random.default_rng(0).uniform(-1, 1, 50_000), SAMPLE_RATE)
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (write_text, "is not a recording that can be read"),
        (write_nothing, "is not a recording that can be read"),
        (write_header_only, "is empty"),
        (write_nan, "values that are not numbers"),
        (write_damaged, "is damaged"),
        (Path.mkdir, "There is no recording"),
        (lambda _: None, "There is no recording"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path, write, said: str) -> None:  # noqa: ANN001
    path = tmp_path / "speech.wav"
    write(path)
    for take in (load, lambda p: list(frames(p, Pace.FAST))):
        with pytest.raises(AudioFileError, match=said) as caught:
            take(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc\xdfe.wav"))
    soundfile.write(tmp_path / "speech.wav", np.zeros(1_000), SAMPLE_RATE)
    (tmp_path / "speech.wav").rename(path)
    with pytest.raises(
        AudioFileError, match=r"gr.xfc.xdfe\.wav is not UTF-8\. Rename it\."
    ) as caught:
        load(path)
    str(caught.value).encode()  # so that it can be printed


def test_a_raw_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "speech.raw"
    path.write_bytes(bytes(1_000))
    with pytest.raises(AudioFileError, match="is not a recording that can be read"):
        load(path)


def test_a_spoken_sentence_is_one_utterance_ended_by_silence(spoken_sentence: Path) -> None:
    (utterance,) = utterances(spoken_sentence)
    whole = load(spoken_sentence)
    voice = np.flatnonzero(np.abs(whole) > 0.02)
    voice_s = (voice[-1] - voice[0]) / SAMPLE_RATE
    lead_and_trail_s = 0.5 + 0.2
    assert utterance.seconds == pytest.approx(voice_s + lead_and_trail_s, abs=0.3)
    assert utterance.end_reason is EndReason.SILENCE
    assert utterance.source == str(spoken_sentence)
    assert utterance.started_at.tzinfo is not None


def test_ten_minutes_of_silence_are_no_utterance(tmp_path: Path) -> None:
    path = tmp_path / "silence.flac"
    soundfile.write(path, np.zeros(600 * SAMPLE_RATE, np.int16), SAMPLE_RATE)
    assert utterances(path) == []


def test_a_long_recording_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros((100 * 48_000, 2), np.int16), 48_000)
    tracemalloc.start()
    count = sum(1 for _ in frames(path, Pace.FAST))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5_000
    assert peak < 8_000_000  # one second is 0.4 MB; the whole would be 38 MB


@pytest.mark.parametrize(("level", "reasons"), [(0.01, []), (0.3, ["max_length", "stop"])])
def test_white_noise_is_silence_when_soft_and_speech_without_end_when_loud(
    tmp_path: Path, level: float, reasons: list[str]
) -> None:
    """The detector takes steady loud noise for speech: it is cut at the maximum, never hangs."""
    path = tmp_path / "noise.flac"
    noise = np.random.default_rng(0).standard_normal(30 * SAMPLE_RATE) * level
    soundfile.write(path, np.clip(noise, -1, 1), SAMPLE_RATE)
    found = utterances(path)
    assert [utterance.end_reason.value for utterance in found] == reasons
    assert all(utterance.seconds <= SETTINGS.tuned.max_s for utterance in found)


def test_a_file_is_let_go_when_its_reader_stops_early(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(60 * SAMPLE_RATE), SAMPLE_RATE)
    reading = frames(path, Pace.FAST)
    assert len(list(islice(reading, 3))) == 3
    reading.close()  # pyright: ignore[reportAttributeAccessIssue] - a generator
    held = [link.resolve() for link in Path("/proc/self/fd").iterdir()]
    assert path not in held
