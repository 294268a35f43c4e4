"""A low-rank adapter changes how its model answers, and no other model."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import starter_dir
from assistant.errors import GGUFError, MismatchError
from assistant.generate.adapter import BASE, BUNDLED, adapter_for
from assistant.generate.gguf import GGUFFile, GGUFHeader
from assistant.generate.llama import LlamaSession
from tests.generate import adapters
from tests.generate.asking import ask
from tests.generate.toys import Toy, settings, write


@pytest.fixture
def model(tmp_path: Path) -> GGUFFile:
    return GGUFFile(write(tmp_path / "toy.gguf", Toy()))


def reply(path: Path, **changes: object) -> str:
    with LlamaSession(settings(path, **changes)) as session:
        return "".join(ask(session))


def test_it_changes_the_reply_and_not_the_words(model: GGUFFile, tmp_path: Path) -> None:
    adapter = adapters.write(tmp_path / "a.gguf", model)
    plain = reply(model.path)
    assert reply(model.path, adapter=adapter) != plain
    assert reply(model.path, adapter="") == reply(model.path, adapter="auto") == plain
    with LlamaSession(settings(model.path, adapter=adapter)) as session:
        assert session.gguf.embedding_fingerprint == model.embedding_fingerprint
        assert session.probe.difference == 0


def test_one_of_another_model_is_refused(model: GGUFFile, tmp_path: Path) -> None:
    adapter = adapters.write(tmp_path / "a.gguf", model)
    other = write(tmp_path / "other.gguf", Toy(seed=1))
    with pytest.raises(MismatchError, match=r"a\.gguf was made for another model than other\.gguf"):
        reply(other, adapter=adapter)


def test_one_that_does_not_say_its_model_has_to_fit_its_sizes(
    model: GGUFFile, tmp_path: Path
) -> None:
    fitting = adapters.write(tmp_path / "a.gguf", model)
    nameless = fitting.read_bytes().replace(BASE.encode(), BASE.encode().swapcase())
    fitting.write_bytes(nameless)
    assert reply(model.path, adapter=fitting) != reply(model.path)
    other = write(tmp_path / "other.gguf", Toy(n_ff=64))
    with pytest.raises(GGUFError, match=r"llama\.cpp cannot use the adapter .*a\.gguf: .*shape"):
        reply(other, adapter=fitting)


def test_one_that_changes_the_words_themselves_is_refused(model: GGUFFile, tmp_path: Path) -> None:
    adapter = adapters.write(tmp_path / "a.gguf", model, tensor="token_embd.weight")
    with pytest.raises(MismatchError, match="changes the model's words themselves"):
        reply(model.path, adapter=adapter)


def test_what_is_no_adapter_is_refused(model: GGUFFile, tmp_path: Path) -> None:
    with pytest.raises(GGUFError, match="is not a low-rank adapter that Attune can use"):
        reply(model.path, adapter=model.path)
    other = adapters.write(tmp_path / "a.gguf", model, kind="imatrix")
    with pytest.raises(GGUFError, match="is not a low-rank adapter that Attune can use"):
        reply(model.path, adapter=other)
    with pytest.raises(GGUFError, match=r"Cannot read .*none\.gguf.* Set generate\.adapter to"):
        reply(model.path, adapter=tmp_path / "none.gguf")
    (tmp_path / "text").write_text("not a model, but long enough to be one")
    with pytest.raises(GGUFError, match=r"text is not a GGUF file; set generate\.adapter to one"):
        reply(model.path, adapter=tmp_path / "text")


def test_the_bundled_one_is_for_one_model_alone(model: GGUFFile) -> None:
    bundled = GGUFHeader(starter_dir() / BUNDLED)
    assert bundled.size <= 12_000_000
    assert isinstance(bundled.get(BASE), str)
    assert not any("token_embd" in name for name in bundled.tensors)
    assert adapter_for(settings(model.path), model) is None


def test_one_that_comes_with_attune_is_used_with_its_model_alone(
    model: GGUFFile, tmp_path: Path
) -> None:
    ours = adapters.write(tmp_path / "a.gguf", model)
    other = GGUFFile(write(tmp_path / "other.gguf", Toy(seed=1)))
    assert adapter_for(settings(model.path), model, ours) == ours
    assert adapter_for(settings(other.path), other, ours) is None
    assert adapter_for(settings(model.path, adapter=""), model, ours) is None
    assert adapter_for(settings(model.path), model, tmp_path / "none") is None
