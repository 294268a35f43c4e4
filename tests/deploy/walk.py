"""A walk through the README: each of its commands, in a terminal, with a virtual microphone.

Part of ``make fresh``, which does it in the Debian that it makes; anywhere else it walks, too, in a
household of its own. What was typed, said, pressed and printed is written down as a transcript.

    .venv/bin/python -m tests.deploy.walk build/walk.txt
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assistant.cli.main import NOUNS
from tests.cli.house import ROOT
from tests.cli.terminal import terminal
from tests.sound import SoundServer, synthesise

README = ROOT / "README.md"

CTRL_C = "\x03"

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\r")


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the README, and what becomes of it here."""

    readme: str  # as the README has it
    words: str = ""  # as it is typed; empty: just so
    statuses: tuple[int, ...] = (0,)  # with which it may end
    does: tuple[tuple[str, str], ...] = ()  # what is waited for, and the keys that are pressed then
    says: str = ""  # into the microphone, where no key is pressed

    @property
    def typed(self) -> list[str]:
        """The words after the program's name."""
        return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', self.words or self.readme)]


ERASES = (("[y/N]", "y\n"), ("take it back.", "\n"))

REFUSED = (0, 1)
"""What a young household may refuse: nothing has been learned, or the hub cannot be reached."""

ALONE = (
    Step("run --input talk.wav --json"),
    Step("ask what day is it"),
    Step("ask --audio q.wav"),
    Step("transcribe *.wav", "transcribe talk.wav q.wav"),
    Step("say hello there"),
    Step("devices"),
    Step("status"),
    Step("config show"),
    Step("config set listen.profile patient"),
    Step("config unset", "config unset listen.profile"),
    Step("doctor", statuses=REFUSED),
    Step("models list"),
    Step("models verify"),
    Step("models use starter"),
    Step("models tune"),
)
"""Before it runs."""

BESIDE = (
    Step("status"),
    Step("status --watch", does=(("exchanges", CTRL_C),), statuses=(0, 130)),
    Step("mute"),
    Step("unmute"),
    Step("stop"),
    Step("ask", "ask what day is it"),
    Step("say", "say hello there"),
    Step("timers add ten minutes pizza"),
    Step("timers pause 1"),
    Step("alarms add weekdays at seven"),
    Step("reminders add every morning at eight take the blue pill"),
    Step("lists add shopping milk eggs"),
    Step("lists show shopping"),
    Step("lists done 1"),
    Step('notes add keys "Your keys are on the hook by the door."'),
    *(Step(noun) for noun in ("timers", "alarms", "reminders", "lists", "notes")),
    Step("reminders past"),
    Step("reminders done", statuses=REFUSED),
    Step(
        "enroll",
        "enroll --count 1 --phrases own.txt",
        says="good morning how are you today",
        does=(("Speak now.", ""), ("Enter", "\n")),
    ),
    Step("review", does=(("q stop", "q"),)),
    Step("log list"),
    Step("log show 3", "log show 1"),
    Step("log play 3", "log play 1"),
    Step('log correct 3 "where is my scarf"', 'log correct 1 "good morning"'),
    Step("log confirm 3", "log confirm 1"),
    Step("log export folder"),
    Step("log import FOLDER", "log import recordings"),
    Step("bridge list"),
    Step("web", does=(("Ctrl-C ends the page.", CTRL_C),)),
    Step("wyoming", does=(("Ctrl-C ends it.", CTRL_C),)),
    Step("home", statuses=(1,)),  # none is set
    Step("web pair", "web pair --reader"),
    Step("web pair --reader"),
    Step("web devices"),
    Step("web remove 2", statuses=(1,)),  # nobody has been let in
    Step("backup FILE", "backup kept.tar"),
    Step("enroll --wake", says="hello attune", does=(("Speak now.", ""),) * 3),
    Step("reload"),  # for a moment it can do nothing else
)
"""While it runs."""

AFTER = (
    Step("retrain"),
    Step("bridge rollback", statuses=REFUSED),
    Step("bridge inspect --png curve.png", statuses=REFUSED),
    Step("bridge bootstrap", "bridge bootstrap --help"),  # it takes hours
    Step("bridge transfer --from OLD.gguf", statuses=(1,)),
    Step("models import PATH", "models import none.gguf", statuses=(1,)),
    Step("restore FILE", "restore kept.tar"),
    Step("log delete 3", "log delete 1", does=ERASES),
    Step("log delete --all", does=ERASES),
    Step("forget-me", does=ERASES),
    Step("restore", "restore kept.tar"),
)
"""After it has ended."""

