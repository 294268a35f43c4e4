from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from assistant.catalog.entries import CatalogEntry
from assistant.catalog.folder import MANIFEST, PARTIAL, ModelFolder
from assistant.catalog.hub import Hub
from assistant.catalog.patience import FULL, SHORT, Patience
from assistant.catalog.progress import Anew, Checking, Moved, Progress, Waiting
from assistant.catalog.pull import Pull
from assistant.errors import CatalogError
from tests.catalog.hub import COMMIT, FakeHub
from tests.catalog.models import entry, known, noise, offer, stock
from tests.catalog.web import Fault

SIZE = 200_000

AT_ONCE = replace(FULL, first_s=0.0, silence_s=5.0)
"""Full effort without waits."""


def pulling(folder: ModelFolder, hub: FakeHub, wanted: CatalogEntry) -> Iterator[Progress]:
    return Pull(folder, Hub(hub.endpoint), last=AT_ONCE).run(wanted)


def pull(folder: ModelFolder, hub: FakeHub, wanted: CatalogEntry) -> list[Progress]:
    return list(pulling(folder, hub, wanted))


def part(folder: ModelFolder) -> Path:
    (path,) = (folder.path / PARTIAL / "tiny").glob("*.part")
    return path


def test_a_model_of_several_files_is_whole_and_known(folder: ModelFolder, hub: FakeHub) -> None:
    wanted = entry("config.json", "sub/model.safetensors", role="encoder")
    stock(hub, wanted, SIZE)
    steps = pull(folder, hub, wanted)
    moved = [step for step in steps if isinstance(step, Moved)]
    assert (moved[0], moved[-1]) == (Moved(0, 2 * SIZE), Moved(2 * SIZE, 2 * SIZE))
    assert [step.done for step in moved] == sorted(step.done for step in moved)
    assert [step for step in steps if isinstance(step, Checking)] == [
        Checking("config.json"),
        Checking("model.safetensors"),
    ]
    place = folder.place("tiny")
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.name != MANIFEST} == {
        "config.json": noise(SIZE, 0),
        "model.safetensors": noise(SIZE, 1),
    }
    manifest = folder.manifest("tiny")
    assert (manifest.role, manifest.source, manifest.licence, manifest.size) == (
        "encoder", f"people/tiny@{COMMIT}", "mit", 2 * SIZE
    )  # fmt: skip
    assert manifest.files["config.json"].sha256 == hashlib.sha256(noise(SIZE, 0)).hexdigest()
    assert folder.names() == ["tiny"]
    assert folder.on_the_way() == []
    assert folder.damaged("tiny") == []


def test_all_files_are_of_one_commit(folder: ModelFolder, hub: FakeHub) -> None:
    wanted = entry("config.json", "model.safetensors")
    stock(hub, wanted, 100)
    pull(folder, hub, wanted)
    revisions = [each.path.split("/")[4] for each in hub.asked if "/resolve/" in each.path]
    assert revisions == ["main", *[COMMIT] * 3]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    folder: ModelFolder, hub: FakeHub
) -> None:
    stock(hub, entry(), SIZE)
    hub.faults += [Fault(cut_at=50_000), Fault(status=503), Fault(cut_at=120_001)]
    steps = pull(folder, hub, entry())
    assert hub.starts() == [0, 50_000, 50_000, 120_001]
    assert [type(step) for step in steps if not isinstance(step, Moved)] == [
        Waiting, Waiting, Waiting, Checking
    ]  # fmt: skip
    assert folder.damaged("tiny") == []


