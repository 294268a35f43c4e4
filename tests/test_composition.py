from __future__ import annotations

from pathlib import Path

from assistant import composition
from assistant.config import Settings, SpeakSettings
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.speak.voice import Mute
from tests.encode import tiny
from tests.generate import toys
from tests.journal.exchanges import utterance


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
        assert all("does not write words, and nothing has been learned" in note for note in notes)


def test_replies_go_where_the_settings_say(tmp_path: Path) -> None:
    settings = SpeakSettings.model_validate({})
    assert isinstance(composition.sink(settings), Loudspeaker)
    files = composition.sink(settings.model_copy(update={"wav_dir": tmp_path / "replies"}))
    assert isinstance(files, WavSink)


def test_every_assistant_has_the_features_of_requests_encoded_early(tmp_path: Path) -> None:
    blocks = {
        "encode": {"path": str(tiny.write(tmp_path / "e", says="E")), "threads": 1, "early": "on"},
        "generate": {"path": str(toys.write(tmp_path / "toy.gguf", toys.Toy())), "threads": 1},
        "bridge": {"path": ""},
        "journal": {"path": str(tmp_path / "journal.db")},
    }
    with composition.assistant(Settings.model_validate(blocks), Mute(), print) as assistant:
        assert assistant.ends is not None
        said = utterance(0.3)
        assistant.ends(said.samples)
        early = assistant.ends.latest
        turn = assistant.hear(said)
        assert early is not None
        assert turn.hypothesis == early.transcript.text
        assert assistant.ends.latest is None  # taken by the turn
