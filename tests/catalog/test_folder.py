from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path

import pytest

from assistant.catalog.entries import Role
from assistant.catalog.folder import MANIFEST, PARTIAL, InstalledFile, Manifest, ModelFolder
from assistant.errors import CatalogError

FILES = {"a.bin": b"aaa", "b.bin": b"bb"}


def install(folder: ModelFolder, files: dict[str, bytes] = FILES) -> Path:
    with folder.claimed("tiny") as partial:
        partial.mkdir()
        for file, data in files.items():
            (partial / file).write_bytes(data)
        return folder.install(partial, manifest("tiny", files))


def manifest(name: str, files: dict[str, bytes]) -> Manifest:
    return Manifest(
        name=name,
        role=Role.LLM,
        source="here",
        licence=None,
        installed_at=datetime(2026, 3, 1, tzinfo=timezone.utc),
        files={
            file: InstalledFile(size=len(data), sha256=hashlib.sha256(data).hexdigest())
            for file, data in files.items()
        },
    )


def test_without_a_folder_there_is_nothing(folder: ModelFolder) -> None:
    assert (folder.names(), folder.on_the_way()) == ([], [])
    assert not folder.path.exists()
    with pytest.raises(CatalogError, match="No model 'tiny' is installed"):
        folder.manifest("tiny")
    with pytest.raises(CatalogError, match="No model 'tiny' is installed"):
        folder.remove("tiny")


def test_what_is_on_its_way_has_no_name_yet(folder: ModelFolder) -> None:
    with folder.claimed("tiny") as partial:
        partial.mkdir()
        (partial / "tiny.gguf.part").write_bytes(b"x")
        assert (folder.names(), folder.on_the_way()) == ([], ["tiny"])
    folder.remove("tiny")
    assert folder.on_the_way() == []


def test_a_model_is_installed_whole(folder: ModelFolder) -> None:
    with folder.claimed("tiny") as partial:
        partial.mkdir()
        (partial / "a.bin").write_bytes(b"aaa")
        (partial / "left over").mkdir()
        place = folder.install(partial, manifest("tiny", {"a.bin": b"aaa"}))
    assert place == folder.path / "tiny"
    assert sorted(path.name for path in place.iterdir()) == ["a.bin", MANIFEST]
    assert folder.manifest("tiny") == manifest("tiny", {"a.bin": b"aaa"})
    assert folder.names() == ["tiny"]
    assert folder.on_the_way() == []


def test_a_new_one_takes_the_place_of_an_old_one(folder: ModelFolder) -> None:
    install(folder)
    place = install(folder, {"c.bin": b"ccc"})
    assert sorted(path.name for path in place.iterdir()) == ["c.bin", MANIFEST]
    assert [path.name for path in (folder.path / PARTIAL).iterdir()] == [".tiny.lock"]


def test_what_a_killed_process_left_of_an_old_one_goes(folder: ModelFolder) -> None:
    place = install(folder)
    place.rename(folder.path / PARTIAL / ".tiny.old")
    assert folder.names() == []
    install(folder)
    assert [path.name for path in (folder.path / PARTIAL).iterdir()] == [".tiny.lock"]


def test_damage_is_found(folder: ModelFolder) -> None:
    place = install(folder)
    assert folder.damaged("tiny") == []
    (place / "a.bin").write_bytes(b"aab")
    assert folder.damaged("tiny") == ["a.bin"]
    (place / "b.bin").unlink()
    assert folder.damaged("tiny") == ["a.bin", "b.bin"]
    (place / "a.bin").write_bytes(b"aaa ")
    assert folder.damaged("tiny") == ["a.bin", "b.bin"]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "not json",
        manifest("tiny", {"a": b""}).model_dump_json().replace('"a"', '"../a"'),
    ],
)
def test_a_damaged_manifest_is_told_and_can_be_removed(text: str, folder: ModelFolder) -> None:
    place = install(folder)
    (place / MANIFEST).write_text(text, encoding="utf-8")
    assert folder.names() == ["tiny"]
    with pytest.raises(CatalogError, match=r"The manifest of tiny is damaged\. Remove the model"):
        folder.manifest("tiny")
    folder.remove("tiny")
    assert folder.names() == []
    assert not place.exists()


def test_what_is_not_a_model_is_left_alone(folder: ModelFolder) -> None:
    install(folder)
    (folder.path / "mine").mkdir()
    (folder.path / "mine" / "letters.txt").write_text("dear", encoding="utf-8")
    assert folder.names() == ["tiny"]
    with pytest.raises(CatalogError, match="No model 'mine' is installed"):
        folder.remove("mine")
    assert (folder.path / "mine" / "letters.txt").exists()


@pytest.mark.parametrize("name", ["../tiny", ".partial", "a/b", ""])
def test_a_name_that_is_a_path_is_refused(name: str, folder: ModelFolder) -> None:
    install(folder)
    for act in (folder.place, folder.manifest, folder.damaged, folder.remove):
        with pytest.raises(CatalogError, match="cannot be the name of a model"):
            act(name)
    assert folder.names() == ["tiny"]


def test_one_process_at_a_time_changes_a_model(folder: ModelFolder) -> None:
    install(folder)
    with (
        folder.claimed("tiny"),
        pytest.raises(CatalogError, match="Another command is busy with the model tiny"),
    ):
        ModelFolder(folder.path).remove("tiny")
    with folder.claimed("other"):
        folder.remove("tiny")


def test_room_is_asked_for_where_the_folder_will_be(folder: ModelFolder) -> None:
    folder.require_room(1)
    with pytest.raises(CatalogError, match=r"1000000\.20 GB .*set models\.folder to a larger"):
        folder.require_room(10**15)
