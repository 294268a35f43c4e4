from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter

from assistant.errors import GGUFError
from assistant.generate.gguf import GGUFFile
from tests.generate.bare import bare
from tests.generate.toys import CHATML, MERGES, N_VOCAB, SPECIALS, Toy, vocabulary, write


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return write(tmp_path / "toy.gguf", Toy())


def refused(path: Path) -> str:
    """The one-line message with which a file is refused."""
    with pytest.raises(GGUFError) as raised:
        GGUFFile(path)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_header_tells_what_the_model_is(toy: Path) -> None:
    gguf = GGUFFile(toy)

    assert gguf.architecture == "llama"
    assert gguf.embedding_length == 64
    assert gguf.n_vocab == N_VOCAB
    assert gguf.chat_template == CHATML
    assert (gguf.bos, gguf.eos) == ("<|endoftext|>", "<|im_end|>")
    assert gguf.size == toy.stat().st_size


def test_metadata_of_every_kind(toy: Path) -> None:
    gguf = GGUFFile(toy)

    assert gguf.get("llama.block_count") == 2
    assert gguf.get("llama.rope.freq_base") == 10_000.0
    assert gguf.get("tokenizer.ggml.add_bos_token") is False
    assert gguf.get("tokenizer.ggml.model") == "gpt2"
    assert gguf.get("tokenizer.ggml.merges") == MERGES
    assert gguf.get("tokenizer.ggml.token_type") == [1] * (N_VOCAB - 3) + [3] * 3
    assert gguf.get("no.such.key") is None


def test_tokens_are_the_vocabulary_as_written(toy: Path) -> None:
    tokens = GGUFFile(toy).tokens()

    assert tokens == vocabulary()
    assert tokens[-3:] == SPECIALS


def test_model_without_template_says_so(tmp_path: Path) -> None:
    assert GGUFFile(write(tmp_path / "toy.gguf", Toy(template=None))).chat_template is None


def test_tensor_places_agree_with_the_file(toy: Path) -> None:
    norm = GGUFFile(toy).tensors["output_norm.weight"]

    values = np.frombuffer(toy.read_bytes(), np.float32, 64, norm.offset)

    assert norm.shape == (64,)
    assert np.all((values > 0.5) & (values < 1.5))  # the toys draw norms around 1


@pytest.mark.parametrize(
    ("storage", "error"),
    [
        (GGMLQuantizationType.F32, 0.0),
        (GGMLQuantizationType.F16, 0.002),
        (GGMLQuantizationType.BF16, 0.02),
        (GGMLQuantizationType.Q8_0, 0.02),
        (GGMLQuantizationType.Q4_0, 0.4),
    ],
)
def test_rows_are_the_embeddings_that_were_written(
    tmp_path: Path, storage: GGMLQuantizationType, error: float
) -> None:
    exact = GGUFFile(write(tmp_path / "exact.gguf", Toy())).table()
    gguf = GGUFFile(write(tmp_path / "stored.gguf", Toy(embedding_type=storage)))

    rows = gguf.rows([5, 0, N_VOCAB - 1, 5])

    assert rows.dtype == np.float32
    assert rows.shape == (4, 64)
    assert np.abs(rows - exact[[5, 0, N_VOCAB - 1, 5]]).max() <= error
    assert np.array_equal(rows[0], rows[3])


def test_table_is_all_rows_in_order(tmp_path: Path) -> None:
    gguf = GGUFFile(write(tmp_path / "toy.gguf", Toy(embedding_type=GGMLQuantizationType.Q8_0)))
    pieces = list(gguf.all_rows(chunk=100))

    assert [len(piece) for piece in pieces] == [100, 100, N_VOCAB - 200]
    assert np.array_equal(np.concatenate(pieces), gguf.table())
    assert np.array_equal(gguf.rows(range(N_VOCAB)), gguf.table())


def test_no_rows_of_no_tokens(toy: Path) -> None:
    assert GGUFFile(toy).rows([]).shape == (0, 64)


