from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from assistant.errors import GenerationError, GGUFError, MismatchError
from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from assistant.generate.native import LlamaContext, Model, Sampler
from assistant.generate.vocabulary import vocabulary
from assistant.values import SoftPrompt
from tests.generate.asking import A, B, ask, logits_after, soft
from tests.generate.bare import bare
from tests.generate.toys import IM_END, Load, Toy, chained, settings, write

# What does not go well


@pytest.mark.parametrize("as_rows", [False, True])
def test_a_prompt_that_does_not_fit_is_refused_and_the_session_goes_on(
    load: Load, *, as_rows: bool
) -> None:
    session = load(chained(A, IM_END), n_ctx=96)
    words = "q" * 100

    with pytest.raises(GenerationError, match="prompt and reply together may take 96"):
        ask(session, soft(session, words) if as_rows else words)

    assert list(ask(session)) == ["a"]


def test_of_a_story_longer_than_the_context_the_end_is_answered(load: Load) -> None:
    session = load(chained(A, IM_END), n_ctx=256, max_tokens=16)
    story = " ".join(f"word{number}" for number in range(200))
    words = session.words(story)
    assert story.endswith(words.strip())
    assert 10 < len(words.split()) < 200
    assert list(ask(session, words)) == ["a"]
    assert session.words("one two") == " one two"


def test_a_prompt_longer_than_a_batch_is_decoded_in_pieces(load: Load) -> None:
    small = load(Toy(), n_batch=8)
    large = load(Toy(), n_batch=512)
    words = "hello you, the inn " * 5

    np.testing.assert_allclose(
        logits_after(small, small.tokenize(words, special=False)),
        logits_after(large, large.tokenize(words, special=False)),
        atol=1e-4,
    )
    for user in (words, soft(small, words)):
        stream = ask(small, user)
        list(stream)
        assert stream.stats.user_tokens == len(small.tokenize(words, special=False)) > 16


def test_more_rows_than_a_batch_never_reach_llama_cpp(load: Load) -> None:
    session = load(Toy(), n_batch=8)

    with pytest.raises(ValueError, match="9 rows do not fit a batch of 8"):
        session._context.decode(np.arange(9, dtype=np.int32), 0, logits=True)


def test_a_gap_in_the_positions_is_an_error_and_the_session_goes_on(load: Load) -> None:
    session = load(chained(A, IM_END))

    with pytest.raises(GenerationError, match="refused as invalid"):
        session._context.decode(np.array([A], np.int32), 300, logits=True)

    assert list(ask(session)) == ["a"]


def test_a_soft_prompt_for_another_model_is_refused(load: Load) -> None:
    session = load(Toy())
    prompt = SoftPrompt(np.zeros((3, 32), np.float32), bridge="b1", confidence=1.0, heard="")

    with pytest.raises(MismatchError, match=r"\(3, 32\).*rows of 64.*learned for this model"):
        ask(session, prompt)


def test_a_soft_prompt_that_is_not_a_number_is_refused(load: Load) -> None:
    session = load(Toy())
    rows = np.full((3, 64), np.nan, np.float32)

    with pytest.raises(GenerationError, match="not numbers"):
        ask(session, SoftPrompt(rows, bridge="b1", confidence=1.0, heard=""))


def test_a_soft_prompt_without_rows_is_answered(load: Load) -> None:
    session = load(chained(A, IM_END))
    nothing = SoftPrompt(np.zeros((0, 320), np.float32), bridge="b1", confidence=0.0, heard="")
    stream = ask(session, nothing)

    assert list(stream) == ["a"]
    assert stream.stats.user_tokens == 0


def test_the_soft_prompt_is_not_changed(load: Load) -> None:
    session = load(Toy("gemma3"))
    prompt = soft(session, "hello")
    before = prompt.rows.copy()

    list(ask(session, prompt))

    assert np.array_equal(prompt.rows, before)


def test_a_new_turn_ends_the_old_one(load: Load) -> None:
    session = load(chained(A, B, A))
    old = ask(session)
    next(old)
    new = ask(session)
    next(new)

    with pytest.raises(RuntimeError, match="another turn"):
        next(old)
    assert next(new) == "b"


def test_a_turn_left_unfinished_leaves_no_trace(load: Load) -> None:
    session = load(Toy(), max_tokens=30)
    whole = "".join(ask(session, "hello"))

    next(ask(session, "you"))

    assert "".join(ask(session, "hello")) == whole


