"""Several processes at one journal, and processes that are killed while they write."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from assistant.journal.store import Journal
from tests.journal.exchanges import exchange

ROOT = Path(__file__).parents[2]

TALKER = """
import sys
from pathlib import Path
from assistant.journal.store import Journal
from assistant.values import Route
from tests.journal.exchanges import features, reply, soft_prompt, utterance

with Journal(Path(sys.argv[1])) as journal:
    for seed in range(int(sys.argv[2])):
        turn_id = journal.hear(utterance(0.3, seed=seed))
        print("heard", turn_id, flush=True)
        journal.transcribed(turn_id, features("hello"))
        journal.answering(turn_id, llm="llm-1", route=Route.BRIDGE, prompt=soft_prompt())
        journal.answered(turn_id, reply())
        print("answered", turn_id, flush=True)
"""

CREATOR = """
import sys
from pathlib import Path
from assistant.journal.connection import connect

for name in sys.stdin:
    connect(Path(name.strip())).close()
    print("created", flush=True)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def test_a_kill_loses_at_most_the_turn_in_flight(path: Path) -> None:
    moments = random.Random(0)
    heard: list[int] = []
    answered: list[int] = []
    for kills in range(1, 11):
        with start(TALKER, path, 1_000_000) as talker:
            assert talker.stdout is not None
            lines = [talker.stdout.readline() for _ in range(moments.randrange(1, 20))]
            time.sleep(moments.uniform(0, 0.01))  # so that it strikes at any stage
            talker.kill()
            lines += talker.stdout.readlines()
        for stage, turn_id in map(str.split, lines):
            {"heard": heard, "answered": answered}[stage].append(int(turn_id))
        with Journal(path) as journal:
            check = journal.database.conn.execute("PRAGMA integrity_check").fetchone()[0]
            turns = {turn.id: turn for turn in journal.turns()}
            sounds = {turn_id: journal.audio(turn_id).shape for turn_id in turns}
        assert check == "ok"
        assert turns.keys() >= set(heard)
        assert len(turns) <= len(heard) + kills
        assert all(turns[turn_id].reply for turn_id in answered)
        assert set(sounds.values()) == {(4_800,)}
    assert len(answered) >= 10


def test_processes_write_side_by_side(path: Path) -> None:
    with Journal(path) as journal:
        talkers = [start(TALKER, path, 25) for _ in range(3)]
        mine = [exchange(journal) for _ in range(25)]
        for talker in talkers:
            output, _ = talker.communicate()
            assert talker.returncode == 0
            assert output.count("answered") == 25
        turns = list(journal.turns())
        assert len(turns) == 100
        assert set(mine) < {turn.id for turn in turns}
        assert all(turn.reply and turn.has_audio for turn in turns)


def test_many_can_create_the_journal_at_once(tmp_path: Path) -> None:
    creators = [start(CREATOR) for _ in range(4)]
    for round_ in range(80):
        for creator in creators:
            assert creator.stdin is not None
            creator.stdin.write(f"{tmp_path / str(round_)}\n")
        for creator in creators:
            assert creator.stdout is not None
            assert creator.stdout.readline() == "created\n"
    for creator in creators:
        creator.communicate()
        assert creator.returncode == 0


VISITOR = """
import sys
from pathlib import Path
from assistant.journal.store import Journal

with Journal(Path(sys.argv[1])) as journal:
    print(journal.count(), flush=True)
"""


def test_a_journal_opened_twice_in_one_process_keeps_its_log(path: Path) -> None:
    with Journal(path) as daemon:
        exchange(daemon)
        with Journal(path) as beside:
            assert beside.count() == 1
        for count in (1, 2, 3):  # a visitor that leaves must not take itself for the last one
            visitor = start(VISITOR, path)
            assert visitor.communicate()[0] == f"{count}\n"
            exchange(daemon)
            assert path.with_name("journal.db-wal").exists()
    with Journal(path) as journal:
        assert journal.count() == 4