def test_what_was_fetched_before_is_not_fetched_again(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    first = pulling(folder, hub, entry())
    for step in first:
        if isinstance(step, Moved) and step.done > SIZE / 3:
            break
    first.close()  # pyright: ignore[reportAttributeAccessIssue]
    held = part(folder).stat().st_size
    assert SIZE / 3 < held < SIZE
    assert (folder.names(), folder.on_the_way()) == ([], ["tiny"])
    pull(folder, hub, entry())
    assert hub.starts() == [0, held]
    assert folder.damaged("tiny") == []


def test_another_commit_with_the_same_file_is_gone_on_with(
    folder: ModelFolder, hub: FakeHub
) -> None:
    stock(hub, entry(), SIZE)
    hub.faults += [Fault(cut_at=80_000), Fault(status=404)]
    with pytest.raises(CatalogError, match=r"The hub has no tiny\.gguf in people/tiny"):
        pull(folder, hub, entry())
    hub.commit = "f" * 40
    pull(folder, hub, entry())
    assert hub.starts()[-1] == 80_000
    assert folder.manifest("tiny").source.endswith(hub.commit)


def test_another_file_is_begun_anew(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults += [Fault(cut_at=80_000), Fault(status=404)]
    with pytest.raises(CatalogError):
        pull(folder, hub, entry())
    stock(hub, entry(), SIZE, seed=1)
    pull(folder, hub, entry())
    assert hub.starts()[-1] == 0
    assert folder.place("tiny").joinpath("tiny.gguf").read_bytes() == noise(SIZE, 100)


def test_a_server_without_ranges_begins_anew(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults += [Fault(cut_at=80_000), Fault(ignores_range=True)]
    pull(folder, hub, entry())
    assert folder.damaged("tiny") == []
    # and one that never comes further than before is given up
    stock(hub, entry(name="other"), SIZE, seed=1)
    hub.faults += [Fault(cut_at=80_000, ignores_range=True)] * (FULL.tries + 1)
    with pytest.raises(CatalogError, match="it resumes where it stopped"):
        pull(folder, hub, entry(name="other"))


def test_another_part_than_was_asked_for_is_not_taken(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults += [Fault(cut_at=80_000), Fault(another_range=True)]
    steps = pull(folder, hub, entry())
    assert "another part of the file" in [s.why for s in steps if isinstance(s, Waiting)][1]
    assert folder.damaged("tiny") == []


def test_a_damaged_file_is_fetched_once_more(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults.append(Fault(flip_at=70_000))
    steps = pull(folder, hub, entry())
    assert [step for step in steps if not isinstance(step, Moved)] == [
        Checking("tiny.gguf"), Anew("tiny.gguf"), Checking("tiny.gguf")
    ]  # fmt: skip
    assert hub.starts() == [0, 0]
    assert folder.damaged("tiny") == []


@pytest.mark.parametrize("path", ["tiny.gguf", "config.json"])
def test_a_file_that_is_never_what_the_hub_says_is_refused(
    path: str, folder: ModelFolder, hub: FakeHub
) -> None:
    wanted = entry(path)
    stock(hub, wanted, SIZE)
    hub.faults += [Fault(flip_at=1), Fault(flip_at=SIZE - 1)]
    with pytest.raises(CatalogError, match="arrived damaged twice"):
        pull(folder, hub, wanted)
    assert folder.names() == []
    pull(folder, hub, wanted)
    assert folder.damaged("tiny") == []


def test_a_file_that_the_catalogue_does_not_mean_is_refused(
    folder: ModelFolder, hub: FakeHub
) -> None:
    files = {"tiny.gguf": noise(SIZE)}
    for other in (noise(SIZE, 1), noise(SIZE - 1)):
        offer(hub, {"tiny.gguf": other})
        with pytest.raises(CatalogError, match="is not the one in the catalogue"):
            pull(folder, hub, known(files))
        assert hub.starts() == []
    offer(hub, files)
    pull(folder, hub, known(files))
    # git names small files otherwise, so they have to be here first
    offer(hub, {"config.json": b"[]"})
    with pytest.raises(CatalogError, match="is not the one in the catalogue"):
        pull(folder, hub, known({"config.json": b"{}"}, name="small"))
    assert folder.names() == ["tiny"]


def test_no_more_is_taken_than_the_hub_has_promised(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults.append(Fault(more=5_000_000))
    pull(folder, hub, entry())
    assert folder.damaged("tiny") == []
    assert folder.manifest("tiny").size == SIZE


def test_a_hub_that_is_busy_is_waited_for(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.refusals += [(429, "0"), (503, None)]
    hub.faults.append(Fault(status=429, retry_after="0"))
    steps = pull(folder, hub, entry())
    waits = [step for step in steps if isinstance(step, Waiting)]
    assert [step.why for step in waits] == [
        "the hub answers 429", "the hub answers 503", "the hub answers 429"
    ]  # fmt: skip


def test_a_hub_that_is_busy_for_long_is_told(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.refusals.append((429, "3600"))
    with pytest.raises(CatalogError, match=r"answers 429, and asks to wait 3600 s\)"):
        pull(folder, hub, entry())
    hub.refusals += [(500, None)] * FULL.tries
    with pytest.raises(CatalogError, match="it resumes where it stopped"):
        pull(folder, hub, entry())


def test_whose_leave_is_needed_is_told(
    folder: ModelFolder, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(hub, entry(), SIZE)
    hub.gated = True
    with pytest.raises(CatalogError, match=r"\(401\).* set HF_TOKEN"):
        pull(folder, hub, entry())
    monkeypatch.setenv("HF_TOKEN", "good")
    pull(folder, hub, entry())
    tokens = {(each.host.partition(":")[0], each.token) for each in hub.asked[1:]}
    assert tokens == {("127.0.0.1", "Bearer good"), ("localhost", None)}


def test_what_is_no_hub_is_told(folder: ModelFolder, hub: FakeHub) -> None:
    hub.bare = True
    with pytest.raises(CatalogError, match="does not answer like a model hub"):
        pull(folder, hub, entry())


def test_a_hub_without_checksums_is_told(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.etags["people/tiny", "tiny.gguf"] = "v1"
    with pytest.raises(CatalogError, match=r"has no checksum for tiny\.gguf"):
        pull(folder, hub, entry())


def test_nobody_there_is_told(folder: ModelFolder) -> None:
    with pytest.raises(CatalogError, match=r"The hub at http://127\.0\.0\.1:9 does not respond \("):
        list(Pull(folder, Hub("http://127.0.0.1:9"), last=AT_ONCE).run(entry()))


@pytest.mark.parametrize("address", ["mirror.example", "http://[bad", "ftp://mirror.example"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(CatalogError, match=r"HF_ENDPOINT is .*, which is not an address"):
        Hub(address).look_up("people/tiny", "tiny.gguf", "main", None)


def test_a_token_never_goes_out_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    with pytest.raises(CatalogError, match=r"anybody on the way could read your token"):
        _ = Hub("http://mirror.example").endpoint
    for address in ("https://mirror.example", "http://127.0.0.1:9", "http://localhost:9"):
        assert Hub(address).endpoint == address


def test_whoever_wants_no_network_gets_none(
    folder: ModelFolder, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CatalogError, match="HF_HUB_OFFLINE is set, so nothing can be fetched"):
        pull(folder, hub, entry())
    assert hub.asked == []


def test_silence_is_a_broken_connection(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults.append(Fault(gap_s=0.5))
    effort = replace(AT_ONCE, silence_s=0.2)
    steps = list(Pull(folder, Hub(hub.endpoint), last=effort).run(entry()))
    assert any(isinstance(step, Waiting) for step in steps)
    assert folder.damaged("tiny") == []


def test_a_slow_connection_is_none(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    hub.faults.append(Fault(gap_s=0.01))
    assert not any(isinstance(step, Waiting) for step in pull(folder, hub, entry()))


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    folder: ModelFolder, hub: FakeHub
) -> None:
    stock(hub, entry(), SIZE)
    hub.sizes["people/tiny", "tiny.gguf"] = 1 << 60
    with pytest.raises(CatalogError, match=r"are needed in .*, but only .* free\. Make room"):
        pull(folder, hub, entry())
    assert hub.starts() == []


def test_a_folder_that_may_not_be_written_is_told(hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    with pytest.raises(CatalogError, match="Cannot change the models in /sys/attune"):
        pull(ModelFolder(Path("/sys/attune")), hub, entry())


def test_one_pull_at_a_time(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    first = pulling(folder, hub, entry())
    next(first)
    with pytest.raises(CatalogError, match="Another command is busy with the model tiny"):
        pull(folder, hub, entry())
    assert not isinstance(list(first)[-1], Waiting)
    assert folder.damaged("tiny") == []


def test_a_damaged_model_is_replaced_whole(folder: ModelFolder, hub: FakeHub) -> None:
    stock(hub, entry(), SIZE)
    pull(folder, hub, entry())
    path = folder.place("tiny") / "tiny.gguf"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert folder.damaged("tiny") == ["tiny.gguf"]
    pull(folder, hub, entry())
    assert folder.damaged("tiny") == []
    assert [path.name for path in (folder.path / PARTIAL).iterdir()] == [".tiny.lock"]


def test_patience_grows_and_ends() -> None:
    patience = Patience(FULL)
    assert [patience.wait(None) for _ in range(FULL.tries)] == [1.0, 2.0, 4.0, 8.0, 16.0, None]
    patience.progress()
    assert [patience.wait(None), patience.wait(30.0), patience.wait(FULL.longest_s + 1)] == [
        1.0, 30.0, None
    ]  # fmt: skip


def test_a_short_effort_is_soon_over() -> None:
    now = 0.0
    patience = Patience(SHORT, clock=lambda: now)
    assert [patience.wait(None), patience.wait(None)] == [1.0, None]
    patience.progress()
    now = SHORT.within_s + 1
    assert patience.wait(None) is None
    patience.progress()
    assert patience.wait(SHORT.longest_s + 1) is None
