"""The whole house with the bundled models: a spoken question gets a spoken answer."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from pathlib import Path

import numpy as np
import soundfile

from assistant import child
from assistant.config import EncodeSettings, GenerateSettings, starter_dir
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.journal.store import Journal
from assistant.personalise.judging.score import Replies
from assistant.spoken import said_words, spoken_form
from models.recipe.encoder import word_errors
from models.recipe.evaluate import CONTEXT, dual_path, error_rate, utterances
from tests.sound import SoundServer, silent_environment, synthesise

ROOT = Path(__file__).parents[1]


def command(*words: str) -> list[str]:
    return [*child.command("assistant"), *words]


def test_a_spoken_question_gets_a_spoken_answer(sound_server: SoundServer, tmp_path: Path) -> None:
    question = synthesise(
        "my daughter is coming to visit me", tmp_path / "question.wav", lead_s=0.5, tail_s=0.5
    )
    answer = tmp_path / "answer.wav"
    database = tmp_path / "journal.db"
    with (
        sound_server.record(answer),
        subprocess.Popen(
            command("run", "--once", "--json", "--database", str(database)),
            cwd=ROOT,
            env=sound_server.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            if line.startswith("Listening"):
                break
        sound_server.say(question)
        turn = json.loads(process.stdout.readline())
        assert process.wait() == 0

    assert turn["source"] == "microphone"
    assert turn["end_reason"] == "silence"
    assert said_words(turn["transcript"]) == "my daughter is coming to visit me"
    # the reply is begun in the silence before the end is sure, so nothing is prefilled after it
    assert {name for name, value in turn["timings_ms"].items() if value is not None} == {
        "endpoint", "encode", "first_token", "first_audio", "total",
    }  # fmt: skip
    with Journal(database) as journal:
        assert journal.turn(turn["id"]).reply == turn["reply"]
        recorded = journal.audio(turn["id"])
    assert np.abs(recorded).max() > 0.05

    heard, rate = soundfile.read(answer)
    spoken = np.flatnonzero(np.abs(heard) > 0.01)
    soundfile.write(answer, heard[max(0, spoken[0] - rate // 4) : spoken[-1] + rate // 4], rate)
    # the bundled letters have heard robots, such as the one that answers
    letters = {"ATTUNE_ENCODE__PATH": str(starter_dir() / "encoder")}
    recognised = subprocess.run(
        command("transcribe", str(answer)),
        cwd=ROOT,
        env=sound_server.env | letters,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    wanted = spoken_form(turn["reply"])
    assert len(wanted.split()) >= 3
    assert word_errors(wanted, said_words(recognised)) <= 0.25 * len(wanted.split())


def test_without_a_microphone_the_bundled_recordings_are_answered(tmp_path: Path) -> None:
    environment = silent_environment(tmp_path) | {"XDG_DATA_HOME": str(tmp_path / "data")}
    done = subprocess.run(
        command("run"), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    examples = sorted((starter_dir() / "examples").iterdir())
    assert "No microphone was found" in done.stdout
    assert "No loudspeaker was found" in done.stdout
    assert len(re.findall(r"^  Attune  \S", done.stdout, re.MULTILINE)) == len(examples)
    assert len(re.findall(r"% sure, answered after \d+\.\d s", done.stdout)) == len(examples)
    database = tmp_path / "data" / "attune" / "journal.db"
    replies = database.parent / "replies"
    for path in (database, replies, starter_dir() / "examples"):
        assert str(path) in done.stdout
    assert len(list(replies.glob("*.wav"))) == len(examples)
    with Journal(database) as journal:
        assert journal.count() == len(examples)
        assert all(turn.reply and turn.has_audio for turn in journal.turns())


def test_the_bundled_letters_hear_unheard_voices_and_are_answered_as_the_true_text() -> None:
    spoken = utterances(40, seed=31_337)
    encoder = Wav2Vec2Encoder(EncodeSettings.model_validate({"path": starter_dir() / "encoder"}))
    features = [encoder.encode(each) for each, _ in spoken]
    pairs = [(text, f.transcript.text) for (_, text), f in zip(spoken, features, strict=True)]
    assert error_rate(pairs) <= 0.10
    with LlamaSession(GenerateSettings.model_validate({})) as session:
        replies = Replies(session, CONTEXT)
        wanted = [replies.to_text(text) for text, _ in pairs]
        scores = dual_path(wanted, [replies.to_text(heard) for _, heard in pairs])
        assert scores["rouge1"] >= 0.75
        stream = session.reply(" what time is it", CONTEXT.line(), cancel=threading.Event())
        assert "twenty-five past ten" in "".join(stream)
        stats = stream.stats
        assert stats.prompt_tokens_decoded == stats.user_tokens + stats.header_tokens
        assert stats.reused_prefix_tokens > stats.context_tokens + 10


def test_the_pack_is_small_enough() -> None:
    total = sum(path.stat().st_size for path in starter_dir().rglob("*") if path.is_file())
    assert total < 100_000_000
