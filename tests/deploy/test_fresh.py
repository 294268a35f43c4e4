"""How ``make fresh`` finds what this machine's pip needs, and judges what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy import fresh

TOLD = """
No loudspeaker was found, so replies are written to files.
Models ready after 2.2 s.

  you     good morning
  Attune  Good morning. Did you sleep well?
          96% sure, answered after 2.3 s

  you     hm
  Attune  
"""  # noqa: W291 - as it is printed


def test_pip_finds_what_its_settings_name(tmp_path: Path) -> None:
    for name in ("index/simple", "index/files", "wheels"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pip.conf").write_text(
        f"[global]\nextra-index-url = https://pip.example/simple file://{tmp_path}/index/simple\n"
        f"[install]\nfind-links = {tmp_path}/wheels /no/such/folder\ntimeout = 60\n"
    )
    found = list(fresh.paths(fresh.values(tmp_path / "pip.conf")))
    assert found == [tmp_path / "index", tmp_path / "wheels"]


def test_what_a_run_told_is_read() -> None:
    assert fresh.ready_s(TOLD) == 2.2
    assert fresh.answered(TOLD) == 1
    with pytest.raises(SystemExit, match="never said"):
        fresh.ready_s("")


def test_a_transcript_is_brought_home_even_of_a_walk_that_failed(tmp_path: Path) -> None:
    fresh.bring(tmp_path / "there", tmp_path / "here", fresh.WALK)  # it never began
    assert not (tmp_path / "here").exists()
    (tmp_path / "there" / fresh.WALK).parent.mkdir(parents=True)
    (tmp_path / "there" / fresh.WALK).write_text("$ assistant status\n", encoding="utf-8")
    fresh.bring(tmp_path / "there", tmp_path / "here", fresh.WALK)
    assert (tmp_path / "here" / fresh.WALK).read_text(encoding="utf-8") == "$ assistant status\n"
