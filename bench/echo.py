"""A daemon that hears its own voice in a room, and people who speak over it.

The daemon runs with its ordinary settings (``listen.barge_in = "auto"``). What its loudspeaker
plays goes through a simulated room into its microphone, both of them PulseAudio's. First it talks
until it has found out whether it can listen meanwhile. Then it talks on, alone: whatever it takes
for a question then is its own voice. Then people's recordings are said over it, from three seconds
into its speech on: whether it breaks off, and how many words it mishears, beside those that it
mishears of the same recordings handed to it as files.

    python -m bench.echo --data PATH [--encoder WHISPER_FOLDER] [--delay-ms 40]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from assistant import child
from assistant.config import ListenSettings
from assistant.control.client import Client
from assistant.listen.full_duplex import FullDuplex
from assistant.values import SAMPLE_RATE
from bench.households import audible
from models.recipe.corpus import Clip, read, recordings
from models.recipe.encoder import word_errors
from tests.room import furnish
from tests.sound import SoundServer

STORY = (
    "Once upon a time there was a gardener who grew nothing but tomatoes. Every morning she went "
    "from plant to plant and told each of them the news. In the afternoon she sat down in the "
    "shade with a cup of tea and a book about the sea, which she had never seen. In the evening, "
    "when it had become cool, she carried water from the well until the last of them had enough."
)
"""About 20 s of its own speech."""

LONGEST_S = 150.0
"""Own speech after which it should know whether it can listen meanwhile."""

OVER_S = 3.0
"""After its first sound somebody speaks over it."""

PEAK = 0.3
"""Of the recordings, where full scale is 1; its own voice comes back at about that."""

ANSWER_S = 12.0
"""Longest wait for the exchange that somebody's words become."""


@dataclass
class Daemon:
    """A running daemon, and what it says of itself."""

    client: Client
    notes: list[str] = field(default_factory=list[str])

    @property
    def speaking(self) -> bool:
        """Whether it speaks."""
        return self.client.status().speaking

    def say(self) -> None:
        """Have it begin to tell the story."""
        self.client.say(STORY)

    def until_silent(self) -> float:
        """Wait until it has fallen silent; how long that took, in seconds."""
        began = time.monotonic()
        while self.speaking:
            time.sleep(0.05)
        return time.monotonic() - began

    def heard(self, since: int) -> list[str]:
        """What it has taken for a question since an exchange, oldest first."""
        found = [each for each in self.client.log(20) if int(each["id"]) > since]
        spoken = [each for each in found if each["source"] == "microphone"]
        return [str(each["transcript"] or "") for each in spoken][::-1]

    @property
    def last(self) -> int:
        """Number of the latest exchange."""
        return max((int(each["id"]) for each in self.client.log(1)), default=0)


