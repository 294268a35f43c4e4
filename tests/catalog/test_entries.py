from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assistant.catalog.entries import (
    SPARE_MB,
    STARTER,
    Board,
    Catalog,
    CatalogEntry,
    HubSource,
    IndexSource,
    ModelSet,
    Role,
    read,
)
from assistant.errors import CatalogError
from tests.catalog.models import HUB, entry, known

FILES = {"a.bin": b"aa", "b.bin": b"bbb"}

WHEEL = {"project": "some-wheel", "version": "1.0", "size": 100}

INDEX = {
    "kind": "index", "wheels": [WHEEL], "members": {"a.bin": ["m/a"], "b.bin": ["m/b.1", "m/b.2"]}
}  # fmt: skip


def test_the_catalogue_that_attune_brings() -> None:
    models = read().models
    by_role = {role: [each for each in models if each.role is role] for role in Role}
    assert {"wav2vec2-base-960h", "whisper-base", "whisper-base-hf"} <= {
        each.name for each in by_role[Role.ENCODER]
    }
    assert {each.architecture for each in by_role[Role.LLM]} >= {
        "llama", "gemma2", "gemma3", "phi3", "stablelm", "qwen2", "qwen3", "granite", "lfm2"
    }  # fmt: skip
    assert len(by_role[Role.VOICE]) == 4
    for each in models:
        assert each.licence.url.startswith("https://"), each.name
        restricted = any(word in each.licence.id for word in ("llama", "gemma", "non-commercial"))
        assert each.licence.accept or not restricted, each.name
        assert 10_000_000 < each.size < 3_000_000_000, each.name
        names = {file.name for file in each.files}
        match each.role:
            case Role.ENCODER:
                assert "config.json" in names
                assert {"model.safetensors"} <= names or {
                    "model.bin", "tokenizer.json", "vocabulary.txt"
                } <= names  # fmt: skip
            case Role.LLM:
                assert [name.rpartition(".")[2] for name in names] == ["gguf"]
            case Role.VOICE:
                assert names == {f"{each.name}.onnx", f"{each.name}.onnx.json"}


def test_the_everyday_models_can_be_had_without_a_hub_and_without_asking() -> None:
    for wanted in read().find_all("everyday"):
        assert not wanted.licence.accept
        index = wanted.sources[-1]
        assert isinstance(index, IndexSource)
        assert sum(wheel.size for wheel in index.wheels) < wanted.size


def test_boards_agree_with_memory() -> None:
    boards = {Board.RPI5_4GB: 4_000, Board.RPI5_8GB: 8_000, Board.JETSON_8GB: 7_600}
    for each in read().models:
        for board in set(each.boards) - {Board.PC}:
            assert each.fits(boards[board]), (each.name, board)


def test_what_fits_leaves_room_for_the_rest() -> None:
    wanted = entry(memory_mb=3_000)
    assert wanted.fits(3_000 + SPARE_MB)
    assert not wanted.fits(2_999 + SPARE_MB)


def test_a_language_model_is_recommended_for_the_memory_at_hand() -> None:
    found = {mb: read().recommended(Role.LLM, mb) for mb in (1_000, 3_900, 7_800, 64_000)}
    assert {mb: each and each.name for mb, each in found.items()} == {
        1_000: "smollm2-135m",
        3_900: "smollm2-135m",
        7_800: "qwen2.5-1.5b",
        64_000: "qwen2.5-1.5b",
    }
    for mb, each in found.items():
        assert each is not None
        assert not each.licence.accept
        assert each.memory_mb < mb
    assert read().recommended(Role.VOICE, 64_000) is None


def catalogue(*names: str, sets: Mapping[str, Sequence[str]] | None = None) -> Catalog:
    models = [entry(name=name).model_dump() for name in names]
    listed = [
        {"name": name, "about": "some", "models": members} for name, members in (sets or {}).items()
    ]
    return Catalog.model_validate({"model": models, "set": listed})


def test_a_name_that_is_nearly_right_is_guessed() -> None:
    some = catalogue("tiny", sets={"everyday": ["tiny"]})
    assert some.find("tiny") == entry()
    with pytest.raises(CatalogError, match=r"has no model 'tinny'\. Did you mean tiny\?"):
        some.find("tinny")
    with pytest.raises(CatalogError, match=r"has no model 'everday'\. Did you mean everyday\?"):
        some.find_all("everday")
    with pytest.raises(CatalogError, match=r"has no model 'x'\. 'assistant models list' shows"):
        some.find("x")


