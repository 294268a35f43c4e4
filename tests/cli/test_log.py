from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile

from assistant.cli.log import commands as log
from assistant.config import load
from assistant.errors import JournalError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.values import MICROPHONE, EndReason, Utterance
from tests.journal.exchanges import STARTED_AT, exchange, features, sound, utterance
from tests.sound import SoundServer, silent_environment

ROOT = Path(__file__).parents[2]

Run = Callable[..., list[str]]


def assistant_log(path: Path, *words: str, wav_dir: Path | None = None) -> int:
    """What the command line does: parse, load the settings, run."""
    parser = argparse.ArgumentParser()
    log.register(parser.add_subparsers())
    args = parser.parse_args(["log", *words])
    flags = {"journal.path": path, "speak.wav_dir": wav_dir}
    loaded = load(flags, environ={}, files=())
    return args.run(args, loaded.settings, loaded)


@pytest.fixture
def run(path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a log command that must succeed and give the lines it prints."""

    def run(*words: object, wav_dir: Path | None = None) -> list[str]:
        assert assistant_log(path, *map(str, words), wav_dir=wav_dir) == 0
        return capsys.readouterr().out.splitlines()

    return run


def test_nothing_yet_is_said_kindly(run: Run, tmp_path: Path) -> None:
    (line,) = run("list")
    assert line.startswith("Nothing has been said yet.")
    assert run("export", tmp_path / "out") == [line]
    assert not (tmp_path / "out").exists()
    assert run("list", "--json") == []


def test_a_list_is_a_table_of_at_most_100_columns(journal: Journal, run: Run) -> None:
    exchange(journal, "what time is it", "it is half past six")
    exchange(journal, "tell me a very long story " * 8, "once upon a time " * 20)
    journal.typed("short")
    head, *rows = run("list")
    assert head.split() == ["ID", "WHEN", "SECONDS", "ROUTE", "SURE", "SAID", "REPLY"]
    assert max(map(len, rows)) == 100
    typed, long, short = rows
    assert typed.startswith("3 ")
    assert typed.endswith("(not answered)")
    assert long.count("…") == 2
    assert short[: head.index("SAID")].split() == [
        "1", *f"{STARTED_AT.astimezone():%Y-%m-%d %H:%M}".split(), "0.5", "bridge", "0.75",
    ]  # fmt: skip
    assert short[head.index("SAID") :].startswith("what time is it ")
    assert short[head.index("REPLY") :] == "it is half past six"


def test_a_list_cannot_steer_the_terminal(journal: Journal, run: Run) -> None:
    exchange(journal, "clear\x1b[2J the\nscreen", "日本" * 40 + "\x07")
    head, row = run("list")
    assert "clear[2J the screen" in row
    assert "\x07" not in row
    assert len(row[head.index("REPLY") :]) * 2 <= 100 - head.index("REPLY") + 1


def test_a_list_goes_back_as_far_as_asked(journal: Journal, run: Run) -> None:
    now = datetime.now(timezone.utc)
    for hours in (50, 3, 0):
        journal.hear(utterance(0.1, started_at=now - timedelta(hours=hours)))

    def ids(*words: str) -> list[int]:
        return [json.loads(line)["id"] for line in run("list", "--json", *words)]

    assert ids() == [3, 2, 1]
    assert ids("--limit", "1") == [3]
    assert ids("--since", "4h") == [3, 2]
    assert ids("--since", "90m") == [3]
    assert ids("--since", "1w") == [3, 2, 1]
    assert ids("--since", (now - timedelta(hours=4)).isoformat()) == [3, 2]
    assert ids("--since", f"{now - timedelta(hours=4):%Y-%m-%dT%H:%M:%S}Z") == [3, 2]
    assert 1 not in ids("--since", "yesterday")
    assert set(ids("--since", "today")) <= {3, 2}
    (line,) = run("list", "--since", (now + timedelta(hours=1)).isoformat())
    assert line.startswith("Nothing has been said since then.")


def test_a_list_says_that_there_are_older_exchanges(journal: Journal, run: Run) -> None:
    for _ in range(21):
        journal.typed("hello")
    *shown, more = run("list")
    assert len(shown) == 1 + 20
    assert more == "There are older ones: '--limit 100' shows more of them."
    assert run("list", "--limit", "20", "--json")[-1].startswith("{")  # as programs expect it
    assert len(run("list", "--limit", "21")) == 1 + 21


@pytest.mark.parametrize("moment", ["soon", "2 parsecs", "2026-13-01", "9999999999w", ""])
def test_a_moment_that_is_none_is_refused(path: Path, moment: str) -> None:
    with pytest.raises(SystemExit):
        assistant_log(path, "list", "--since", moment)


@pytest.mark.parametrize("words", [("list", "--limit", "0"), ("show", "x"), ("show", "-1"), ()])
def test_what_is_no_command_is_refused(path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        assistant_log(path, *words)


def test_show_tells_everything(journal: Journal, run: Run) -> None:
    turn_id = exchange(journal, "what dime is it", "it is half past six")
    journal.database.table("turns").update(turn_id, {"correction": "what time is it"})
    shown = dict(line.split(maxsplit=1) for line in run("show", turn_id))
    assert shown == {
        "exchange": "1",
        "when": f"{STARTED_AT.astimezone():%Y-%m-%d %H:%M:%S}",
        "source": "microphone",
        "recording": "0.5 s, ended by silence",
        "transcript": "what dime is it (75% sure)",
        "correction": "what time is it",
        "heard": "what dime is it (88% sure)",
        "route": "bridge",
        "reply": "it is half past six",
        "ended": "end_of_turn",
        "timings": "endpoint 800 ms, total 1234 ms",
        "learning": "allowed",
        "encoder": "encoder-1",
        "bridge": "bridge-1",
        "llm": "llm-1",
    }


def test_show_tells_what_went_wrong(journal: Journal, run: Run) -> None:
    turn_id = journal.hear(utterance())
    journal.transcribed(turn_id, features(""))
    journal.failed(turn_id, "llama.cpp gave up")
    shown = dict(line.split(maxsplit=1) for line in run("show", turn_id))
    assert shown["error"] == "llama.cpp gave up"
    assert shown["reply"] == "(not answered)"
    assert "route" not in shown
    assert "(llama.cpp gave up)" in run("list")[1]


def test_json_is_one_object_per_exchange(journal: Journal, run: Run) -> None:
    turn_id = exchange(journal, "bon appétit")
    journal.typed("hello")
    listed = [json.loads(line) for line in run("list", "--json")]
    assert [record["transcript"] for record in listed] == ["hello", "bon appétit"]
    (line,) = run("show", turn_id, "--json")
    assert json.loads(line) == listed[1]
    assert listed[1]["timings_ms"] == {
        "endpoint": 800.0, "encode": None, "bridge": None, "prefill": None,
        "first_token": None, "first_audio": None, "total": 1234.5,
    }  # fmt: skip
    assert (listed[1]["route"], listed[1]["stop_reason"]) == ("bridge", "end_of_turn")
    assert (listed[1]["heard"], listed[1]["consent"]) == ("bon appétit", True)


@pytest.mark.parametrize(
    "words", [("show", "7"), ("play", "7"), ("correct", "7", "hello"), ("confirm", "7")]
)
def test_an_unknown_exchange_is_named(path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(JournalError, match="There is no exchange 7 in"):
        assistant_log(path, *words)


def test_what_was_read_aloud_or_imported_needs_no_reply(journal: Journal, run: Run) -> None:
    journal.enrolled(utterance(), "good morning", Taught.ENROLLED)
    journal.enrolled(utterance(), "good night", Taught.IMPORTED)
    _, imported, read = run("list")
    assert read.endswith("good morning  (read aloud)")
    assert imported.endswith("good night    (imported)")
    shown = dict(line.split(maxsplit=1) for line in run("show", 1))
    assert (shown["correction"], shown["taught"]) == ("good morning", "enrolled")
    assert (shown["transcript"], shown["reply"]) == ("(none)", "(read aloud)")
    (line,) = run("show", 2, "--json")
    assert json.loads(line)["taught"] == "imported"


def test_a_correction_is_told_and_shown(journal: Journal, run: Run) -> None:
    exchange(journal, "what dime is it")
    said, then = run("correct", 1, "what", " time is it ")
    assert said == "Exchange 1 says: what time is it"
    assert then.endswith("'assistant retrain'.")
    assert "what time is it" in run("list")[1]
    shown = dict(line.split(maxsplit=1) for line in run("show", 1))
    assert (shown["correction"], shown["taught"]) == ("what time is it", "corrected")


def test_a_confirmation_is_told(journal: Journal, run: Run) -> None:
    exchange(journal, "what time is it")
    journal.consent(1, allowed=False)
    assert run("confirm", 1) == [
        "Exchange 1 says: what time is it",
        "Attune does not learn from it, because that is not allowed.",
    ]
    assert journal.turn(1).taught is Taught.CONFIRMED


def test_what_cannot_be_learned_from_is_told(journal: Journal, path: Path) -> None:
    journal.typed("hello")
    exchange(journal)
    with pytest.raises(JournalError, match="was typed, so there is nothing to learn from"):
        assistant_log(path, "correct", "1", "hello")
    with pytest.raises(JournalError, match="text is empty"):
        assistant_log(path, "correct", "2", " ")
    assert journal.turn(2).correction is None


def test_export_since_a_moment(journal: Journal, run: Run, tmp_path: Path) -> None:
    exchange(journal)
    exchange(journal, started_at=datetime.now(timezone.utc))
    journal.typed("hello")
    (line,) = run("export", tmp_path / "out", "--since", "1h")
    assert line == f"Written to {tmp_path / 'out'}: exchanges 2, recordings 1."
    records = map(json.loads, (tmp_path / "out" / "turns.jsonl").read_text().splitlines())
    assert [record["id"] for record in records] == [2, 3]
    with pytest.raises(JournalError, match="--force"):
        run("export", tmp_path / "out")
    run("export", tmp_path / "out", "--force")
    assert len((tmp_path / "out" / "turns.jsonl").read_text().splitlines()) == 3


def test_play_writes_a_file_where_replies_go_to_files(
    journal: Journal, run: Run, tmp_path: Path
) -> None:
    turn_id = journal.hear(utterance(seed=4))
    (line,) = run("play", turn_id, wav_dir=tmp_path / "wav")
    assert line == f"Exchange 1 is now in {tmp_path / 'wav' / 'exchange-1.wav'}."
    samples, rate = soundfile.read(tmp_path / "wav" / "exchange-1.wav", dtype="float32")
    assert rate == 16_000
    assert np.abs(samples - sound(seed=4)).max() <= 1 / 32_768


def test_a_typed_exchange_cannot_be_played(journal: Journal, path: Path) -> None:
    turn_id = journal.typed("hello")
    with pytest.raises(JournalError, match="was typed"):
        assistant_log(path, "play", str(turn_id))


PLAYER = """
import sys
from pathlib import Path
from assistant.errors import DeviceError
from tests.cli.test_log import assistant_log

try:
    sys.exit(assistant_log(Path(sys.argv[1]), "play", sys.argv[2]))
except DeviceError as error:
    sys.exit(str(error))
"""


def play(path: Path, turn_id: int, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Play in a process of its own: PortAudio looks for devices only once."""
    return subprocess.run(
        [sys.executable, "-c", PLAYER, str(path), str(turn_id)],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_play_is_heard_from_the_loudspeaker(journal: Journal, path: Path, tmp_path: Path) -> None:
    seconds = np.arange(16_000) / 16_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    turn_id = journal.hear(Utterance(tone, STARTED_AT, EndReason.SILENCE, source=MICROPHONE))
    server = SoundServer(tmp_path / "sound")
    try:
        with server.record(tmp_path / "heard.wav"):
            played = play(path, turn_id, server.env)
    finally:
        server.close()
    assert played.returncode == 0, played.stderr
    heard, rate = soundfile.read(tmp_path / "heard.wav", dtype="float32")
    first, *_, last = np.flatnonzero(np.abs(heard) > 0.1)
    assert last - first > 0.98 * rate  # nothing cut off at either end
    spectrum = np.abs(np.fft.rfft(heard))
    assert abs(spectrum.argmax() * rate / heard.size - 440) < 5


def test_play_without_a_loudspeaker_says_so(journal: Journal, path: Path, tmp_path: Path) -> None:
    turn_id = journal.hear(utterance())
    played = play(path, turn_id, silent_environment(tmp_path / "silent"))
    assert played.returncode == 1
    assert "loudspeaker" in played.stderr
    assert "Traceback" not in played.stderr
