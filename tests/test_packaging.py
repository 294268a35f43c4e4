"""What a person installs: the requirements, the set-up script, the wheel."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "assistant"
STARTER = ROOT / "models" / "starter"
SETUP = ROOT / "deploy" / "setup.sh"


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in project["dependencies"]]


def constraints() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of the modules that a file imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def third_party_imports() -> set[str]:
    names = {
        name.split(".")[0]
        for path in PACKAGE.rglob("*.py")
        for name in imports(ast.parse(path.read_text()))
    }
    return names - sys.stdlib_module_names - {"assistant"}


def test_llama_cpp_python_is_pinned_to_one_version() -> None:
    (llama,) = [r for r in requirements() if r.name == "llama-cpp-python"]
    (constraint,) = [c for c in constraints() if c.name == "llama-cpp-python"]
    assert [clause.operator for clause in llama.specifier] == ["=="]
    assert llama.specifier == constraint.specifier


def test_every_requirement_is_held_to_one_version_that_it_allows() -> None:
    held = {
        canonicalize_name(c.name): next(iter(c.specifier))
        for c in constraints()
        if c.marker is None or c.marker.evaluate()
    }
    for requirement in requirements():
        if requirement.marker is None or requirement.marker.evaluate():
            clause = held[canonicalize_name(requirement.name)]
            assert clause.operator == "=="
            assert requirement.specifier.contains(clause.version), requirement


USED_BY_OTHERS = {"python-multipart"}
"""Required here because those that use them, starlette in this case, leave that to us."""


def test_requirements_are_just_what_the_package_imports() -> None:
    providers = packages_distributions()
    imported = {
        canonicalize_name(distribution)
        for name in third_party_imports() - {"tomli"}
        for distribution in providers[name]
    }
    required = {canonicalize_name(r.name) for r in requirements()} - {"tomli"}
    assert imported | USED_BY_OTHERS == required


def test_package_runs_no_pickled_code_and_is_not_patched() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = set(imports(tree)) | {
            ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)
        }
        assert names.isdisjoint({"pickle", "torch.load", "unittest.mock", "mock.patch"}), path


def test_setup_script_is_valid_bash() -> None:
    subprocess.run(["bash", "-n", SETUP], check=True)


def test_setup_names_what_to_install_where_it_cannot(tmp_path: Path) -> None:
    """On a machine with Python but neither espeak-ng nor a package manager that it knows."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "cat", "dirname", "sed", "sha256sum"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    (tools / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python3").chmod(0o755)
    checkout = tmp_path / "attune"
    (checkout / "deploy").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "hashes.txt", "deploy/setup.sh"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())

    done = subprocess.run(
        [tools / "bash", checkout / "deploy" / "setup.sh", "--for", "run"],
        env={"PATH": str(tools)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "Missing: espeak-ng" in line
    assert "run make again" in line
    assert not (checkout / ".venv").exists()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_holds_package_starter_models_and_catalogue(wheel: zipfile.ZipFile) -> None:
    wanted = {
        f"assistant/{path.relative_to(PACKAGE)}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {
        f"assistant/starter/{path.relative_to(STARTER)}"
        for path in STARTER.rglob("*")
        if path.is_file()
    }
    wanted.add("assistant/catalog.toml")
    assert "assistant/py.typed" in wanted
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == wanted


def test_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    assert "assistant = assistant.cli:main" in wheel.read(entry_points).decode()
