"""The bundled Whisper on the bundled recordings, and what is made of any engine's findings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.config import EncodeSettings, starter_dir
from assistant.encode.ctranslate import CTranslateEngine
from assistant.encode.encoder import Weighs, open_encoder
from assistant.encode.tokens import Tokens
from assistant.encode.tuning_record import Execution
from assistant.encode.whisper import (
    HOP,
    LOOP,
    PROMPT_TOKENS,
    TOKENS,
    Alignment,
    Encoded,
    Hypothesis,
    WhisperEncoder,
    loops,
    pieces,
)
from assistant.errors import EncoderError
from assistant.spoken import said_words
from assistant.values import SAMPLE_RATE, SpeechFeatures
from models.recipe.encoder import word_errors
from models.recipe.pack import EXAMPLES
from tests.encode.sounds import cosine, examples, said
from tests.settings import block

FOLDER = starter_dir() / "whisper"
ROOT = Path(__file__).parents[2]


def settings(**changes: object) -> EncodeSettings:
    return block(EncodeSettings, path=FOLDER, **changes)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def wrong(features: Sequence[SpeechFeatures], texts: Sequence[str]) -> float:
    """Share of words that are wrong."""
    errors = [
        word_errors(text, each.transcript.spoken)
        for each, text in zip(features, texts, strict=True)
    ]
    return sum(errors) / sum(len(text.split()) for text in texts)


@pytest.fixture(scope="module")
def engine() -> CTranslateEngine:
    return CTranslateEngine(settings())


@pytest.fixture(scope="module")
def whisper(engine: CTranslateEngine) -> WhisperEncoder:
    return WhisperEncoder(engine, settings())


@pytest.fixture(scope="module")
def heard(whisper: WhisperEncoder) -> list[SpeechFeatures]:
    """What it makes of each bundled recording."""
    return [whisper.encode(said(samples)) for samples in examples()]


def test_the_bundled_recordings_are_understood(heard: list[SpeechFeatures]) -> None:
    assert wrong(heard, EXAMPLES) < 0.25
    assert "What time is it, please?" in [each.transcript.text for each in heard]


def test_words_stand_in_order_with_times_within_the_recording(heard: list[SpeechFeatures]) -> None:
    for features, samples in zip(heard, examples(), strict=True):
        transcript = features.transcript
        assert " ".join(word.text for word in transcript.words) == transcript.text
        edges = [edge for word in transcript.words for edge in (word.start_s, word.end_s)]
        assert edges == sorted(edges)
        assert edges[0] >= 0.0
        assert edges[-1] <= len(samples) / SAMPLE_RATE
        assert all(0.0 < word.confidence <= 1.0 for word in transcript.words)
        assert 0.0 < transcript.confidence < 1.0


def test_there_is_a_frame_for_every_20_ms_of_sound(
    heard: list[SpeechFeatures], whisper: WhisperEncoder
) -> None:
    for features, samples in zip(heard, examples(), strict=True):
        assert features.frames.shape == (-(-len(samples) // HOP), 384)
        assert (features.frame_rate, features.encoder) == (50.0, whisper.fingerprint)
        assert np.isfinite(features.frames).all()
    assert (whisper.dim, whisper.frame_rate, whisper.transcribes) == (384, 50.0, True)
    assert whisper.spelling is None
    assert whisper.ctc_head() is None


def test_the_same_sound_is_heard_the_same(
    heard: list[SpeechFeatures], whisper: WhisperEncoder
) -> None:
    again = whisper.encode(said(examples()[1]))
    np.testing.assert_array_equal(again.frames, heard[1].frames)
    assert again.transcript == heard[1].transcript


def test_in_float_it_hears_nearly_the_same_and_is_another_encoder(
    heard: list[SpeechFeatures], whisper: WhisperEncoder
) -> None:
    exact = open_encoder(settings(execution="float"))
    assert (whisper.execution, exact.execution) == ("int8", "float")
    assert whisper.fingerprint != exact.fingerprint
    assert open_encoder(settings(execution="int8")).fingerprint == whisper.fingerprint
    found = [exact.encode(said(samples)) for samples in examples()[1:3]]
    assert wrong(found, EXAMPLES[1:3]) < 0.25
    for ours, theirs in zip(heard[1:3], found, strict=True):
        assert not np.array_equal(ours.frames, theirs.frames)
        assert cosine(ours.frames, theirs.frames).mean() > 0.95


@pytest.mark.parametrize("beam", [1, 5])
def test_few_and_many_hypotheses_lead_to_words(beam: int, engine: CTranslateEngine) -> None:
    encoder = WhisperEncoder(engine, settings(beam=beam))
    found = [encoder.encode(said(samples)) for samples in examples()[1:4]]
    assert wrong(found, EXAMPLES[1:4]) < 0.3


def test_english_is_all_it_knows(engine: CTranslateEngine, heard: list[SpeechFeatures]) -> None:
    with pytest.raises(EncoderError, match=r"only knows English\. Set encode\.language to 'en'"):
        WhisperEncoder(engine, settings(language="de"))
    listening = WhisperEncoder(engine, settings(language="auto"))
    assert listening.languages == ("en",)
    assert listening.encode(said(examples()[1])).transcript == heard[1].transcript


def test_onnx_runtime_does_not_compute_it(engine: CTranslateEngine, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"Set encode\.execution to 'auto'"):
        open_encoder(settings(execution="onnx-int8"))
    with pytest.raises(EncoderError, match="CTranslate2 already runs this recogniser"):
        WhisperEncoder(engine, settings()).export(tmp_path)


NOISES = ("silence", "a microphone that hisses", "white noise", "hum", "beeps", "an alarm")


def noise(name: str) -> NDArray[np.float32]:
    """Three seconds in which nobody speaks."""
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    hiss = np.random.default_rng(0).standard_normal(len(t))
    made = {
        "silence": 0 * t,
        "a microphone that hisses": 1e-3 * hiss,
        "white noise": 0.1 * hiss,
        "hum": sum(0.05 * np.sin(2 * np.pi * 50 * part * t) / part for part in range(1, 12)),
        "beeps": 0.2 * np.sin(2 * np.pi * 1_000 * t) * (t % 0.5 < 0.2),
        "an alarm": 0.2 * np.sign(np.sin(2 * np.pi * 800 * t)) * (t % 1 < 0.5),
    }[name]
    return np.asarray(made, np.float32)


@pytest.mark.parametrize("name", NOISES)
def test_where_nobody_speaks_nothing_is_written(name: str, whisper: WhisperEncoder) -> None:
    transcript = whisper.encode(said(noise(name))).transcript
    assert (transcript.text, transcript.confidence, transcript.words) == ("", 0.0, ())


@pytest.mark.parametrize("n_samples", [0, 1, 160, 321, 1_600])
def test_next_to_no_sound_has_frames_and_no_words(n_samples: int, whisper: WhisperEncoder) -> None:
    features = whisper.encode(said(np.zeros(n_samples, np.float32)))
    assert features.frames.shape == (max(1, -(-n_samples // HOP)), 384)
    assert features.transcript.text == ""


def test_a_long_recording_is_cut_where_it_is_silent_and_all_of_it_is_written(
    whisper: WhisperEncoder,
) -> None:
    texts = [*EXAMPLES, *EXAMPLES[:5]]
    gap = silence(0.8)
    parts: list[NDArray[np.float32]] = []
    spans: list[tuple[int, int]] = []  # of each text, in samples
    for samples in [*examples(), *examples()[:5]]:
        start = sum(map(len, parts))
        spans.append((start, start + len(samples)))
        parts += [samples, gap]
    recording = np.concatenate(parts)
    assert 40 < len(recording) / SAMPLE_RATE < 60
    cuts = [round(start * SAMPLE_RATE) for start, _ in pieces(recording, 30)][1:]
    assert cuts
    assert all(np.abs(recording[cut - 800 : cut + 800]).max() < 0.01 for cut in cuts)

    features = whisper.encode(said(recording))
    assert features.frames.shape == (-(-len(recording) // HOP), 384)
    words = features.transcript.words
    assert wrong([features], [" ".join(texts)]) < 0.3
    assert " ".join(said_words(word.text) for word in words) == features.transcript.spoken
    edges = [edge for word in words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    assert edges[-1] <= len(recording) / SAMPLE_RATE
    middles = np.array([(word.start_s + word.end_s) / 2 for word in words]) * SAMPLE_RATE
    for (start, end), text in zip(spans, texts, strict=True):
        there = int(((middles > start - 6_400) & (middles < end + 6_400)).sum())
        assert abs(there - len(text.split())) <= 2


ALONE = """
import sys
from datetime import datetime, timezone
from assistant.config import EncodeSettings
from assistant.encode.encoder import Weighs, open_encoder
from assistant.config import starter_dir
from assistant.listen.recordings import load
from assistant.values import EndReason, Utterance
from tests.settings import block