@pytest.mark.parametrize("token", [-1, N_VOCAB])
def test_rows_outside_the_vocabulary_are_an_error(toy: Path, token: int) -> None:
    with pytest.raises(IndexError, match=f"0 to {N_VOCAB - 1}"):
        GGUFFile(toy).rows([token])


def test_rows_outlive_the_file_object(toy: Path) -> None:
    rows = GGUFFile(toy).rows([1, 2, 3])

    assert np.array_equal(rows, GGUFFile(toy).table()[1:4])
    assert rows.flags.writeable


def test_file_that_is_cut_off_while_it_is_in_use_is_an_error(toy: Path) -> None:
    gguf = GGUFFile(toy)
    os.truncate(toy, gguf.tensors["token_embd.weight"].offset + 100)

    with pytest.raises(GGUFError, match=r"truncated while it was open.*Download it again"):
        gguf.rows([5])


def test_fingerprint_follows_the_embedding_table_only(tmp_path: Path) -> None:
    def fingerprint(name: str, toy: Toy) -> str:
        return GGUFFile(write(tmp_path / name, toy)).embedding_fingerprint

    original = fingerprint("a.gguf", Toy())

    assert re.fullmatch("[0-9a-f]{32}", original)
    assert fingerprint("b.gguf", Toy()) == original
    assert fingerprint("c.gguf", Toy(n_layer=1, template=None)) == original
    assert fingerprint("d.gguf", Toy(seed=1)) != original
    assert fingerprint("e.gguf", Toy(architecture="qwen2")) != original
    assert fingerprint("f.gguf", Toy(embedding_type=GGMLQuantizationType.F16)) != original


def test_fingerprint_follows_the_vocabulary(toy: Path) -> None:
    original = GGUFFile(toy).embedding_fingerprint
    data = toy.read_bytes()
    toy.write_bytes(data.replace(b"<|im_start|>", b"<|im_begin|>", 1))

    assert GGUFFile(toy).embedding_fingerprint != original


def test_every_truncation_is_refused(toy: Path) -> None:
    data = toy.read_bytes()
    header = min(tensor.offset for tensor in GGUFFile(toy).tensors.values())
    lengths = {0, 1, 4, 23, 24, 25, len(data) - 1, len(data) - 4, header, header + 1}
    lengths |= set(range(26, header, 41)) | set(range(header, len(data), 5_003))
    assert len(lengths) > 100

    for length in lengths:
        toy.write_bytes(data[:length])
        assert str(toy) in refused(toy)


def test_damaged_headers_never_do_worse_than_an_error(toy: Path) -> None:
    data = bytearray(toy.read_bytes())
    header = min(tensor.offset for tensor in GGUFFile(toy).tensors.values())
    random = np.random.default_rng(1)
    refusals: list[str] = []
    for place in random.integers(0, header, 600):
        damaged = bytearray(data)
        damaged[place] ^= int(random.integers(1, 256))
        toy.write_bytes(damaged)
        try:
            gguf = GGUFFile(toy)
            gguf.rows([0])
            gguf.tokens()
        except GGUFError as error:
            refusals.append(str(error))

    assert 100 < len(refusals) < 600
    assert all(refusal.isprintable() for refusal in refusals)


HUGE = 1 << 62


@pytest.mark.parametrize(
    ("at", "number", "complaint"),
    [
        (8, HUGE, "tensors"),
        (16, HUGE, "metadata entries"),
        (24, HUGE, "a key of"),
    ],
)
def test_lying_counts_are_refused(toy: Path, at: int, number: int, complaint: str) -> None:
    data = bytearray(toy.read_bytes())
    struct.pack_into("<Q", data, at, number)
    toy.write_bytes(data)

    assert complaint in refused(toy)


