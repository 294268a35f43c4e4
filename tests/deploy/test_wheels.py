"""What the boards would install, from reports of pip's that were kept; with the index: soak."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from deploy import wheels
from deploy.wheels import BOARDS, Board, Cuda, Fault, Package, follow, from_report, pinned

PI, TRIXIE, ORIN = BOARDS

TAG = "cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64"


def item(name: str, version: str, tag: str, *needs: str) -> dict[str, object]:
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return {
        "download_info": {"url": f"https://index.example/ab/{filename.replace('+', '%2B')}"},
        "metadata": {"name": name, "version": version, "requires_dist": list(needs)},
    }


REPORT = {
    "version": "1",
    "install": [
        item("numpy", "2.4.6", TAG),
        item("Jinja2", "3.1.6", "py3-none-any", "MarkupSafe>=2.0", 'babel>=2.7; extra == "i18n"'),
        item("markupsafe", "3.0.4", "cp311-cp311-manylinux2014_aarch64"),
        item(
            "torch",
            "2.13.0+cpu",
            "cp311-cp311-manylinux_2_28_aarch64",
            "jinja2",
            'nvidia-cudnn-cu13==9.20; platform_system == "Linux"',
            'triton==3.6; platform_machine == "x86_64"',
        ),
    ],
}

PINS = {"jinja2": "3.1.6", "markupsafe": "3.0.4", "numpy": "2.4.6", "torch": "2.13.0"}


def faults(
    board: Board, *wanted: str, pins: Mapping[str, str] = PINS, **more: Package
) -> dict[str, Fault]:
    rows = follow(wanted, {**from_report(REPORT), **more}, pins, board)
    return {row.name: row.fault for row in rows if row.fault is not None}


def test_a_report_names_versions_and_the_oldest_platform() -> None:
    packages = from_report(REPORT)
    assert packages["numpy"] == Package("numpy", "2.4.6", "manylinux_2_27", ())
    assert packages["jinja2"].kind == "any"
    assert packages["torch"].version == "2.13.0+cpu"


def test_what_a_package_needs_is_followed() -> None:
    rows = follow(["jinja2>=3"], from_report(REPORT), PINS, PI)
    assert [str(row) for row in rows] == ["3.1.6 any", "3.0.4 manylinux2014"]


def test_a_wished_extra_is_followed_too() -> None:
    assert faults(PI, "jinja2[i18n]") == {"babel": Fault.UNPINNED}


def test_cuda_is_refused_on_a_pi_and_wants_a_pin_elsewhere() -> None:
    assert faults(PI, "torch") == {"nvidia-cudnn-cu13": Fault.REFUSED}
    assert faults(ORIN, "torch") == {"nvidia-cudnn-cu13": Fault.UNPINNED}


@pytest.mark.parametrize("name", ["nvidia-nccl-cu13", "cuda-bindings", "triton", "pytorch-triton"])
def test_every_kind_of_cuda_package_is_known(name: str) -> None:
    pins = {**PINS, name: "1.0"}
    assert faults(PI, name, pins=pins, **{name: Package(name, "1.0", "any", ())}) == {
        name: Fault.REFUSED
    }


def test_the_cpu_build_of_torch_asks_for_the_rest() -> None:
    torch = wheels.without_cuda(from_report(REPORT)["torch"], "PyPI")
    assert torch.needs == ("jinja2",)
    assert faults(PI, "torch", torch=torch) == {}


def test_a_package_without_a_wheel_is_told() -> None:
    assert faults(PI, "scipy", pins={**PINS, "scipy": "1.16"}) == {"scipy": Fault.MISSING}


def test_a_pin_that_somebody_cannot_take_is_told_whoever_asks_first() -> None:
    assert faults(PI, "numpy>=3", "numpy") == {"numpy": Fault.UNFIT}
    assert faults(PI, "numpy", "numpy>=3") == {"numpy": Fault.UNFIT}


def test_pins_are_those_of_the_boards_python() -> None:
    lines = [
        "# versions",
        "numpy==2.2.6 ; python_version < '3.11'",
        "numpy==2.4.6 ; python_version >= '3.11'",
        "pywin32==1.0 ; sys_platform == 'win32'",
        "Pillow==13.0",
    ]
    assert pinned(lines, ORIN) == {"numpy": "2.2.6", "pillow": "13.0"}
    assert pinned(lines, TRIXIE) == {"numpy": "2.4.6", "pillow": "13.0"}


def test_requirements_are_judged_as_on_the_board() -> None:
    old = 'tomli; python_version < "3.11"'
    pins = {"tomli": "2.5"}
    assert faults(PI, old, pins=pins) == {}
    assert faults(ORIN, old, pins=pins) == {"tomli": Fault.MISSING}


def test_pip_is_asked_for_the_boards_platform() -> None:
    options = " ".join(PI.platform)
    assert "--platform manylinux_2_36_aarch64 --platform manylinux_2_35_aarch64" in options
    assert "--python-version 3.11 --implementation cp --abi cp311" in options
    assert "manylinux_2_36" not in " ".join(ORIN.platform)
    assert "x86_64" not in options


def test_torch_comes_from_where_the_installers_take_it() -> None:
    assert PI.told("torch_index") == "https://download.pytorch.org/whl/cpu"
    assert PI.told("torch_wanted") == "torch==PINNED+cpu"
    assert ORIN.told("torch_index").startswith("https://pypi.jetson-ai-lab.io/jp6/")
    assert [board.cuda for board in BOARDS] == [Cuda.REFUSED, Cuda.REFUSED, Cuda.WELCOME]


def test_faults_and_table_name_board_and_package(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"pi": follow(["torch"], from_report(REPORT), PINS, PI)}
    wheels.Console(width=120).print(wheels.table(rows))
    shown = capsys.readouterr().out
    assert "2.13.0+cpu manylinux_2_28" in shown
    assert "[CUDA]" in shown
    assert list(wheels.faults(rows)) == ["pi: nvidia-cudnn-cu13: CUDA."]


@pytest.mark.soak
@pytest.mark.parametrize("board", [board.name for board in BOARDS])
def test_the_index_has_a_wheel_of_everything(
    board: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = wheels.main(["--board", board])
    shown = capsys.readouterr().out
    assert status == 0, shown
    assert "numpy" in shown
