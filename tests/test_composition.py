from __future__ import annotations

from pathlib import Path

from assistant import composition
from assistant.config import Settings
from assistant.speak.voice import Mute
from tests.encode import tiny
from tests.generate import toys


def test_an_encoder_without_words_and_without_a_bridge_is_told(tmp_path: Path) -> None:
    blocks = {
        "encode": {"threads": 1},
        "generate": {"path": str(toys.write(tmp_path / "toy.gguf", toys.Toy())), "threads": 1},
        "bridge": {"path": ""},
        "journal": {"path": str(tmp_path / "journal.db")},
    }
    for write, told in ((tiny.write_whisper, 1), (tiny.write, 0)):
        blocks["encode"]["path"] = str(write(tmp_path / write.__name__))
        notes: list[str] = []
        with composition.assistant(
            Settings.model_validate(blocks), Mute(), notes.append
        ) as assistant:
            assert assistant.bridge is None
        assert len(notes) == told
        assert all("writes no words and no bridge reads" in note for note in notes)