FETCHED = (
    Step("models pull everyday", statuses=REFUSED),
    Step("models use everyday", statuses=REFUSED),
    Step("models pull en_GB-alba-medium", statuses=REFUSED),
    Step("say --engine piper --voice en_GB-alba-medium hello there", statuses=REFUSED),
    Step("models use en_GB-alba-medium", statuses=REFUSED),
    Step("models pull wav2vec2-base-960h", "models pull --help"),  # gigabytes
    Step("models pull qwen2.5-1.5b", "models pull --help"),
    Step("models use wav2vec2-base-960h", statuses=REFUSED),
    Step("models use qwen2.5-1.5b", statuses=REFUSED),
    Step("models remove", "models remove en_GB-alba-medium --yes", statuses=REFUSED),
    Step("models use", "models use --help"),
)
"""With the network, if there is one."""

STEPS = (*ALONE, *BESIDE, *AFTER, *FETCHED)

DAEMON = ("run",)
"""Commands of the README that are the daemon beside which others are run."""


def commands(text: str) -> Iterator[str]:
    """Every command of Attune that a document names, as it names it.

    In its blocks those that begin with the program, in its text whatever stands in code and begins
    with the name of a command.
    """
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for line in "".join(blocks).splitlines():
        if line.startswith(".venv/bin/assistant "):
            yield line.removeprefix(".venv/bin/assistant ").partition("  ")[0].strip()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", prose):
        words = " ".join(code.split()).removeprefix(".venv/bin/").removeprefix("assistant ")
        if words.split(" ")[0] in NOUNS:
            yield words


@dataclass(slots=True)
class Walk:
    """Where the walk goes, and what was met on it."""

    folder: Path
    server: SoundServer
    lines: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a household in this folder, and of a person who works in it."""
        return self.server.env | {
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "ATTUNE_CONTROL__PATH": str(self.folder / "control.sock"),
            "NO_COLOR": "1",
            "TERM": "xterm",  # which every terminal sets
            "COLUMNS": "100",
        }

    def take(self, step: Step) -> None:
        """Type a command, do what it asks for, and note what came of it."""
        self.note(f"\n$ assistant {' '.join(step.typed)}")
        seen, ended = "", ""
        with terminal(*step.typed, environment=self.environment, cwd=self.folder) as screen:
            try:
                for text, keys in step.does:
                    screen.wait_for(text)
                    if keys == CTRL_C:
                        screen.interrupt()
                    elif keys:
                        screen.press(keys)
                    else:
                        self.say(step.says)
                status, _ = screen.end()
                ended = f"[{status}]"
                if status not in step.statuses or "Traceback" in screen.seen:
                    self.failed.append(step.readme)
            except AssertionError as error:
                ended = f"[{error}]"
                self.failed.append(step.readme)
            seen = screen.seen
        self.note(f"{ANSI.sub('', seen).rstrip()}\n{ended}")

    def talk(self) -> None:
        """Have it run, say something to it, and take the steps that need it."""
        self.note("\n$ assistant run")
        with terminal("run", "--models", "starter", environment=self.environment) as screen:
            screen.wait_for("Listening")
            self.say("good morning what time is it")
            screen.wait_for("  Attune  ")
            for step in BESIDE:
                self.take(step)
            screen.interrupt()
            screen.end()
            self.note(
                f"\n$ assistant run   (what it printed)\n{ANSI.sub('', screen.seen).rstrip()}"
            )

    def say(self, text: str) -> None:
        """Say something into the microphone."""
        self.note(f"(said: {text})")
        self.server.say(synthesise(text, self.folder / "said.wav", lead_s=0.5, tail_s=2.0))

    def note(self, text: str) -> None:
        """Write it down."""
        self.lines.append(text)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def furnish(folder: Path) -> None:
    """Lay out the files that the README's commands name."""
    synthesise("good morning", folder / "talk.wav", lead_s=0.3, tail_s=1.0)
    synthesise("what day is it", folder / "q.wav", lead_s=0.3, tail_s=1.0)
    recordings = folder / "recordings"
    recordings.mkdir()
    synthesise("where are my glasses", recordings / "1.wav", lead_s=0.3, tail_s=0.5)
    (recordings / "1.txt").write_text("where are my glasses\n", encoding="utf-8")
    (folder / "own.txt").write_text("Good morning, how are you today?\n", encoding="utf-8")


def main() -> None:
    """Walk, write the transcript, and say what failed."""
    transcript = Path(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="attune-walk-"))
    server = SoundServer(folder / "sound")
    walk = Walk(folder, server)
    try:
        furnish(folder)
        for step in ALONE:
            walk.take(step)
        walk.talk()
        for step in (*AFTER, *FETCHED):
            walk.take(step)
    finally:
        server.close()
        transcript.parent.mkdir(parents=True, exist_ok=True)
        transcript.write_text("\n".join(walk.lines) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
    if walk.failed:
        raise SystemExit(f"Not as the README says: {'; '.join(walk.failed)}")
    sys.stdout.write(f"Walked: {len(STEPS)} commands.\n")


if __name__ == "__main__":
    main()
