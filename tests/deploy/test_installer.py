"""The boards' installers, run for real into a folder; in a whole Debian: test_debian.py."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from assistant.catalog import entries
from assistant.config import load
from tests.deploy.conftest import ROOT, Machine, snapshot

BOARDS = ("rpi5", "jetson")
ALL = (*BOARDS, "pc")

UNIT = "etc/systemd/system/attune.service"
USER_UNIT = "etc/systemd/user/attune.service"
SETTINGS = "etc/attune/attune.toml"
GPU = {
    "etc/systemd/system/attune.service.d/jetson.conf",
    "etc/systemd/system/attune-trainer@.service.d/jetson.conf",
}
DATA = "var/lib/attune/journal.db"


def keep_data(machine: Machine) -> None:
    path = machine.root / DATA
    path.parent.mkdir(parents=True)
    path.write_text("all that was said")


@pytest.mark.parametrize("script", [*ROOT.glob("deploy/*/*.sh")], ids=lambda path: path.name)
def test_scripts_are_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("board", ALL)
def test_a_dry_run_says_everything_and_changes_nothing(machine: Machine, board: str) -> None:
    before = snapshot(machine.root)
    done = machine.install("--dry-run", board=board)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    unit = USER_UNIT if board == "pc" else UNIT
    for target in (unit, SETTINGS, "usr/local/bin/assistant", "opt/attune/current"):
        assert f" {machine.root}/{target}\n" in done.stdout
    assert "nothing was changed" in done.stdout
    assert snapshot(machine.root) == before


@pytest.mark.parametrize(
    ("board", "build", "torch"),
    [
        (
            "rpi5",
            "-DGGML_CPU_ARM_ARCH=armv8.2-a+fp16+dotprod",
            "https://download.pytorch.org/whl/cpu torch==2.13.0+cpu",
        ),
        (
            "jetson",
            "-DGGML_CUDA=on\\ -DCMAKE_CUDA_ARCHITECTURES=87",
            r"https://pypi.jetson-ai-lab.io/jp6/cu126/+simple/ torch\>=2.6",
        ),
        ("pc", "CMAKE_ARGS= ", "https://download.pytorch.org/whl/cpu torch==2.13.0+cpu"),
    ],
)
def test_a_dry_run_tells_how_llama_cpp_and_torch_come(
    machine: Machine, board: str, build: str, torch: str
) -> None:
    pips = [line for line in machine.dry_run(board).splitlines() if " -m pip install " in line]
    (llama,) = [line for line in pips if "llama-cpp-python==" in line]
    assert build in llama
    assert any(line.endswith(f" --no-deps --index-url {torch}") for line in pips)


@pytest.mark.parametrize("board", BOARDS)
def test_what_an_installation_consists_of(machine: Machine, board: str) -> None:
    done = machine.install(board=board)
    assert done.returncode == 0, done.stderr
    placed = {
        "etc/sysusers.d/attune.conf": "systemd/attune.sysusers",
        "etc/tmpfiles.d/attune.conf": "systemd/attune.tmpfiles",
        "etc/systemd/user/attune.service": "systemd/user/attune.service",
        "etc/systemd/user/attune-web.service": "systemd/user/attune-web.service",
        "etc/systemd/user/attune-home.service": "systemd/user/attune-home.service",
        "etc/systemd/user/attune-wyoming.service": "systemd/user/attune-wyoming.service",
        "etc/systemd/user/attune-wyoming.socket": "systemd/user/attune-wyoming.socket",
        "etc/udev/rules.d/70-attune-sound.rules": "deploy/lib/70-attune-sound.rules",
        SETTINGS: f"deploy/{board}/attune.toml",
    }
    units = [*ROOT.glob("systemd/*.service"), *ROOT.glob("systemd/*.s[ol]*")]
    assert {"attune.service", "attune-trainer.socket"} < {unit.name for unit in units}
    placed |= {f"etc/systemd/system/{unit.name}": f"systemd/{unit.name}" for unit in units}
    if board == "jetson":
        placed |= {target: target.replace("etc/systemd/system", "systemd") for target in GPU}
    for target, source in placed.items():
        assert (machine.root / target).read_bytes() == (ROOT / source).read_bytes()
        mode = 0o640 if target == SETTINGS else 0o644
        assert (machine.root / target).stat().st_mode & 0o777 == mode
    links = {
        "usr/local/bin/assistant": "/opt/attune/current/venv/bin/assistant",
        "opt/attune/current": f"/opt/attune/releases/{machine.current}",
        "etc/systemd/system/multi-user.target.wants/attune.service": f"/{UNIT}",
    }
    for link, target in links.items():
        assert str((machine.root / link).readlink()) == target
    release = machine.root / "opt/attune/current"
    assert (machine.root / str(release.readlink())[1:] / "README.md").exists()
    rest = {name for name in machine.files if not name.startswith("opt/")}
    assert rest == {*placed, *links} - {"opt/attune/current"}


def test_what_an_installation_for_the_users_of_a_pc_consists_of(machine: Machine) -> None:
    done = machine.install(board="pc")
    assert done.returncode == 0, done.stderr
    assert "as yourself: systemctl --user enable --now attune" in done.stdout
    rest = {name for name in machine.files if not name.startswith("opt/")}
    rules = "etc/udev/rules.d/70-attune-sound.rules"
    beside = {f"etc/systemd/user/attune-{name}.service" for name in ("web", "home", "wyoming")}
    beside.add("etc/systemd/user/attune-wyoming.socket")
    assert rest == {USER_UNIT, *beside, SETTINGS, rules, "usr/local/bin/assistant"}
    assert (machine.root / SETTINGS).stat().st_mode & 0o777 == 0o644  # for every user
    unit = (machine.root / USER_UNIT).read_text()
    (program,) = re.findall(r"^ExecStart=(\S+)", unit, re.MULTILINE)
    link = machine.root / "usr/local/bin/assistant"
    assert str(link.readlink()) == program


def test_the_data_of_a_pc_s_users_are_theirs(machine: Machine) -> None:
    machine.install(board="pc")
    before = snapshot(machine.root)
    done = machine.install("--uninstall", "--purge-data", board="pc")
    assert done.returncode == 1
    assert "Each erases them with 'assistant forget-me' before this." in done.stderr
    assert snapshot(machine.root) == before


def test_a_pc_goes_back_to_the_release_before(machine: Machine) -> None:
    machine.version("1.0")
    machine.install(board="pc")
    old, text = machine.current, (machine.root / USER_UNIT).read_text()
    machine.version("1.1")
    machine.change("systemd/user/attune.service", "[Unit]", "# newer\n[Unit]")
    machine.install(board="pc")
    assert (machine.root / USER_UNIT).read_text() != text
    assert machine.install("--roll-back", board="pc").returncode == 0
    assert (machine.current, (machine.root / USER_UNIT).read_text()) == (old, text)


@pytest.mark.parametrize("board", ALL)
def test_a_second_run_changes_nothing(machine: Machine, board: str) -> None:
    machine.install(board=board)
    before = snapshot(machine.root)
    done = machine.install(board=board)
    assert "nothing to do" in done.stdout
    assert done.returncode == 0
    assert snapshot(machine.root) == before


def test_a_run_broken_off_is_taken_up_again(machine: Machine) -> None:
    foreign = machine.root / "usr/local/bin/assistant"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("another program")
    done = machine.install()
    assert done.returncode == 1
    assert done.stderr.endswith(f"{foreign} is not Attune's. Move it away, then run this again.\n")
    foreign.unlink()
    assert machine.install().returncode == 0
    assert machine.current
    assert "nothing to do" in machine.install().stdout


def test_a_half_made_release_is_made_again(machine: Machine) -> None:
    machine.install()
    release = machine.root / "opt/attune/releases" / machine.current
    (release / ".complete").unlink()
    (release / "attune.toml").unlink()
    machine.install()
    assert (release / "attune.toml").exists()


def test_an_upgrade_keeps_the_release_before_and_one_command_goes_back(machine: Machine) -> None:
    machine.version("1.0")
    machine.install()
    old = machine.current
    text = (machine.root / UNIT).read_text()
    machine.version("1.1")
    machine.change("systemd/attune.service", "[Unit]", "# newer\n[Unit]")
    machine.install()
    assert old.startswith("1.0+")
    assert machine.current.startswith("1.1+")
    assert (machine.root / UNIT).read_text() != text
    done = machine.install("--roll-back")
    assert done.returncode == 0, done.stderr
    assert machine.current == old
    assert (machine.root / UNIT).read_text() == text
    machine.install("--roll-back")
    assert machine.current.startswith("1.1+")


def test_a_changed_checkout_of_the_same_version_is_another_release(machine: Machine) -> None:
    machine.install()
    old = machine.current
    (machine.checkout / "assistant" / "__init__.py").write_text('"""Changed."""\n')
    machine.install()
    assert machine.current.split("+")[0] == old.split("+")[0]
    assert machine.current != old


def test_two_releases_are_kept(machine: Machine) -> None:
    for number in ("1.0", "1.1", "1.2"):
        machine.version(number)
        machine.install()
    kept = {path.name.split("+")[0] for path in (machine.root / "opt/attune/releases").iterdir()}
    assert kept == {"1.1", "1.2"}


def test_without_a_release_before_there_is_no_going_back(machine: Machine) -> None:
    machine.install()
    done = machine.install("--roll-back")
    assert done.returncode == 1
    assert "There is no release before this one." in done.stderr


def test_what_a_newer_release_no_longer_brings_is_taken_away(machine: Machine) -> None:
    machine.version("1.0")
    machine.install(board="jetson")
    assert machine.files > GPU
    machine.version("1.1")
    for path in machine.checkout.glob("systemd/*.d/jetson.conf"):
        path.unlink()
    machine.install(board="jetson")
    assert not machine.files & GPU
    assert not (machine.root / f"{UNIT}.d").exists()
    machine.install("--roll-back", board="jetson")
    assert machine.files > GPU


def test_what_somebody_added_to_the_service_stays(machine: Machine) -> None:
    machine.install(board="jetson")
    added = machine.root / f"{UNIT}.d" / "override.conf"
    added.write_text("[Service]\nMemoryMax=80%\n")
    machine.install("--uninstall", board="jetson")
    assert machine.files == {str(added.relative_to(machine.root))}


def test_an_upgrade_renews_the_settings_only_where_nobody_changed_them(machine: Machine) -> None:
    settings = machine.root / SETTINGS
    machine.version("1.0")
    machine.install()
    machine.version("1.1")
    machine.change("deploy/rpi5/attune.toml", "n_ctx = 1024", "n_ctx = 2048")
    machine.install()
    assert "n_ctx = 2048" in settings.read_text()
    settings.write_text("[listen]\n")
    machine.version("1.2")
    machine.install()
    assert settings.read_text() == "[listen]\n"


@pytest.mark.parametrize("board", ALL)
def test_uninstalling_leaves_nothing_but_the_data(machine: Machine, board: str) -> None:
    for number in ("1.0", "1.1"):
        machine.version(number)
        machine.install(board=board)
    keep_data(machine)
    done = machine.install("--uninstall", board=board)
    assert done.returncode == 0, done.stderr
    assert machine.files == {DATA}
    assert not (machine.root / "opt/attune").exists()
    assert not (machine.root / "etc/attune").exists()
    assert "nothing to do" in machine.install("--uninstall", board=board).stdout


def test_settings_that_somebody_wrote_outlive_the_installation(machine: Machine) -> None:
    machine.install()
    (machine.root / SETTINGS).write_text("[listen]\n")
    machine.install("--uninstall")
    assert machine.files == {SETTINGS}
    assert (machine.root / SETTINGS).read_text() == "[listen]\n"


def test_the_data_go_when_told_to(machine: Machine) -> None:
    machine.install()
    keep_data(machine)
    (machine.root / SETTINGS).write_text("[listen]\n")
    done = machine.install("--uninstall", "--purge-data")
    assert done.returncode == 0, done.stderr
    assert machine.files == set()
    assert not (machine.root / "var/lib/attune").exists()


def test_a_dry_run_of_uninstalling_changes_nothing(machine: Machine) -> None:
    machine.install()
    before = snapshot(machine.root)
    done = machine.install("--uninstall", "--purge-data", "--dry-run")
    assert f"rm -rf {machine.root}/var/lib/attune\n" in done.stdout
    assert snapshot(machine.root) == before


def test_another_board_is_refused_with_the_way_out(machine: Machine) -> None:
    script = machine.checkout / "deploy/rpi5/install.sh"
    machine.change(
        "deploy/rpi5/install.sh", "Raspberry Pi (5|500|Compute Module 5)", "No Such Board"
    )
    done = subprocess.run([script], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "--board-check=skip" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--upgrade"], "Unknown option --upgrade."),
        (["--purge-data"], "--purge-data belongs to --uninstall."),
        (["--wheels"], "--wheels needs a value."),
        (["--wheels", "/nowhere"], "There is no folder /nowhere."),
        (["--root", "/nowhere"], "There is no folder /nowhere."),
    ],
)
def test_wrong_words_are_refused(machine: Machine, words: list[str], complaint: str) -> None:
    done = machine.install(*words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"[install] {complaint}")
    assert machine.files == set()


@pytest.mark.parametrize("board", BOARDS)
def test_the_boards_settings_load(board: str) -> None:
    path = ROOT / "deploy" / board / "attune.toml"
    loaded = load(environ={}, files=(path,))
    chosen = {key for key, origin in loaded.origins.items() if origin == f"file {path}"}
    assert {"encode.threads", "generate.threads", "personalise.memory_mb"} <= chosen
    assert {"idle.max_celsius", "idle.min_free_mb"} <= chosen
    assert loaded.settings.generate.gpu_layers == (-1 if board == "jetson" else 0)
    assert loaded.settings.idle.max_celsius < 80
    assert loaded.settings.control.group == "attune"  # as the README says


def test_the_settings_of_a_pc_leave_everybody_their_own_files() -> None:
    loaded = load(environ={}, files=(ROOT / "deploy/pc/attune.toml",))
    assert set(loaded.origins) == {"generate.n_ctx", "personalise.memory_mb", "idle.min_free_mb"}


@pytest.mark.parametrize("board", ALL)
def test_what_a_board_s_settings_recommend_is_in_the_catalogue(board: str) -> None:
    lines = (ROOT / "deploy" / board / "attune.toml").read_text().splitlines()
    named = [found[1] for line in lines if (found := re.match(r"#   .* ([\w.-]+) \(", line))]
    assert len(named) == 3
    assert all(entries.read().find(name).role == "llm" for name in named)
    sets = [name for line in lines for name in re.findall(r"models pull (\w+)", line)]
    assert all(entries.read().members(name) for name in sets if name != "NAME")


@pytest.mark.parametrize("board", BOARDS)
def test_settings_in_comments_load_too(board: str, tmp_path: Path) -> None:
    lines = (ROOT / "deploy" / board / "attune.toml").read_text().splitlines()
    path = tmp_path / "attune.toml"
    offered = ("# path =", "# [")
    path.write_text("\n".join(w[2:] if w.startswith(offered) else w for w in lines))
    settings = load(environ={}, files=(path,)).settings
    assert settings.encode.path == Path("/var/lib/attune/models/whisper-base")
    named = [found[1] for line in lines if (found := re.match(r"#   .* ([\w.-]+) \(", line))]
    assert len(named) == 3
    assert all(entries.read().find(name).role == "llm" for name in named)
