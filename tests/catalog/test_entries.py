from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from assistant.catalog.entries import SPARE_MB, Board, CatalogEntry, Role, find, read
from assistant.errors import CatalogError
from tests.catalog.models import entry


def test_the_catalogue_that_attune_brings() -> None:
    models = read()
    by_role = {role: [each for each in models if each.role is role] for role in Role}
    assert {"wav2vec2-base-960h", "whisper-base"} <= {each.name for each in by_role[Role.ENCODER]}
    assert {each.architecture for each in by_role[Role.LLM]} >= {
        "llama", "gemma2", "gemma3", "phi3", "stablelm", "qwen2", "qwen3", "granite", "lfm2"
    }  # fmt: skip
    assert len(by_role[Role.VOICE]) == 3
    for each in models:
        assert each.licence.url.startswith("https://"), each.name
        restricted = any(word in each.licence.id for word in ("llama", "gemma", "non-commercial"))
        assert each.licence.accept or not restricted, each.name
        names = [source.name for source in each.files]
        match each.role:
            case Role.ENCODER:
                assert {"config.json", "model.safetensors"} <= set(names)
            case Role.LLM:
                assert [name.rpartition(".")[2] for name in names] == ["gguf"]
            case Role.VOICE:
                assert names == [f"{each.name}.onnx", f"{each.name}.onnx.json"]


def test_boards_agree_with_memory() -> None:
    boards = {Board.RPI5_4GB: 4_000, Board.RPI5_8GB: 8_000, Board.JETSON_8GB: 7_600}
    for each in read():
        for board in set(each.boards) - {Board.PC}:
            assert each.fits(boards[board]), (each.name, board)


def test_what_fits_leaves_room_for_the_rest() -> None:
    wanted = entry(memory_mb=3_000)
    assert wanted.fits(3_000 + SPARE_MB)
    assert not wanted.fits(2_999 + SPARE_MB)


def test_a_name_that_is_nearly_right_is_guessed() -> None:
    assert find([entry()], "tiny") == entry()
    with pytest.raises(CatalogError, match=r"has no model 'tinny'\. Did you mean tiny\?"):
        find([entry()], "tinny")
    with pytest.raises(CatalogError, match=r"has no model 'x'\. 'assistant models list' shows"):
        find([entry()], "x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[model]]\nname = 'tiny'", "validation errors"),
        ("[[model]", "Expected"),
        (None, "No such file"),
    ],
)
def test_a_damaged_catalogue_is_told(text: str | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError, match=rf"{path} cannot be read \(.*{why}.*Install Attune"):
        read(path)


def test_a_name_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    one = (
        "[[model]]\nname='tiny'\nrole='llm'\nabout='x'\nrepository='a/b'\nfiles=[{path='x.gguf'}]\n"
        "size_gb=1\nmemory_mb=1\narchitecture='llama'\nboards=[]\nlicence={id='mit',url='x'}\n"
    )
    path.write_text(one, encoding="utf-8")
    assert [each.name for each in read(path)] == ["tiny"]
    path.write_text(one * 2, encoding="utf-8")
    with pytest.raises(CatalogError, match="has a name twice"):
        read(path)


@pytest.mark.parametrize("path", ["../x.gguf", "/x.gguf", "a/../x.gguf", ".x", "a//b", "a\\b"])
def test_files_lie_inside_the_repository(path: str) -> None:
    with pytest.raises(ValidationError):
        entry(path)


@pytest.mark.parametrize("name", ["", ".partial", "../x", "a/b", "a b"])
def test_names_are_those_of_folders(name: str) -> None:
    with pytest.raises(ValidationError):
        entry(name=name)


def test_entries_do_not_change() -> None:
    wanted: CatalogEntry = entry()
    with pytest.raises(ValidationError):
        wanted.name = "other"  # pyright: ignore[reportAttributeAccessIssue]
