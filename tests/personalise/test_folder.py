from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.bridge.checkpoint import Checkpoint
from assistant.errors import CheckpointError
from assistant.personalise.bridges.folder import BridgeFolder
from tests.bridge.tables import checkpoint

ROOT = Path(__file__).parents[2]

# One process imports torch once and forks the workers, which are then quick to start.
NURSERY = """
import os
import random
import sys
from pathlib import Path

from assistant.personalise.bridges.folder import BridgeFolder
from tests.bridge.tables import checkpoint


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())


def hammer(folder, seed):
    draw = random.Random(seed)
    bridges = {each.version: each for each in (checkpoint(seed=s) for s in range(4))}
    while True:
        version = draw.choice(list(bridges))
        deed = draw.choice(["add", "promote", "promote", "rollback", "destroy"])
        if deed == "rollback" and folder.current is None:
            continue
        if deed == "promote" and version not in folder.versions():
            deed = "add"
        tell(deed, version)
        if deed == "add":
            folder.add(bridges[version])
        elif deed == "rollback":
            folder.rollback()
        else:
            getattr(folder, deed)(version)


def write(folder, seed):
    for each in range(seed, seed + 10):
        folder.promote(folder.add(checkpoint(seed=each)))


for line in sys.stdin:
    work, seed, path = line.rstrip().split(" ", 2)
    pid = os.fork()
    if pid == 0:
        tell("pid", os.getpid())
        {"hammer": hammer, "write": write}[work](BridgeFolder(Path(path)), int(seed))
        os._exit(0)
    os.waitpid(pid, 0)
    tell("gone")
"""


