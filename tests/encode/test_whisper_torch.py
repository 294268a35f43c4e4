"""Whisper folders as the hub lays them out, with toy weights, against transformers."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperForConditionalGeneration
from transformers.generation.utils import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput

from assistant.config import EncodeSettings
from assistant.encode.encoder import open_encoder
from assistant.encode.tokens import Tokens
from assistant.encode.whisper import Encoded, WhisperEncoder
from assistant.encode.whisper_torch import TorchEngine, _warped
from assistant.errors import EncoderError
from assistant.values import SAMPLE_RATE
from tests.encode import tiny
from tests.encode.sounds import said, utterance

SEEDS = (0, 1, 2, 3)


def settings(folder: Path, **changes: object) -> EncodeSettings:
    return EncodeSettings.model_validate({"path": folder, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_speaking_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> TorchEngine:
    return TorchEngine(settings(folder))


@pytest.fixture(scope="module")
def tokens(engine: TorchEngine) -> Tokens:
    assert engine.tokens is not None
    return engine.tokens


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return WhisperForConditionalGeneration.from_pretrained(folder).eval()


def sound(seed: int) -> Encoded:
    """Frames of no sound in particular; the toy's own differ too little from one another."""
    frames = torch.randn(1, tiny.WHISPER_S * 50, tiny.HIDDEN, generator=seeded(seed))
    return Encoded(frames[0].numpy(), frames)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generated(theirs: Any, heard: Encoded, prompt: list[int], longest: int) -> list[int]:
    """What transformers writes after a prompt, up to the end of the text."""
    found: list[int] = (
        cast("Any", GenerationMixin)
        .generate(
            theirs,
            encoder_outputs=BaseModelOutput(last_hidden_state=heard.handle),
            decoder_input_ids=torch.tensor([prompt]),
            max_new_tokens=longest,
            do_sample=False,
            num_beams=1,
        )[0]
        .tolist()
    )
    text = found[len(prompt) :]
    return list(itertools.takewhile(lambda token: token != theirs.config.eos_token_id, text))


@pytest.mark.parametrize("expected", [(), ("Bob", "Eve")])
def test_it_writes_what_transformers_writes(
    expected: tuple[str, ...], engine: TorchEngine, tokens: Tokens, theirs: Any
) -> None:
    written: set[tuple[int, ...]] = set()
    for seed, language in ((0, "en"), (0, "de"), (1, "de"), (2, "fr")):
        heard = sound(seed)
        prompt = [*tokens.expecting(expected, 20), *tokens.start(language)]
        ours = engine.decode(heard, prompt, beam=5, longest=12, again=False).tokens
        assert ours == generated(theirs, heard, prompt, 12)
        assert all(token < tokens.end for token in ours)
        written.add(tuple(ours))
    assert len(written) >= 3  # it depends on the sound


def test_it_ends_where_transformers_ends(tmp_path: Path) -> None:
    folder = tiny.write_speaking_whisper(tmp_path)
    path = folder / "generation_config.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["suppress_tokens"] = [each for each in range(266) if each not in (70, 71, 72, 256)]
    path.write_text(json.dumps(told), encoding="utf-8")
    theirs = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    engine = TorchEngine(settings(folder))
    assert engine.tokens is not None
    assert engine.tokens.end == 256
    start = engine.tokens.start("en")
    lengths: set[int] = set()
    for seed in range(8):
        ours = engine.decode(sound(seed), start, beam=1, longest=12, again=False).tokens
        assert ours == generated(theirs, sound(seed), start, 12)
        lengths.add(len(ours))
    assert len(lengths) > 1


def test_nobody_speaks_as_likely_as_transformers_has_it(
    engine: TorchEngine, tokens: Tokens, theirs: Any
) -> None:
    start = tokens.start("en")
    for prompt in (start, [*tokens.expecting(("Bob",), 9), *start]):
        heard = sound(0)
        found = engine.decode(heard, prompt, beam=1, longest=2, again=False)
        upto = torch.tensor([prompt[: prompt.index(start[0]) + 1]])
        with torch.inference_mode():
            logits = theirs(
                encoder_outputs=BaseModelOutput(last_hidden_state=heard.handle),
                decoder_input_ids=upto,
            ).logits[0, -1]
        wanted = logits.softmax(-1)[tokens.no_speech]
        assert found.no_speech == pytest.approx(float(wanted), rel=1e-3)


