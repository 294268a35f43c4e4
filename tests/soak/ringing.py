"""A household whose bell is killed at any moment, while its clocks do what clocks do."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assistant.household.agenda import LATE, How, Kind
from assistant.household.due import KEPT
from assistant.journal.store import Journal
from tests.household.device import BERLIN, NEW_YORK, Device
from tests.soak.keeper import EVERY_S, Wish, load, save

ROOT = Path(__file__).parents[2]

EVES = {
    BERLIN: ("2026-03-28 22:00", "2026-10-24 22:00"),
    NEW_YORK: ("2026-03-07 22:00", "2026-10-31 22:00"),
}
"""The evenings before summer time begins and ends."""

REPEATED = {
    "d000": (Kind.REMINDER, "08:10", range(7)),
    "d001": (Kind.REMINDER, "02:30", range(7)),  # skipped in spring, shown twice in autumn
    "d002": (Kind.REMINDER, "23:45", range(0, 7, 2)),
    "": (Kind.ALARM, "07:00", range(7)),
}

WAIT_S = 120.0
"""Longest wait of a test that would otherwise never end."""

Line = dict[str, Any]


@dataclass
class Ringing:
    """A folder with a journal and clocks, and the processes that work on it, one at a time."""

    folder: Path
    seed: int
    life: int = 0
    names: list[str] = field(default_factory=list[str])  # of what was asked for once
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list[tuple[datetime, datetime]])
    wrong: list[tuple[int, int, datetime]] = field(default_factory=list[tuple[int, int, datetime]])
    """Rings that were written while the clock was days ahead, and where it then went back to."""
    counts: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.home, self.abroad = self.rng.sample((BERLIN, NEW_YORK), 2)
        self.device = Device.at(EVES[self.home][0], self.home)
        self.began_on = self.device.wall.date()
        with Journal(self.folder / "journal.db"):
            save(self.folder, self.device)

    def live_through(self, kills: int, hours: float) -> dict[str, int]:
        """Be killed so often, over both changes of summer time and two of the zone.

        A life lasts up to so many simulated hours, and then until it is killed.
        """
        wishes = [self.repeated(name) for name in REPEATED]
        half = kills // 2
        for kill in range(kills):
            ahead_h = 0.0
            if kill == half:
                self.off(Device.at(EVES[self.home][1], self.home).shows - self.device.shows)
            elif kill in (half // 3, 2 * half // 3):
                self.move(self.abroad if self.device.zone == self.home else self.home)
            elif kill % 5 == 3:
                self.off(timedelta(seconds=self.rng.choice((5, 50, 900, 30_000))))
            elif kill % 5 == 1:
                self.turn(self.rng.uniform(-5, 5))
            elif kill % 5 == 2:
                ahead_h = self.rng.choice((0.0, 72.0, 9_600.0))
            self.turn(ahead_h)
            known = self.last_ring()
            least = 7.0 if kill in (0, half) else self.rng.uniform(0, hours)
            self.one_life([*wishes, *(self.wish() for _ in range(3))], least)
            wishes = []
            self.turn(-ahead_h)
            if ahead_h:
                self.wrong.append((known, self.last_ring(), self.device.shows))
                self.one_life([], 0.1)  # which notices it
        self.off(timedelta(days=4))
        self.one_life([], 3.0)
        self.judge()
        return dict(self.counts)

    def repeated(self, name: str) -> Wish:
        kind, at, days = REPEATED[name]
        day = self.began_on
        while self.instant(day, at, self.home) <= self.device.shows or day.weekday() not in days:
            day += timedelta(days=1)
        return Wish(kind=kind, name=name, at=f"{day} {at}", seconds=0, days=list(days))

    def wish(self) -> Wish:
        """A timer, or a reminder that comes once."""
        seconds = self.rng.choice((60, 600, self.rng.randint(1, 20_000)))
        kind = self.rng.choice((Kind.TIMER, Kind.REMINDER))
        self.names.append(f"w{len(self.names):03}")
        at = self.device.wall.replace(second=0) + timedelta(seconds=60 + seconds)
        return Wish(kind=kind, name=self.names[-1], at=f"{at}", seconds=seconds, days=[])

    def turn(self, hours: float) -> None:
        """The clock is set."""
        before = self.device.shows
        self.device.turn(hours=hours)
        self.gaps.append((before, self.device.shows))
        self.counts["the clock was set"] += bool(hours)

    def move(self, zone: str) -> None:
        """The device is in another zone."""
        self.device.zone = zone
        self.gaps.append((self.device.shows - timedelta(hours=7), self.device.shows))
        self.counts["changes of zone"] += 1

    def off(self, length: timedelta) -> None:
        before = self.device.shows
        self.device.off(seconds=length.total_seconds())
        self.gaps.append((before, self.device.shows))
        self.counts["times off"] += 1

    def one_life(self, wishes: list[Wish], hours: float) -> None:
        """Run a process for some simulated hours or more, and kill it at any moment."""
        save(self.folder, self.device)
        began, offset = self.device.shows, self.device.moment.now.utcoffset()
        with subprocess.Popen(
            [sys.executable, "-m", "tests.soak.keeper", str(self.folder), str(self.life)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            hanging = threading.Timer(WAIT_S, process.kill)
            hanging.start()
            try:
                assert process.stdout.readline() == "ready\n"
                process.stdin.write(f"{json.dumps(wishes)}\n")
                self._wait(process, began + timedelta(hours=hours))
            finally:
                hanging.cancel()
                process.kill()
            process.stdout.read()
        self.device = load(self.folder)
        self.life += 1
        self.counts["kills"] += 1
        self.counts["changes of summer time"] += offset != self.device.moment.now.utcoffset()

    def _wait(self, process: subprocess.Popen[str], until: datetime) -> None:
        """Wait until its clock has come so far, and then for something it does, or a while."""
        assert process.stdout is not None
        while load(self.folder).shows < until:
            assert process.poll() is None
            time.sleep(0.02)
        if self.rng.random() < 0.6:
            for _ in range(self.rng.randint(1, 6)):
                assert process.stdout.readline()
            time.sleep(self.rng.uniform(0, 0.006))
        else:
            time.sleep(self.rng.uniform(0, 0.5))

    def instant(self, day: date, at: str, zone: str) -> datetime:
        """When a clock there shows this, in UTC; what is skipped comes an hour later."""
        wall = datetime.fromisoformat(f"{day} {at}").replace(tzinfo=ZoneInfo(zone))
        return wall.astimezone(timezone.utc)

    def last_ring(self) -> int:
        with closing(sqlite3.connect(self.folder / "journal.db")) as connection:
            return connection.execute("SELECT coalesce(max(id), 0) FROM rings").fetchone()[0]

    def judge(self) -> None:
        """Check what is left against what was said and promised."""
        text = (self.folder / "witness.jsonl").read_text("utf-8")
        lines: list[Line] = [json.loads(line) for line in text.splitlines()]
        with closing(sqlite3.connect(self.folder / "journal.db")) as connection:
            connection.row_factory = sqlite3.Row
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            items = [dict(row) for row in connection.execute("SELECT * FROM agenda ORDER BY id")]
            rings = [dict(row) for row in connection.execute("SELECT * FROM rings ORDER BY id")]
        for ring in rings:
            ring["due"] = datetime.fromisoformat(ring["due_at"])
            ring["began"] = datetime.fromisoformat(ring["began_at"])
        self._nothing_is_lost(items, rings, lines)
        self._repeated_come_once_a_day(items, rings)
        self._late_is_late(rings)
        self._nothing_is_said_twice(rings, lines)

    def _nothing_is_lost(self, items: list[Line], rings: list[Line], lines: list[Line]) -> None:
        promised = {line["added"] for line in lines if "added" in line}
        assert promised <= {item["name"] for item in items}
        number = Counter(ring["item"] for ring in rings)
        for item in items:
            if not item["days"]:
                assert number[item["id"]] == item["over"], item
                due = datetime.fromisoformat(item["due_at"])
                assert item["over"] or due > self.device.shows, item
        heard = {ring for line in lines if "said" in line for ring in line["rings"]}
        for ring in rings:
            is_new = ring["began"] > self.device.shows - timedelta(hours=1)
            assert ring["how"] is not None or is_new, ring
            assert ring["how"] == How.MISSED or ring["id"] in heard or is_new, ring
            if ring["how"] == How.MISSED:
                assert not self._is_of_a_wrong_day(ring), ring
            self.counts[f"rings, {ring['how']}"] += 1

    def _is_of_a_wrong_day(self, ring: Line) -> bool:
        """Whether it was written before its time had really come."""
        return any(
            first < ring["id"] <= last and ring["due"] > back for first, last, back in self.wrong
        )

    def _repeated_come_once_a_day(self, items: list[Line], rings: list[Line]) -> None:
        for name, (_, at, days) in REPEATED.items():
            item = next(item for item in items if item["name"] == name)
            own = [ring for ring in rings if ring["item"] == item["id"]]
            early = {ring["due"] for ring in own if self._is_of_a_wrong_day(ring)}
            dues = Counter(ring["due"] for ring in own)
            for day in self._days():
                if day.weekday() not in days:
                    continue
                times = [self.instant(day, at, zone) for zone in (self.home, self.abroad)]
                found = sum(dues[each] for each in times)
                if early.intersection(times):
                    found -= found == 2  # it came in another zone than it was said in too early
                if self._is_long_ago(times[0]):
                    assert found <= 1, (name, day)
                elif self.began_on < day < self.device.wall.date():
                    assert found == 1, (name, day)

    def _days(self) -> Iterator[date]:
        day = self.began_on
        while day <= self.device.wall.date():
            yield day
            day += timedelta(days=1)

    def _is_long_ago(self, due: datetime) -> bool:
        """Whether it came so long before the end of a pause that it need not be written down."""
        return any(since < due < until - KEPT + timedelta(days=1) for since, until in self.gaps)

    def _late_is_late(self, rings: list[Line]) -> None:
        for ring in rings:
            assert ring["began"] >= ring["due"], ring
            assert bool(ring["late"]) == (ring["began"] - ring["due"] > LATE), ring
            if ring["late"]:
                slack = timedelta(seconds=2 * EVERY_S)
                assert any(since - slack <= ring["due"] <= until for since, until in self.gaps), (
                    ring
                )
            self.counts["rings, late"] += bool(ring["late"])

    def _nothing_is_said_twice(self, rings: list[Line], lines: list[Line]) -> None:
        known = {ring["id"]: ring for ring in rings}
        ended: set[int] = set()
        said: defaultdict[int, list[Line]] = defaultdict(list)
        for line in lines:
            ended.update(line.get("ended", ()))
            if "said" not in line:
                continue
            assert line["rings"], line
            assert not ended & set(line["rings"]), line
            self.counts["times said"] += 1
            at = datetime.fromisoformat(line["at"])
            if not any(known[ring]["due"] > at for ring in line["rings"]):
                late = {bool(known[ring]["late"]) for ring in line["rings"]}
                tells = any(words in line["said"] for words in ("was due", "ran out", "alarm was"))
                assert tells is (True in late), line
            for ring in line["rings"]:
                before = said[ring][-1] if said[ring] else None
                if before is not None and before["life"] == line["life"]:
                    gap_s = 300 if known[ring]["kind"] == Kind.REMINDER else 4
                    assert line["s"] - before["s"] >= gap_s, line
                said[ring].append(line)
        for ring, told in said.items():
            lives = len({line["life"] for line in told})
            self.counts["said again after a kill"] += lives - 1
            if known[ring]["kind"] == Kind.REMINDER:
                assert len(told) <= 4 + lives - 1, ring
