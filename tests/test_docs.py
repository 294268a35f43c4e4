"""What the documents name is there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    if "recipe/dialogues" not in name
]

ROOTS = ("assistant", "bench", "deploy", "docs", "models", "systemd", "tests")
PATH = re.compile(rf"`((?:{'|'.join(ROOTS)})/[\w./@-]+)`")
ROOM = re.compile(r"`((?:control|daemon)/[\w.]+\.py)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
ANCHOR = re.compile(r"\]\(([^)\s]*)#([^)]*)\)")
MODULE = re.compile(r"-m ((?:bench|models|assistant)(?:\.\w+)+)")


def named(page: Path) -> Iterator[Path]:
    """Files and folders that a page names."""
    text = page.read_text(encoding="utf-8")
    for name in PATH.findall(text):
        yield ROOT / name
    for name in ROOM.findall(text):
        yield ROOT / "assistant" / name
    for name in LINK.findall(text):
        if "://" not in name:
            yield page.parent / name
    for name in MODULE.findall(text):
        place = ROOT / name.replace(".", "/")
        yield place if place.is_dir() else place.with_suffix(".py")


def anchor(heading: str) -> str:
    """A heading as a link names it."""
    words = re.sub(r"[^\w\- ]", "", heading.lower())
    return words.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert [str(path) for path in named(page) if not path.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_heading_that_a_page_links_to_is_there(page: Path) -> None:
    for name, wanted in ANCHOR.findall(page.read_text(encoding="utf-8")):
        if "://" not in name:
            target = page.parent / name if name else page
            text = target.read_text(encoding="utf-8")
            assert wanted in [anchor(heading) for heading in HEADING.findall(text)], (name, wanted)


def test_the_readme_says_where_to_clone_from_as_the_package_does() -> None:
    """While the package names no address, the README may not invent one."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.search(
        r'^(?i:repository|source)\s*=\s*"(.*)"$',
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if named is None:
        assert "There is no public address to clone it from yet." in text
        assert not re.search(r"git clone \S+://", text)
    else:
        assert f"git clone {named[1]}" in text


def test_code_cites_nothing_outside_the_repository() -> None:
    cited = re.compile(r"\b(?:design|core-notes)(?:\.md)?, decision|shared/(?:design|core-notes)")
    for path in (ROOT / "assistant").rglob("*.py"):
        assert not cited.search(path.read_text(encoding="utf-8")), path