def test_asked_again_no_three_tokens_come_twice(engine: TorchEngine, tokens: Tokens) -> None:
    looped = 0
    for seed in SEEDS:
        for again in (False, True):
            found = engine.decode(
                sound(seed), tokens.start("en"), beam=1, longest=30, again=again
            ).tokens
            threes = list(zip(found, found[1:], found[2:], strict=False))
            if again:
                assert len(set(threes)) == len(threes)
            else:
                looped += len(set(threes)) < len(threes)
    assert looped > 0


def test_no_more_is_written_than_asked_for(engine: TorchEngine, tokens: Tokens) -> None:
    for longest in (0, 1, 7):
        found = engine.decode(sound(0), tokens.start("en"), beam=1, longest=longest, again=False)
        assert len(found.tokens) == longest


def test_the_likeliest_language_is_heard(engine: TorchEngine, tokens: Tokens, theirs: Any) -> None:
    languages = {name: tokens.start(name)[1] for name in ("en", "de", "fr")}
    found: list[str] = []
    for seed in range(12):
        with torch.inference_mode():
            logits = theirs(
                encoder_outputs=BaseModelOutput(last_hidden_state=sound(seed).handle),
                decoder_input_ids=torch.tensor([tokens.start("en")[:1]]),
            ).logits[0, 0]
        found.append(engine.language(sound(seed)))
        assert found[-1] == max(languages, key=lambda name: float(logits[languages[name]]))
    assert len(set(found)) > 1


def test_tokens_have_times_in_order_and_the_probabilities_of_transformers(
    engine: TorchEngine, tokens: Tokens, theirs: Any
) -> None:
    start = tokens.start("de")
    for seed, length in ((0, 1), (1, 2), (2, 25), (3, 25)):
        heard = sound(seed)
        text = torch.randint(0, tokens.end, (length,), generator=seeded(seed)).tolist()
        aligned = engine.align(heard, start, text)
        assert aligned.seconds.shape == (length + 1,)
        assert aligned.probabilities.shape == (length,)
        assert (np.diff(aligned.seconds) >= 0).all()
        assert aligned.seconds[0] == 0.0
        assert aligned.seconds[-1] < tiny.WHISPER_S
        with torch.inference_mode():
            logits = theirs(
                encoder_outputs=BaseModelOutput(last_hidden_state=heard.handle),
                decoder_input_ids=torch.tensor([[*start, *text]]),
            ).logits[0, len(start) - 1 : -1]
        wanted = logits.softmax(-1)[range(length), text]
        np.testing.assert_allclose(aligned.probabilities, wanted, rtol=1e-3)


def test_the_heads_that_are_told_say_where_tokens_are(
    engine: TorchEngine, tokens: Tokens, folder: Path, tmp_path: Path
) -> None:
    other = tiny.write_speaking_whisper(tmp_path)
    path = other / "generation_config.json"
    told = json.loads(path.read_text(encoding="utf-8")) | {"alignment_heads": [[0, 1]]}
    path.write_text(json.dumps(told), encoding="utf-8")
    text = torch.randint(0, tokens.end, (20,), generator=seeded(0)).tolist()
    ours = engine.align(sound(0), tokens.start("en"), text)
    theirs = TorchEngine(settings(other)).align(sound(0), tokens.start("en"), text)
    assert folder != other
    assert not np.array_equal(ours.seconds, theirs.seconds)
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, rtol=1e-4)


def test_texts_are_weighed_as_transformers_would(
    engine: TorchEngine, tokens: Tokens, theirs: Any
) -> None:
    encoded, start = sound(0), tokens.start("en")
    texts = [tokens.of("ab"), tokens.of("what time is it"), tokens.of("c")]
    found = engine.weigh(encoded.frames, start, texts)
    for text, weight in zip(texts, found, strict=True):
        given = torch.tensor([[*start, *text]])
        with torch.inference_mode():
            output = theirs(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded.handle),
                decoder_input_ids=given,
            )
        logs = output.logits[0, len(start) - 1 : -1, : tokens.end].log_softmax(-1)
        wanted = sum(float(logs[at, token]) for at, token in enumerate(text))
        assert weight == pytest.approx(wanted, rel=1e-4)