@contextmanager
def running(place: Path, sound: SoundServer, encoder: Path | None) -> Generator[Daemon]:
    """A daemon that listens; ``SystemExit`` if it does not begin to."""
    environment = audible(place, sound) | {"ATTUNE_PERSONALISE__ENABLED": "false"}
    if encoder is not None:
        environment["ATTUNE_ENCODE__PATH"] = str(encoder)
    daemon = Daemon(Client(Path(environment["ATTUNE_CONTROL__PATH"])))
    with subprocess.Popen(
        [*child.command("assistant"), "run", "--json"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        listens = threading.Event()

        def follow() -> None:
            for line in process.stderr or ():
                daemon.notes.append(line.strip())
                if line.startswith("Listening"):
                    listens.set()

        threading.Thread(target=follow, daemon=True).start()
        try:
            if not listens.wait(120):
                raise SystemExit(f"The daemon does not listen: {daemon.notes}")
            yield daemon
        finally:
            process.terminate()


def finds_out(daemon: Daemon) -> tuple[bool | None, float]:
    """Let it talk until it has found out; whether it listens meanwhile, and after how long."""
    spoken_s = 0.0
    known = {
        FullDuplex(ListenSettings.model_validate({"barge_in": how})).sentence: how == "open"
        for how in ("open", "off")
    }
    while spoken_s < LONGEST_S:
        daemon.say()
        spoken_s += daemon.until_silent()
        for note in daemon.notes:
            if note in known:
                return known[note], spoken_s
    return None, spoken_s


@dataclass(frozen=True, slots=True)
class Over:
    """What became of a recording that was said over its speech."""

    text: str  # what is really said in it
    plain: str  # as it is heard from the file
    heard: tuple[str, ...]  # as it was heard over the speech, in as many exchanges
    broke_off: bool


def said_over(daemon: Daemon, sound: SoundServer, clip: Clip, wav: Path) -> Over:
    """Say a recording over its speech."""
    samples = read(clip)
    soundfile.write(wav, samples * (PEAK / max(PEAK, float(np.abs(samples).max()))), SAMPLE_RATE)
    plain = str(daemon.client.transcribe(str(wav))["text"])
    last = daemon.last
    daemon.say()
    time.sleep(OVER_S)
    sound.say(wav)
    broke_off = not daemon.speaking
    daemon.client.stop()
    deadline = time.monotonic() + ANSWER_S
    while not (heard := daemon.heard(last)) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(2.0)  # more may follow
    daemon.client.stop()
    daemon.until_silent()
    return Over(clip.text, plain, tuple(daemon.heard(last) or heard), broke_off)


def chosen(data: Path, count: int) -> list[Clip]:
    """So many recordings, half of them Kathleen's."""
    clips = list(recordings(data, held_out_part=True))
    sides = [[c for c in clips if (c.speaker == "kathleen") is reads] for reads in (True, False)]
    return [clip for of in sides for clip in of[:: max(1, len(of) // (count // 2))][: count // 2]]


def wrong(said: list[Over], heard: list[str]) -> float:
    """Percent of words misheard."""
    words = sum(len(each.text.split()) for each in said)
    faults = sum(word_errors(e.text.lower(), h) for e, h in zip(said, heard, strict=True))
    return round(100 * faults / max(1, words), 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--encoder", type=Path, help="a Whisper folder of CTranslate2")
    parser.add_argument("--delay-ms", type=float, default=40.0, help="of the room, beside devices'")
    parser.add_argument("--headset", action="store_true", help="nothing comes back")
    parser.add_argument("--alone", type=int, default=6, help="stories told to nobody")
    parser.add_argument("--people", type=int, default=20, help="recordings said over its speech")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        sound = SoundServer(place / "sound")
        if not arguments.headset:
            furnish(sound, place, arguments.delay_ms / 1_000)
        try:
            with running(place, sound, arguments.encoder) as daemon:
                told = measured(daemon, sound, arguments)
        finally:
            sound.close()
    print(json.dumps({"bench": "echo", **told}))


def measured(
    daemon: Daemon, sound: SoundServer, arguments: argparse.Namespace
) -> dict[str, object]:
    """All figures, printed as they come."""
    works, after_s = finds_out(daemon)
    print(f"listens while it speaks: {works}, known after {after_s:.0f} s of its own speech")
    before, alone_s = daemon.last, 0.0
    for _ in range(arguments.alone):
        daemon.say()
        alone_s += daemon.until_silent()
    time.sleep(ANSWER_S)
    own = daemon.heard(before)
    print(f"own voice taken for a question in {alone_s:.0f} s: {len(own)} {own}")
    wav = Path(daemon.client.path).parent / "said.wav"
    overs: list[Over] = []
    for clip in chosen(arguments.data, arguments.people):
        overs.append(said_over(daemon, sound, clip, wav))
        print(overs[-1])
    plain = wrong(overs, [each.plain for each in overs])
    over = wrong(overs, [" ".join(each.heard) for each in overs])
    share = sum(each.broke_off for each in overs) / max(1, len(overs))
    print(f"broke off for {share:.0%} of people; words misheard {over} %, from the file {plain} %")
    return {
        "works": works,
        "known_after_s": round(after_s),
        "alone_s": round(alone_s),
        "own": len(own),
        "people": len(overs),
        "broke_off": round(share, 2),
        "word_error": over,
        "word_error_file": plain,
    }


if __name__ == "__main__":
    main()