def test_a_set_stands_for_its_models() -> None:
    some = catalogue("tiny", "other", sets={"both": ["other", "tiny"]})
    assert some.sets == (ModelSet(name="both", about="some", models=("other", "tiny")),)
    assert [each.name for each in some.find_all("both")] == ["other", "tiny"]
    assert [each.name for each in some.find_all("tiny")] == ["tiny"]
    assert some.members("whatever") == ("whatever",)
    assert some.reserved == {STARTER, "both"}


@pytest.mark.parametrize(
    ("names", "sets", "why"),
    [
        (["tiny", "tiny"], {}, "tiny is listed twice"),
        (["tiny"], {"tiny": ["tiny"]}, "tiny is listed twice"),
        (["tiny", STARTER], {}, "starter is listed twice"),
        (["tiny"], {"everyday": ["tinny"]}, "tinny is in a set but is not a model"),
    ],
)
def test_a_name_means_one_thing(names: list[str], sets: dict[str, list[str]], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        catalogue(*names, sets=sets)


def test_a_model_is_its_files_wherever_they_lie() -> None:
    wanted = known(FILES, HUB | {"paths": {"a.bin": "sub/a"}}, INDEX)
    hub, index = wanted.sources
    assert isinstance(hub, HubSource)
    assert isinstance(index, IndexSource)
    assert [hub.path(file) for file in wanted.files] == ["sub/a", "b.bin"]
    assert (hub.title, index.title) == ("people/tiny at main", "some-wheel==1.0")
    assert index.members["b.bin"] == ("m/b.1", "m/b.2")
    assert (wanted.size, wanted.wheels) == (5, {"some-wheel-1.0.whl"})
    assert entry(size_gb=1.5).size == 1_500_000_000


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sources": [INDEX], "sha256": "unknown"}, "needs the size and the SHA-256"),
        ({"sources": [INDEX], "size": None, "size_gb": 1}, "needs the size and the SHA-256"),
        ({"sources": [INDEX | {"members": {"a.bin": ["m/a"]}}]}, "should have its members"),
        ({"sources": [INDEX | {"members": {"a.bin": [], "b.bin": ["m"]}}]}, "at least 1 item"),
        ({"sources": [INDEX | {"wheels": []}]}, "at least 1 item"),
        ({"sources": [INDEX | {"wheels": [WHEEL | {"project": "-r"}]}]}, "should match"),
        ({"sources": [INDEX | {"wheels": [WHEEL | {"version": "1 --pre"}]}]}, "should match"),
        ({"sources": [HUB | {"paths": {"c.bin": "c.bin"}}]}, "should be of files that the model"),
        ({"sources": []}, "at least 1 item"),
        ({"sources": [{"kind": "disk"}]}, "does not match any of the expected tags"),
        ({"size": None}, "size_gb should be given"),
        ({"size_gb": 1}, "size_gb should be given"),
        ({"sha256": "x"}, "should match"),
        ({"name": "LICENSE"}, "a name of its own"),
        ({"name": "b.bin"}, "a name of its own"),
    ],
)
def test_what_cannot_be_fetched_or_checked_is_refused(changes: dict[str, Any], why: str) -> None:
    wanted = known(FILES, HUB, INDEX).model_dump(mode="json")
    wanted["files"][0] |= {
        key: changes[key] for key in ("name", "size", "sha256") if key in changes
    }
    wanted |= {key: changes[key] for key in ("sources", "size_gb") if key in changes}
    with pytest.raises(ValidationError, match=why):
        CatalogEntry.model_validate(wanted)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[model]]\nname = 'tiny'", r"model\.0\.role: Field required"),
        ("[[set]]\nname = 'x'\nabout = ''\nmodels = ['y']", "y is in a set but is not a model"),
        ("[[model]", "Expected"),
        (None, "No such file"),
    ],
)
def test_a_damaged_catalogue_is_told(text: str | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match=rf"{path} cannot be read \(.*{why}.*Reinstall Attune"):
        read(path)


@pytest.mark.parametrize("path", ["../x.gguf", "/x.gguf", "a/../x.gguf", ".x", "a//b", "a\\b"])
def test_files_lie_inside_the_repository(path: str) -> None:
    with pytest.raises(ValidationError):
        known({"x": b"x"}, HUB | {"paths": {"x": path}})


@pytest.mark.parametrize("name", ["", ".partial", "../x", "a/b", "a b"])
def test_names_are_those_of_folders(name: str) -> None:
    with pytest.raises(ValidationError):
        entry(name=name)


def test_entries_do_not_change() -> None:
    wanted: CatalogEntry = entry()
    with pytest.raises(ValidationError):
        wanted.name = "other"  # pyright: ignore[reportAttributeAccessIssue]