settings = EncodeSettings.model_validate({"threads": 1})
samples = load(starter_dir() / "examples" / "2-what-time-is-it.flac")
said = Utterance(samples, datetime.now(timezone.utc), EndReason.STOP)
print(open_encoder(settings).encode(said).transcript.spoken)
print([name for name in sys.modules if name == "torch" or name.startswith("transformers.models")])
"""


def test_the_bundled_whisper_needs_no_torch() -> None:
    run = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["what time is it please", "[]"]


def test_as_many_tokens_are_written_as_asked_for_and_no_more(engine: CTranslateEngine) -> None:
    encoded = engine.encode(examples()[2])
    start = engine.tokens.start("en")
    for beam in (1, 5):
        whole = engine.decode(encoded, start, beam=beam, longest=40, again=False)
        assert 6 < len(whole.tokens) < 40
        for longest in (1, 6):
            short = engine.decode(encoded, start, beam=beam, longest=longest, again=False)
            assert len(short.tokens) == longest
        expected = engine.tokens.expecting(("tomatoes",), 20)
        short = engine.decode(encoded, [*expected, *start], beam=beam, longest=6, again=False)
        assert len(short.tokens) == 6
    assert 0.0 < whole.no_speech < 0.5


def test_asked_again_it_does_not_say_the_same_again(engine: CTranslateEngine) -> None:
    encoded = engine.encode(np.concatenate([examples()[5], silence(0.3)] * 4))
    start = engine.tokens.start("en")

    def repeated(*, again: bool) -> int:
        found = engine.decode(encoded, start, beam=1, longest=100, again=again).tokens
        threes = list(zip(found, found[1:], found[2:], strict=False))
        return len(threes) - len(set(threes))

    assert repeated(again=False) > 0
    assert repeated(again=True) == 0


def test_each_token_has_a_time_and_a_probability(engine: CTranslateEngine) -> None:
    encoded = engine.encode(examples()[4])
    start = engine.tokens.start("en")
    tokens = engine.decode(encoded, start, beam=1, longest=40, again=False).tokens
    aligned = engine.align(encoded, start, tokens)
    assert aligned.seconds.shape == (len(tokens) + 1,)
    assert aligned.probabilities.shape == (len(tokens),)
    assert (np.diff(aligned.seconds) >= 0).all()
    assert ((aligned.probabilities > 0) & (aligned.probabilities <= 1)).all()
    nonsense = engine.align(encoded, start, tokens[::-1])
    assert nonsense.probabilities.mean() < aligned.probabilities.mean() / 2


def test_what_was_said_weighs_most_and_each_text_as_much_as_alone(
    heard: list[SpeechFeatures], whisper: WhisperEncoder
) -> None:
    assert isinstance(whisper, Weighs)
    for features, text in zip(heard, EXAMPLES, strict=True):
        weights = whisper.weigh(features, EXAMPLES)
        assert weights.shape == (len(EXAMPLES),)
        assert EXAMPLES[int(weights.argmax())] == text
        alone = whisper.weigh(features, [text])
        assert weights.max() == pytest.approx(alone[0], abs=0.5)  # int8 rounds by the batch


def test_other_hypotheses_come_with_the_transcript(heard: list[SpeechFeatures]) -> None:
    transcript = heard[1].transcript
    assert 1 <= len(transcript.others) <= 4
    assert transcript.text not in transcript.others
    assert any("what time is it" in said_words(each) for each in transcript.others)


def test_without_the_first_merge_words_are_the_same_tokens(tmp_path: Path) -> None:
    state = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))
    whole = Tokens(FOLDER, multilingual=False)
    lost = state["model"]["merges"].pop(0)
    assert "".join(lost).endswith("t")
    (tmp_path / "tokenizer.json").write_text(json.dumps(state), encoding="utf-8")
    text = "What time is it? Take the tablets, it's about ten to two."
    found = Tokens(tmp_path, multilingual=False).of(text)
    assert found == whole.of(text)
    assert whole.text(found) == f" {text}"


def test_what_stands_before_a_transcript_follows_the_language() -> None:
    several, one = Tokens(FOLDER, multilingual=True), Tokens(FOLDER, multilingual=False)

    def named(tokens: list[int]) -> list[str | None]:
        return [several._tokenizer.id_to_token(each) for each in tokens]

    assert named(one.start("en")) == ["<|startoftranscript|>", "<|notimestamps|>"]
    assert one.start("auto") == one.start("en")
    assert named(several.start("de")) == [
        "<|startoftranscript|>",
        "<|de|>",
        "<|transcribe|>",
        "<|notimestamps|>",
    ]
    with pytest.raises(EncoderError, match=r"does not know the language 'xx'\. Set encode"):
        several.start("xx")
    assert several.no_speech == several._tokenizer.token_to_id("<|nocaptions|>")


def test_words_begin_with_a_space() -> None:
    tokens = Tokens(FOLDER, multilingual=False)
    text = " Don't wake Aurélien, it's well-known."
    ids = tokens._tokenizer.encode(text, add_special_tokens=False).ids
    found = [tokens.text(ids[first:last]) for first, last in tokens.words(ids)]
    assert found == [" Don't", " wake", " Aurélien,", " it's", " well-known."]
    assert list(tokens.words([])) == []
    assert tokens.text([*ids, tokens.end, tokens.no_speech]) == text


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    foreign = (
        '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}'
    )
    (tmp_path / "tokenizer.json").write_text(foreign, encoding="utf-8")
    with pytest.raises(EncoderError, match=r"is not Whisper's: it has no <\|endoftext\|>"):
        Tokens(tmp_path, multilingual=False)


@dataclass(frozen=True)
class Asked:
    """What an engine is asked for."""

    prompt: list[int]
    beam: int
    longest: int
    again: bool


@dataclass
class Scripted:
    """An engine that says what it is told to, and keeps what it is asked."""

    tokens: Tokens
    texts: list[str] = field(default_factory=list[str])
    fingerprint: str = "scripted"
    execution: Execution = "float"
    dim: int = 4
    window_s: float = 30.0
    spoken: str = "en"
    probability: float = 0.9
    no_speech: float = 0.01
    asked: list[Asked] = field(default_factory=list["Asked"])
    aligned: list[str] = field(default_factory=list[str])  # what stood before the texts
    weighed: list[str] = field(default_factory=list[str])

    def encode(self, samples: NDArray[np.float32]) -> Encoded:
        return Encoded(np.zeros((len(samples) // HOP + 10, self.dim), np.float32), None)

    def language(self, encoded: Encoded) -> str:
        del encoded
        return self.spoken

    def decode(
        self, encoded: Encoded, prompt: Sequence[int], *, beam: int, longest: int, again: bool
    ) -> Hypothesis:
        del encoded
        self.asked.append(Asked(list(prompt), beam, longest, again))
        return Hypothesis(self.ids(self.texts.pop(0)), self.no_speech)

    def align(self, encoded: Encoded, start: Sequence[int], text: Sequence[int]) -> Alignment:
        del encoded
        self.aligned.append(self.read(list(start)))
        return Alignment(
            np.arange(len(text) + 1, dtype=np.float64) / 4, np.full(len(text), self.probability)
        )

    def weigh(
        self, frames: NDArray[np.float32], start: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        del frames
        self.weighed = [self.read([*start, *text]) for text in texts]
        return -np.arange(len(texts), dtype=np.float64)

    def export(self, cache: Path) -> None:
        del cache

    def adaptable(self, language: str) -> None:
        del language

    def ids(self, text: str) -> list[int]:
        return self.tokens._tokenizer.encode(text, add_special_tokens=False).ids

    def read(self, ids: list[int]) -> str:
        return self.tokens._tokenizer.decode(ids, skip_special_tokens=False)


CIRCLE = " I am in the garden" * 12


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(FOLDER, multilingual=True)


@pytest.fixture
def scripted(tokens: Tokens) -> Iterator[Scripted]:
    engine = Scripted(tokens)
    yield engine
    assert engine.texts == []  # all was asked for


def test_expected_words_stand_before_the_transcript(scripted: Scripted) -> None:
    scripted.texts = [" Hello."]
    wished = settings(words=("Attune", "Aurélien"), beam=3)
    WhisperEncoder(scripted, wished).encode(said(silence(2.0)))
    (asked,) = scripted.asked
    assert scripted.read(asked.prompt) == (
        "<|startofprev|> Attune, Aurélien.<|startoftranscript|><|en|><|transcribe|><|notimestamps|>"
    )
    assert (asked.beam, asked.again) == (3, False)
    assert asked.longest == TOKENS[0] + 2 * TOKENS[1]


def test_of_too_many_expected_words_the_last_ones_are_told(scripted: Scripted) -> None:
    scripted.texts = [" Hello."]
    wished = settings(words=tuple(f"Word{number}" for number in range(200)))
    WhisperEncoder(scripted, wished).encode(said(silence(1.0)))
    prompt = scripted.read(scripted.asked[0].prompt)
    assert prompt.startswith("<|startofprev|>")
    assert "Word199.<|startoftranscript|>" in prompt
    assert "Word0," not in prompt
    assert len(scripted.asked[0].prompt) == PROMPT_TOKENS + 4


def test_what_is_expected_of_one_utterance_stands_before_the_user_s_own_words(
    scripted: Scripted,
) -> None:
    scripted.texts = [" Hello."] * 3
    encoder = WhisperEncoder(scripted, settings(words=("Attune",)))
    many = tuple(f"Word{number}" for number in range(200))
    for expected in (("Siobhan",), (), many):
        encoder.encode(replace(said(silence(1.0)), expected=expected))
    one, none, cut = (scripted.read(asked.prompt) for asked in scripted.asked)
    assert one.startswith("<|startofprev|> Siobhan, Attune.<|startoftranscript|>")
    assert none.startswith("<|startofprev|> Attune.<|startoftranscript|>")
    assert "Word199, Attune.<|startoftranscript|>" in cut
    assert len(scripted.asked[2].prompt) == PROMPT_TOKENS + 4
    # or the rare name that was expected would be taken for invented
    assert scripted.aligned == [one, none, cut]


def test_expected_words_are_surer_and_stand_where_they_were_said(whisper: WhisperEncoder) -> None:
    question = said(examples()[1])
    plain = whisper.encode(question).transcript
    told = whisper.encode(replace(question, expected=("What time is it, please?",))).transcript
    assert told.text == plain.text == "What time is it, please?"
    assert told.confidence > plain.confidence
    for ours, theirs in zip(told.words, plain.words, strict=True):
        assert ours.start_s == pytest.approx(theirs.start_s, abs=0.2)
        assert ours.end_s == pytest.approx(theirs.end_s, abs=0.2)


def test_a_long_story_is_heard_anew_when_other_words_are_expected(scripted: Scripted) -> None:
    scripted.texts = [" Once.", " Twice.", " One.", " Two."]
    encoder = WhisperEncoder(scripted, settings())
    loud = np.random.default_rng(0).standard_normal(35 * SAMPLE_RATE).astype(np.float32) * 0.1
    assert encoder.encode(said(loud)).transcript.text == "Once. Twice."
    other = replace(said(loud), expected=("One",))
    assert encoder.encode(other).transcript.text == "One. Two."


def test_nothing_stands_before_where_nothing_is_expected(scripted: Scripted) -> None:
    scripted.texts = [" Hallo."]
    scripted.spoken = "de"
    WhisperEncoder(scripted, settings(language="auto")).encode(said(silence(1.0)))
    assert scripted.asked[0].prompt == scripted.tokens.start("de")


def test_what_it_writes_down_is_told(scripted: Scripted) -> None:
    assert WhisperEncoder(scripted, settings(language="de")).languages == ("de",)
    languages = WhisperEncoder(scripted, settings(language="auto")).languages
    assert {"de", "en", "haw", "zh"} < set(languages)
    assert len(languages) in (99, 100)


def test_texts_are_weighed_in_the_spelling_of_whisper(scripted: Scripted) -> None:
    scripted.texts = [" Hallo."]
    scripted.spoken = "de"
    encoder = WhisperEncoder(scripted, settings(language="auto"))
    features = encoder.encode(said(silence(1.0)))
    weights = encoder.weigh(features, ["may i have my pills", "in a minute"])
    assert weights.tolist() == [0, -1]
    before = "<|startoftranscript|><|en|><|transcribe|><|notimestamps|>"
    assert scripted.weighed == [f"{before} May I have my pills", f"{before} In a minute"]


def test_what_goes_round_in_circles_is_read_once_more(scripted: Scripted) -> None:
    assert loops(CIRCLE)
    scripted.texts = [CIRCLE, " I am in the garden."]
    transcript = WhisperEncoder(scripted, settings()).encode(said(silence(3.0))).transcript
    assert transcript.text == "I am in the garden."
    assert [asked.again for asked in scripted.asked] == [False, True]


def test_what_goes_round_in_circles_twice_was_not_said(scripted: Scripted) -> None:
    scripted.texts = [CIRCLE, CIRCLE]
    transcript = WhisperEncoder(scripted, settings()).encode(said(silence(3.0))).transcript
    assert (transcript.text, transcript.words) == ("", ())


def test_a_text_that_says_something_new_does_not_loop() -> None:
    assert not loops("")
    assert not loops("no no no no")
    assert not loops(" ".join(EXAMPLES))
    assert loops("la " * 100)
    assert LOOP > 2


def test_words_of_a_later_piece_come_later(scripted: Scripted) -> None:
    scripted.texts = [" Hello there.", "", " Good night..."]
    samples = np.concatenate([np.full(SAMPLE_RATE, 0.1, np.float32), silence(59.0)])
    starts = [start for start, _ in pieces(samples, 30)]
    features = WhisperEncoder(scripted, settings()).encode(said(samples))
    assert features.transcript.text == "Hello there. Good night..."
    assert [word.text for word in features.transcript.words] == [
        "Hello",
        "there.",
        "Good",
        "night...",
    ]
    begins = [word.start_s for word in features.transcript.words]
    assert begins == pytest.approx([0.0, 0.25, starts[2], starts[2] + 0.25])
    assert features.frames.shape == (60 * 50, 4)


def test_what_has_no_letters_is_no_text(scripted: Scripted) -> None:
    scripted.texts = [" ... -- !"]
    transcript = WhisperEncoder(scripted, settings()).encode(said(silence(1.0))).transcript
    assert (transcript.text, transcript.words) == ("", ())


def test_no_word_lasts_longer_than_the_sound(scripted: Scripted) -> None:
    scripted.texts = [" one two three four five six"]
    transcript = WhisperEncoder(scripted, settings()).encode(said(silence(1.1))).transcript
    assert max(word.end_s for word in transcript.words) == pytest.approx(1.1)


def test_words_that_were_not_likely_are_taken_for_invented(scripted: Scripted) -> None:
    scripted.texts = [" Thank you."] * 2
    scripted.probability, scripted.no_speech = 0.1, 0.5
    encoder = WhisperEncoder(scripted, settings())
    assert encoder.encode(said(silence(1.0))).transcript.text == ""
    _, transcript, evidence = encoder.hear(said(silence(1.0)))
    assert transcript.text == "Thank you."
    assert (evidence.n_words, evidence.no_speech) == (2, 0.5)
    assert evidence.log_prob == pytest.approx(np.log(0.1), abs=1e-3)


def test_what_stands_under_films_was_not_said_in_this_house(scripted: Scripted) -> None:
    encoder = WhisperEncoder(scripted, settings())
    for text, heard in (
        (" Thanks for watching!", ""),
        (" Thanks for coming!", "Thanks for coming!"),
    ):
        scripted.texts = [text]
        assert encoder.encode(said(silence(1.0))).transcript.text == heard


@pytest.mark.parametrize("seconds", [0.0, 5.0, 27.9, 28.1, 61.7, 200.0])
def test_pieces_are_the_whole_and_each_fits(seconds: float) -> None:
    samples = np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    cut = list(pieces(samples.astype(np.float32), 30))
    np.testing.assert_array_equal(
        np.concatenate([piece for _, piece in cut]), samples.astype(np.float32)
    )
    assert all(len(piece) <= 28 * SAMPLE_RATE for _, piece in cut)
    assert all(len(piece) >= 20 * SAMPLE_RATE for _, piece in cut[:-1])
    at = 0
    for start, piece in cut:
        assert start * SAMPLE_RATE == at
        assert at % HOP == 0
        at += len(piece)


def test_of_a_story_that_goes_on_only_what_is_new_is_heard_again(scripted: Scripted) -> None:
    scripted.texts = [" Once.", " Twice.", " Twice again.", " Another."]
    encoder = WhisperEncoder(scripted, settings())
    loud = np.random.default_rng(0).standard_normal(45 * SAMPLE_RATE).astype(np.float32) * 0.1
    assert encoder.encode(said(loud[: 35 * SAMPLE_RATE])).transcript.text == "Once. Twice."
    assert encoder.encode(said(loud)).transcript.text == "Once. Twice again."
    encoder.encode(said(loud[:SAMPLE_RATE]))
    assert encoder._known == {}  # nothing is kept of an earlier utterance