def test_the_cheapest_way_is_found() -> None:
    for seed, rows, columns in ((0, 3, 5), (1, 4, 4), (2, 1, 6), (3, 5, 2)):
        costs = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)

        def cheapest(row: int, column: int, costs: Any = costs) -> float:
            before = [
                cheapest(row - down, column - right)
                for down, right in ((1, 1), (1, 0), (0, 1))
                if row >= down and column >= right
            ]
            return float(costs[row, column]) + min(before, default=0.0)

        found = _warped(costs)
        assert (np.diff(found) >= 0).all()
        assert found[0] == 0
        # between two beginnings a row keeps what is cheapest for it, in the last one to the end
        total = 0.0
        for row in range(rows):
            first = int(found[row])
            last = int(found[row + 1]) if row + 1 < rows else columns - 1
            until = [last, last - 1] if row + 1 < rows and last > first else [last]
            total += min(float(costs[row, first : each + 1].sum()) for each in until)
        assert total == pytest.approx(cheapest(rows - 1, columns - 1), abs=1e-5)


def test_tokens_on_the_diagonal_begin_one_after_the_other() -> None:
    costs = np.ones((4, 12), np.float32)
    for row in range(4):
        costs[row, 3 * row : 3 * row + 3] = -1
    np.testing.assert_array_equal(_warped(costs), [0, 3, 6, 9])


def test_a_recording_is_read_as_a_whole(folder: Path, engine: TorchEngine, tokens: Tokens) -> None:
    encoder = open_encoder(settings(folder, words=("Bob",), language="auto"))
    assert isinstance(encoder, WhisperEncoder)
    assert encoder.transcribes
    assert encoder.fingerprint == engine.fingerprint
    heard = utterance(5 * SAMPLE_RATE)
    frames, transcript, evidence = encoder.hear(heard)
    assert frames.shape == (250, tiny.HIDDEN)
    assert evidence.n_words == len(transcript.spoken.split())
    edges = [edge for word in transcript.words for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    assert all(edge <= heard.seconds for edge in edges)
    assert tokens.text(tokens._tokenizer.encode("ab").ids) == "ab"


def test_of_english_alone_no_language_is_told(tmp_path: Path) -> None:
    folder = tiny.write_speaking_whisper(tmp_path, multilingual=False)
    engine = TorchEngine(settings(folder))
    assert engine.tokens is not None
    assert len(engine.tokens.start("en")) == 2
    assert engine.language(sound(0)) == "en"
    with pytest.raises(EncoderError, match="only knows English"):
        open_encoder(settings(folder, language="de"))


def test_a_language_that_it_does_not_know_is_refused(folder: Path) -> None:
    with pytest.raises(EncoderError, match=r"does not know the language 'xx'"):
        open_encoder(settings(folder, language="xx"))


def test_without_a_tokenizer_it_writes_nothing(tmp_path: Path) -> None:
    folder = tiny.write_speaking_whisper(tmp_path)
    (folder / "tokenizer.json").unlink()
    encoder = open_encoder(settings(folder, language="xx"))
    assert not encoder.transcribes
    assert encoder.encode(utterance(16_000)).transcript.text == ""


def test_a_damaged_tokenizer_or_half_a_decoder_is_told(tmp_path: Path) -> None:
    folder = tiny.write_speaking_whisper(tmp_path)
    whole = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(whole[: len(whole) // 2], encoding="utf-8")
    with pytest.raises(EncoderError, match=r"tokenizer\.json is missing or damaged"):
        open_encoder(settings(folder))
    (folder / "tokenizer.json").write_text(whole, encoding="utf-8")
    weights = load_file(folder / "model.safetensors")
    del weights["model.decoder.layers.1.fc1.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"lacks 1 weights, layers\.1\.fc1\.bias among them"):
        open_encoder(settings(folder))


def test_in_int8_the_same_is_written_after_nearly_the_same_frames(folder: Path) -> None:
    exact, rounded = TorchEngine(settings(folder)), TorchEngine(settings(folder, execution="int8"))
    samples = said(utterance(30_000).samples).samples
    ours, theirs = rounded.encode(samples), exact.encode(samples)
    assert not np.array_equal(ours.frames, theirs.frames)
    assert (rounded.execution, exact.execution) == ("int8", "float")
    assert rounded.fingerprint == exact.fingerprint
    start = exact.tokens.start("en") if exact.tokens is not None else []
    read = [
        each.decode(theirs, start, beam=1, longest=20, again=False) for each in (exact, rounded)
    ]
    assert read[0].tokens == read[1].tokens