def test_truncated_files_are_refused_before_llama_cpp_sees_them(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy())
    data = path.read_bytes()

    for length in range(0, len(data), len(data) // 23):
        path.write_bytes(data[:length])
        with pytest.raises(GGUFError, match="GGUF"):
            LlamaSession(settings(path))


# llama.cpp would end the process over each.
@pytest.mark.parametrize(
    ("toy", "written", "damaged", "complaint"),
    [
        (Toy(), b"\x02\0\0\0\0\0\0\0he", b"\x02\0\0\0\0\0\0\0ll", "an entry twice"),
        (
            Toy(),
            b"ggml.token_type\x09\0\0\0\x05",
            b"ggml.token_type\x09\0\0\0\x06",
            "token_type does not",
        ),
        (Toy(), b"\x04\0\0\0\0\0\0\0gpt2", b"\x04\0\0\0\0\0\0\0none", "no tokenizer"),
        (Toy(sentencepiece=True), b"<0xC3>", b"<0xQQ>", "cannot spell the byte 195"),
        (Toy(sentencepiece=True), b"<0x00>", b"<0xQQ>", "cannot spell the byte 0"),
    ],
)
def test_vocabularies_that_llama_cpp_cannot_take_are_refused(
    tmp_path: Path, toy: Toy, written: bytes, damaged: bytes, complaint: str
) -> None:
    path = write(tmp_path / "toy.gguf", toy)
    data = path.read_bytes()
    assert data.count(written) == 1
    path.write_bytes(data.replace(written, damaged))

    with pytest.raises(GGUFError, match=complaint):
        LlamaSession(settings(path))
    with pytest.raises(GGUFError, match=complaint), vocabulary(path):
        pass


def test_empty_entries_of_a_vocabulary_are_no_repetition(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_token_list(["", "a", ""])
        writer.add_tensor("token_embd.weight", np.zeros((3, 32), np.float32))

    GGUFFile(bare(tmp_path / "a.gguf", fill)).check_vocabulary()


def test_what_llama_cpp_refuses_is_said_with_its_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "toy.gguf", Toy())
    data = path.read_bytes()
    path.write_bytes(data.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_oh.weight", 1))

    with pytest.raises(GGUFError, match=r"'blk\.1\.ffn_up\.weight' not found") as raised:
        LlamaSession(settings(path))

    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_weights_that_are_not_numbers_are_found_out(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy())
    data = bytearray(path.read_bytes())
    at = GGUFFile(path).tensors["output_norm.weight"].offset
    data[at : at + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(data)

    with pytest.raises(GenerationError, match="not a number"):
        LlamaSession(settings(path))


def test_an_unusable_template_is_found_at_load(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy(template="{% for"))

    with pytest.raises(GGUFError, match="chat template"):
        LlamaSession(settings(path))


# Housekeeping


def test_a_model_without_template_answers(load: Load) -> None:
    stream = ask(load(Toy(template=None), max_tokens=3))
    list(stream)

    assert stream.stats.header_tokens == len("\n\nAssistant:")


def test_the_fingerprint_follows_the_file(load: Load) -> None:
    one, same = load(Toy()), load(Toy())

    assert one.fingerprint == same.fingerprint
    assert one.fingerprint.startswith(one.gguf.embedding_fingerprint)
    assert load(Toy(n_layer=1)).fingerprint != one.fingerprint
    assert load(Toy(seed=1)).fingerprint != one.fingerprint


def test_llama_cpp_logs_to_logging(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "toy.gguf", Toy())

    with caplog.at_level(logging.DEBUG, "assistant.generate.native"):
        LlamaSession(settings(path)).close()

    assert any("general.architecture" in message for message in caplog.messages)
    assert capfd.readouterr() == ("", "")


def test_closing_twice_is_harmless_and_a_closed_session_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy())
    with LlamaSession(settings(path)) as session:
        stream = ask(session)
        next(stream)
    session.close()

    with pytest.raises(RuntimeError, match="closed"):
        next(stream)
    with pytest.raises(RuntimeError, match="closed"):
        session.tokenize("hello", special=False)
    with pytest.raises(RuntimeError, match="closed"):
        logits_after(session, [A])


def test_vocabulary_alone_is_enough_to_tokenize(load: Load) -> None:
    session = load(Toy())
    model = Model(session.gguf.path, vocab_only=True)

    assert model.tokenize("hello you", special=False) == session.tokenize(
        "hello you", special=False
    )
    model.close()
    model.close()


def test_parts_can_be_closed_twice(load: Load) -> None:
    session = load(Toy())
    model = Model(session.gguf.path)
    context = LlamaContext(model, n_ctx=64, n_batch=8, threads=1)
    sampler = Sampler(top_k=1, temperature=1.0, seed=0)

    for part in (sampler, context, model):
        part.close()
        part.close()

    with pytest.raises(RuntimeError, match="closed"):
        context.keep(0)
    with pytest.raises(RuntimeError, match="closed"):
        sampler.reseed()