def patched(toy: Path, after: bytes, skip: int, value: bytes) -> str:
    """The complaint once some bytes behind a name in the header are overwritten."""
    data = bytearray(toy.read_bytes())
    at = data.index(after) + len(after) + skip
    data[at : at + len(value)] = value
    toy.write_bytes(data)
    return refused(toy)


def test_lying_arrays_are_refused(toy: Path) -> None:
    # Behind the key: the value's type (4 bytes), the elements' type (4), their number (8).
    assert "strings in" in patched(toy, b"ggml.tokens", 8, struct.pack("<Q", HUGE))


def test_unknown_value_types_are_refused(toy: Path) -> None:
    assert "unknown type 77" in patched(toy, b"ggml.tokens", 0, struct.pack("<I", 77))


def test_nested_arrays_are_refused(toy: Path) -> None:
    assert "unknown type 9" in patched(toy, b"ggml.tokens", 4, struct.pack("<I", 9))


# Behind a tensor's name: the number of dimensions (4 bytes), each of them (8), type (4), offset.
@pytest.mark.parametrize(
    ("skip", "value", "complaint"),
    [
        (0, struct.pack("<I", 9), "9 dimensions"),
        (4, struct.pack("<Q", 0), "impossible shape"),
        (4, struct.pack("<Q", HUGE), "past its end"),
        (4, struct.pack("<Q", 32), "32 wide"),
        (12, struct.pack("<Q", N_VOCAB - 1), "vocabulary has"),
        (20, struct.pack("<I", 4_000), "tensor type 4000"),
        (20, struct.pack("<I", GGMLQuantizationType.Q6_K), "impossible shape"),
        (24, struct.pack("<Q", HUGE), "past its end"),
        (24, struct.pack("<Q", 7), "alignment"),
    ],
)
def test_lying_tensors_are_refused(toy: Path, skip: int, value: bytes, complaint: str) -> None:
    assert complaint in patched(toy, b"token_embd.weight", skip, value)


def test_big_endian_is_named(toy: Path) -> None:
    data = bytearray(toy.read_bytes())
    struct.pack_into(">I", data, 4, 3)
    toy.write_bytes(data)

    assert "big-endian" in refused(toy)


def test_other_versions_are_refused(toy: Path) -> None:
    data = bytearray(toy.read_bytes())
    struct.pack_into("<I", data, 4, 1)
    toy.write_bytes(data)

    assert "version is 1" in refused(toy)


def test_text_is_not_a_gguf(tmp_path: Path) -> None:
    path = tmp_path / "letter.gguf"
    path.write_text("Dear reader, this is no model at all.")

    assert "not a GGUF file" in refused(path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.gguf")


def test_folder_is_an_error(tmp_path: Path) -> None:
    assert str(tmp_path) in refused(tmp_path)


def test_model_without_embeddings_is_refused(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_tensor("something.weight", np.zeros((4, 32), np.float32))

    assert "token_embd.weight" in refused(bare(tmp_path / "a.gguf", fill))


def test_model_without_vocabulary_is_refused(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))

    assert "0 entries for 4 embeddings" in refused(bare(tmp_path / "a.gguf", fill))


def test_split_model_is_refused_with_advice(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_uint16("split.count", 3)
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))

    assert "merge" in refused(bare(tmp_path / "a.gguf", fill))


def test_alignment_of_zero_is_refused(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_uint32("general.alignment", 0)
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))

    assert "alignment is 0" in refused(bare(tmp_path / "a.gguf", fill))


def test_embeddings_in_an_unreadable_type_are_refused(tmp_path: Path) -> None:
    def fill(writer: GGUFWriter) -> None:
        writer.add_token_list(["a", "b"])
        raw = np.zeros((2, 18), np.uint8)
        writer.add_tensor("token_embd.weight", raw, raw_dtype=GGMLQuantizationType.Q1_0)

    gguf = GGUFFile(bare(tmp_path / "a.gguf", fill, width=128))

    with pytest.raises(GGUFError, match="Q1_0"):
        gguf.rows([0])