@pytest.fixture
def folder(tmp_path: Path) -> BridgeFolder:
    return BridgeFolder(tmp_path / "bridges")


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
        bufsize=1,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ask(nursery: subprocess.Popen[str], work: str, seed: int, folder: BridgeFolder) -> int:
    """Let a worker begin and give its process id."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{work} {seed} {folder.folder}\n")
    return int(nursery.stdout.readline().split()[1])


def until_gone(nursery: subprocess.Popen[str]) -> list[list[str]]:
    """What the worker told before it ended."""
    assert nursery.stdout is not None
    return [line.split() for line in iter(nursery.stdout.readline, "gone\n")]


def stack(folder: BridgeFolder) -> list[str]:
    if not folder.state.exists():
        return []
    return json.loads(folder.state.read_text())["versions"]


def learned(folder: BridgeFolder, *seeds: int) -> list[str]:
    """Bridges put into the folder and promoted, in this order."""
    versions = [folder.add(checkpoint(seed=seed, accepted=True)) for seed in seeds]
    for version in versions:
        folder.promote(version)
    return versions


def leftovers(folder: BridgeFolder) -> list[str]:
    wanted = {f"{version}.safetensors" for version in folder.versions()} | {folder.state.name}
    return sorted(each.name for each in folder.folder.iterdir() if each.name not in wanted)


def test_without_a_folder_the_base_bridge_answers(folder: BridgeFolder) -> None:
    folder.repair()
    assert (folder.current, folder.versions()) == (None, [])
    assert not folder.folder.exists()


def test_a_bridge_is_kept_but_answers_only_when_promoted(folder: BridgeFolder) -> None:
    ours = checkpoint(accepted=True, provenance={"head": "ctc"})
    version = folder.add(ours)
    assert version == ours.version
    assert folder.versions() == [version]
    assert folder.current is None
    found = folder.read(version)
    assert (found.version, found.accepted, found.provenance) == (version, True, {"head": "ctc"})
    folder.promote(version)
    assert folder.current == version
    assert BridgeFolder(folder.folder).current == version
    assert folder.path(version) == folder.folder / f"{version}.safetensors"


def test_a_bridge_added_again_takes_the_place_of_the_first(folder: BridgeFolder) -> None:
    version = folder.add(checkpoint())
    assert folder.read(version).accepted is False
    assert folder.add(checkpoint(accepted=True)) == version
    assert folder.read(version).accepted is True
    assert folder.versions() == [version]


def test_who_is_reading_never_sees_half_a_change(folder: BridgeFolder) -> None:
    first, second = learned(folder, 1, 2)
    with folder.path(first).open("rb") as bridge, folder.state.open("rb") as state:
        whole = bridge.read(), state.read()
        folder.add(checkpoint(seed=1, provenance={"again": True}))
        folder.promote(first)
        bridge.seek(0)
        state.seek(0)
        assert (bridge.read(), state.read()) == whole
    assert folder.read(first).provenance == {"again": True}
    assert stack(folder) == [second, first]


def test_only_the_owner_may_read_what_was_learned(folder: BridgeFolder) -> None:
    before = os.umask(0)
    try:
        learned(folder, 1)
    finally:
        os.umask(before)
    assert folder.folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.folder.iterdir()} == {0o600}
    assert leftovers(folder) == []


def test_rollback_goes_back_step_by_step_to_the_base(folder: BridgeFolder) -> None:
    first, second, third = learned(folder, 1, 2, 3)
    assert folder.current == third
    assert folder.rollback() == second
    assert folder.rollback() == first
    assert folder.current == first
    assert folder.rollback() is None
    assert folder.current is None
    with pytest.raises(
        CheckpointError, match=r"What Attune came with is already in use.*bridge promote ID"
    ):
        folder.rollback()
    assert folder.versions() == sorted([first, second, third])


def test_what_is_promoted_again_is_promoted_once(folder: BridgeFolder) -> None:
    first, second = learned(folder, 1, 2)
    folder.promote(first)
    folder.promote(first)
    assert stack(folder) == [second, first]
    assert folder.rollback() == second


def test_rollback_passes_over_what_is_damaged_or_gone(folder: BridgeFolder) -> None:
    first, second, third, fourth = learned(folder, 1, 2, 3, 4)
    folder.path(second).write_bytes(b"no bridge")
    folder.path(third).unlink()
    assert folder.current == fourth
    assert folder.rollback() == first
    assert stack(folder) == [first]


def test_what_is_destroyed_is_overwritten_and_out_of_use(folder: BridgeFolder) -> None:
    first, second, third = learned(folder, 1, 2, 3)
    kept = folder.folder.parent / "link"
    os.link(folder.path(second), kept)
    size = kept.stat().st_size
    folder.destroy(second)
    assert kept.read_bytes() == bytes(size)
    assert folder.versions() == sorted([first, third])
    assert folder.rollback() == first
    folder.destroy(first)
    assert folder.current is None
    folder.destroy(first)
    assert folder.versions() == [third]
    assert leftovers(folder) == []


def test_repair_drops_what_is_gone_and_what_was_left_half_done(folder: BridgeFolder) -> None:
    first, second = learned(folder, 1, 2)
    folder.path(second).unlink()
    kept = folder.folder.parent / "link"
    part, erasing = folder.folder / f"{second}.part", folder.folder / f"{second}.erasing"
    part.write_bytes(b"half a bridge")
    os.link(part, kept)
    erasing.write_bytes(b"")
    assert folder.current == first
    assert stack(folder) == [first, second]
    folder.repair()
    assert stack(folder) == [first]
    assert kept.read_bytes() == bytes(len(b"half a bridge"))
    assert leftovers(folder) == []


def test_repair_changes_nothing_that_is_whole(folder: BridgeFolder) -> None:
    learned(folder, 1, 2)
    before = folder.state.stat()
    folder.repair()
    after = folder.state.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _gone(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _foreign(path: Path) -> None:
    checkpoint(seed=9).write(path)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (_gone, "There is no version .*'assistant bridge list'"),
        (_cut, "is damaged.*'assistant bridge list'.*'assistant retrain'"),
        (_foreign, "holds another version.*'assistant bridge list'.*'assistant retrain'"),
    ],
)
def test_a_bridge_that_cannot_be_used_is_not_promoted(
    harm: Callable[[Path], None], why: str, folder: BridgeFolder
) -> None:
    (first,) = learned(folder, 1)
    second = folder.add(checkpoint(seed=2))
    harm(folder.path(second))
    with pytest.raises(CheckpointError, match=why):
        folder.promote(second)
    assert folder.current == first


def test_the_bridge_in_use_is_mended_by_going_back(folder: BridgeFolder) -> None:
    first, second = learned(folder, 1, 2)
    _cut(folder.path(second))
    with pytest.raises(CheckpointError, match=r"is damaged.*'assistant bridge rollback'"):
        folder.read(second)
    assert folder.rollback() == first
    assert folder.read(first).version == first


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"versions": "a"}', '{"versions": ["../a"]}', "\udcff"]
)
def test_a_damaged_record_is_mended_by_the_commands_it_names(
    text: str, folder: BridgeFolder
) -> None:
    first, second, third = learned(folder, 1, 2, 3)
    nonsense = text.encode("utf-8", "surrogateescape")
    folder.state.write_bytes(nonsense)
    told = r"promoted\.json is damaged\. 'assistant bridge rollback'.*'assistant bridge promote ID'"
    with pytest.raises(CheckpointError, match=told):
        _ = folder.current
    with pytest.raises(CheckpointError, match=told):
        folder.repair()
    folder.destroy(third)
    assert folder.versions() == sorted([first, second])
    assert folder.rollback() is None
    assert folder.current is None
    folder.state.write_bytes(nonsense)
    folder.promote(second)
    assert folder.current == second
    assert folder.rollback() is None


@pytest.mark.parametrize("name", ["", "../other", "a/b", "promoted.json"])
def test_what_can_be_no_version_is_refused(name: str, folder: BridgeFolder) -> None:
    learned(folder, 1)
    for refused in (folder.path, folder.read, folder.promote, folder.destroy):
        with pytest.raises(CheckpointError, match="There is no version"):
            refused(name)


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = BridgeFolder(tmp_path / "file" / "bridges")
    with pytest.raises(
        CheckpointError, match=r"Cannot change what was learned in .*personalise.folder"
    ):
        folder.add(checkpoint())
    with pytest.raises(CheckpointError, match="Cannot read what was learned in "):
        _ = folder.current


def test_a_change_waits_for_another_one_and_then_says_so(folder: BridgeFolder) -> None:
    first, second = learned(folder, 1, 2)
    handle = os.open(folder.folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        hurried = BridgeFolder(folder.folder, busy_s=0.05)
        with pytest.raises(CheckpointError, match=r"Another program is changing .*Try again"):
            hurried.rollback()
        assert hurried.current == second
    finally:
        os.close(handle)
    assert hurried.rollback() == first


def test_processes_promote_side_by_side(
    nursery: subprocess.Popen[str], folder: BridgeFolder
) -> None:
    ask(nursery, "write", 0, folder)
    mine = learned(folder, *range(20, 30))
    until_gone(nursery)
    others = [checkpoint(seed=seed).version for seed in range(10)]
    assert [each for each in stack(folder) if each in mine] == mine
    assert [each for each in stack(folder) if each in others] == others
    assert folder.versions() == sorted([*mine, *others])


def after(stack: list[str], deed: str, version: str) -> list[str]:
    """What a whole change makes of the promoted versions."""
    match deed:
        case "promote":
            return [*(each for each in stack if each != version), version]
        case "rollback":
            return stack[:-1]
        case "destroy":
            return [each for each in stack if each != version]
        case _:
            return stack


def test_a_kill_at_any_moment_leaves_a_whole_bridge(
    nursery: subprocess.Popen[str], folder: BridgeFolder
) -> None:
    moments = random.Random(0)
    promoted: list[str] = []
    seen: list[str | None] = []
    assert nursery.stdout is not None
    for kill in range(30):
        pid = ask(nursery, "hammer", kill, folder)
        deeds = [nursery.stdout.readline().split() for _ in range(moments.randrange(1, 8))]
        time.sleep(moments.uniform(0, 0.02))  # so that it strikes at any stage
        os.kill(pid, signal.SIGKILL)
        *whole, last = deeds + until_gone(nursery)
        for deed, version in whole:
            promoted = after(promoted, deed, version)
        left = BridgeFolder(folder.folder)
        assert stack(left) in (promoted, after(promoted, *last))
        promoted = stack(left)
        assert left.current == (promoted[-1] if promoted else None)
        _check_whole(left)
        left.repair()
        assert stack(left) == promoted
        if left.folder.exists():
            assert leftovers(left) in ([], [left.state.name])
        _check_whole(left)
        seen.append(left.current)
    assert len(set(seen)) > 2


def _check_whole(folder: BridgeFolder) -> None:
    for version in folder.versions():
        found: Checkpoint = folder.read(version)
        assert found.version == version
    assert set(stack(folder)) <= set(folder.versions())
