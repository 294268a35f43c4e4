from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assistant.cli.models.bridges import Fit, advice, base_after, fit, learned
from assistant.config import Settings
from assistant.personalise.bridges.folder import BridgeFolder
from tests.bridge.tables import ENCODER, TABLE, checkpoint

ROOT = Path(__file__).resolve().parents[2]

OLD = Path("/old.gguf")


def told(
    *fits: Fit, current: str | None = None, base: bool = False, transcribes: bool = True
) -> list[str]:
    return list(advice(fits, current, OLD, base=base, transcribes=transcribes))


def test_a_bridge_goes_with_one_encoder_and_perhaps_with_any_llm(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    checkpoint().write(path)
    assert fit(path, ENCODER, TABLE) == Fit("x", encoder=True, llm=True)
    assert fit(path, ENCODER, "other") == Fit("x", encoder=True, llm=False)
    assert fit(path, "other", TABLE) == Fit("x", encoder=False, llm=True)
    checkpoint(table="").write(path)  # letters
    assert fit(path, ENCODER, "other").whole
    assert not fit(path, "other", "other").whole


def test_which_bridges_fit_is_known_without_torch() -> None:
    program = (
        "import sys\n"
        "from assistant.cli.models import use\n"
        "from assistant.cli.models.bridges import base_after, learned\n"
        "from assistant.config import Settings\n"
        "settings = Settings.model_validate({})\n"
        "assert base_after(settings, 'an encoder', 'a table') is None\n"
        "learned(settings, 'an encoder', 'a table')\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_one_that_answers_goes_on() -> None:
    assert told(Fit("a", encoder=True, llm=True), current="a") == [
        "Bridge a, which has learned your voice, fits these models and stays in use."
    ]


def test_others_that_fit_are_named() -> None:
    lines = told(
        Fit("a", encoder=True, llm=False), Fit("b", encoder=True, llm=True), current="a", base=True
    )
    assert lines == [
        "Learned bridges that fit these models: b.",
        "'assistant bridge promote b' puts one of them to use.",
        "Learned for other models: a. They are kept in case you go back.",
    ]


def test_after_another_llm_what_was_learned_can_be_carried_over() -> None:
    lines = told(Fit("a", encoder=True, llm=False), current="a", base=True)
    assert lines == [
        "Learned for other models: a. They are kept in case you go back.",
        "'assistant bridge transfer --from /old.gguf' transfers what was learned.",
        "The base bridge fits these models.",
    ]
    lines = told(Fit("a", encoder=True, llm=False), base=True)
    assert "'assistant bridge transfer a --from /old.gguf'" in lines[1]


def test_after_another_encoder_one_begins_anew() -> None:
    lines = told(Fit("a", encoder=False, llm=True), current="a")
    assert len(lines) == 2
    assert "'assistant bridge bootstrap' makes one" in lines[1]
    assert told() == lines[1:]
    assert "questions are answered from their transcripts" in lines[1]
    assert "nothing is understood" in told(transcribes=False)[0]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    checkpoint().write(tmp_path / "base.safetensors")
    return Settings.model_validate(
        {
            "bridge": {"path": tmp_path / "base.safetensors"},
            "personalise": {"folder": tmp_path / "bridges"},
        }
    )


def test_the_base_bridge_stays_where_it_fits(settings: Settings) -> None:
    assert base_after(settings, ENCODER, TABLE) == settings.bridge.path
    assert base_after(settings, ENCODER, "other") is None
    without = settings.model_copy(
        update={"bridge": settings.bridge.model_copy(update={"path": None})}
    )
    assert base_after(without, ENCODER, TABLE) is None
    (settings.bridge.path or OLD).write_bytes(b"damaged")
    assert base_after(settings, ENCODER, TABLE) is None


def test_learned_bridges_are_looked_at(settings: Settings) -> None:
    assert learned(settings, ENCODER, TABLE) == ([], None)
    folder = BridgeFolder(settings.bridges)
    versions = [folder.add(checkpoint(seed=seed, accepted=True)) for seed in (1, 2)]
    folder.promote(versions[0])
    fits, current = learned(settings, ENCODER, "other")
    assert current == versions[0]
    assert fits == [Fit(name, encoder=True, llm=False) for name in sorted(versions)]
