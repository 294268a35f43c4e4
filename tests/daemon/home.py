"""A daemon's runtime over toy models, with a client at its socket, and a loop for who wants one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assistant import composition
from assistant.bridge.checkpoint import Checkpoint
from assistant.config import Settings
from assistant.control.client import Client
from assistant.control.server import Server
from assistant.daemon import loop
from assistant.daemon.controls import Controls
from assistant.daemon.listener import Listener, TalkButton
from assistant.daemon.loudspeaker import LoudspeakerSupervisor
from assistant.daemon.maintenance import Maintenance, Promoted
from assistant.daemon.microphone import MicrophoneSupervisor
from assistant.daemon.runtime import Runtime
from assistant.daemon.turn_taking import TurnTaking
from assistant.encode.encoder import Encoder
from assistant.errors import AttuneError
from assistant.generate.llama import LlamaSession
from assistant.household.household import Household
from assistant.household.satellite import Satellite
from assistant.household.smart_home import SmartHome
from assistant.journal.buffered import BufferedJournal
from assistant.journal.turn import Turn
from assistant.listen.half_duplex import HalfDuplex
from assistant.listen.pauses import Pauses
from assistant.nets.projector_config import ProjectorConfig
from assistant.personalise.background.supervisor import Supervisor
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import Event
from assistant.skills.desk import Desk
from assistant.speak.espeak import Espeak, Speech
from assistant.speak.voice import Aloud
from assistant.turn import Assistant
from assistant.values import Utterance
from tests.encode import tiny
from tests.generate import toys
from tests.personalise.trainers import trainer
from tests.settings import whole
from tests.waiting import WAIT_S, until

AT_ONCE: dict[str, object] = {
    "quiet_s": 0,
    "min_new": 1,
    "max_load": 1_000,
    "max_celsius": 1_000,
    "min_free_mb": 0,
    "min_disk_mb": 0,
    "on_battery": True,
    "resume_s": 0,
}
"""A device that counts as idle whatever it does."""


class Ear:
    """A loudspeaker that counts what it plays; a sentence lasts until it may end."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sentences = 0
        self.seconds = 0.0  # of the last sentence
        self.may_end = threading.Event()
        self.may_end.set()
        self._stopped = threading.Event()

    def begin(self, name: str) -> None:
        self._stopped.clear()
        self.names.append(name)

    def play(self, speech: Speech) -> bool:
        self.sentences += 1
        self.seconds = speech.seconds
        until(lambda: self.may_end.is_set() or self._stopped.is_set())
        return not self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()

    def end(self) -> None:
        """All has been heard."""


@dataclass
class Told:
    """Whom the loop tells."""

    turns: list[Turn] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)

    def begins(self, utterance: Utterance) -> None:
        self.begun.append(utterance.seconds)

    def turn(self, turn: Turn) -> None:
        self.turns.append(turn)

    def failure(self, error: AttuneError) -> None:
        self.failures.append(str(error))

    @property
    def lengths(self) -> list[float | None]:
        return [turn.seconds for turn in self.turns]


@dataclass
class Home:
    """A daemon's runtime without its loop."""

    folder: Path
    encoder: Encoder
    llm: LlamaSession
    told: list[str]
    ear: Ear = field(default_factory=Ear)
    trainers: list[Supervisor] = field(default_factory=list[Supervisor])

    def bridge(
        self, letter: str, encoder: str | None = None, *, accepted: bool = True
    ) -> Checkpoint:
        """One that hears a letter twice in whatever is said."""
        return Checkpoint(
            config=ProjectorConfig(
                kind="linear",
                encoder_dim=tiny.HIDDEN,
                llm_dim=self.llm.gguf.embedding_length,
                slots=2,
            ),
            encoder=encoder or self.encoder.fingerprint,
            table=self.llm.gguf.embedding_fingerprint,
            token_ids=np.arange(toys.N_VOCAB),
            pad=toys.EOS,
            weights={
                "body.weight": torch.zeros(self.llm.gguf.embedding_length, tiny.HIDDEN),
                "body.bias": torch.as_tensor(self.llm.gguf.rows([ord(letter)])[0]),
            },
            accepted=accepted,
        )

    def settings(self, **blocks: dict[str, object]) -> Settings:
        base = self.folder / "base.safetensors"
        if not base.exists():
            self.bridge("b").write(base)
        paths: dict[str, dict[str, object]] = {
            "bridge": {"path": base},
            "journal": {"path": self.folder / "journal.db"},
            "control": {"path": self.folder / "control.sock"},
            "personalise": {"enabled": False},
            "idle": AT_ONCE,
        }
        return whole(
            {name: paths.get(name, {}) | blocks.get(name, {}) for name in {*paths, *blocks}}
        )

    @property
    def bridges(self) -> BridgeFolder:
        return BridgeFolder(self.folder / "bridges")

    @contextmanager
    def daemon(
        self, settings: Settings | None = None, role: tuple[Any, ...] | None = None
    ) -> Iterator[Daemon]:
        """A daemon that learns by this trainer, if any."""
        settings = settings or self.settings()
        promoted = Promoted(BridgeFolder(settings.bridges))

        def start(*arguments: Any) -> Supervisor:
            started = Supervisor(*arguments, command=trainer(*(role or ("learn",))))
            self.trainers.append(started)
            return started

        with (
            BufferedJournal.open(settings.journal) as journal,
            Server(settings.control.path) as server,
        ):
            can_ask = settings.home.url is not None
            smart_home = SmartHome(can_ask=can_ask) if settings.home.is_set else None
            loudspeaker = LoudspeakerSupervisor(self.ear, self.told.append, refresh=lambda: None)
            assistant = Assistant(
                encoder=self.encoder,
                bridge=composition.bridge(settings, self.encoder, self.llm, self.told.append),
                llm=self.llm,
                journal=journal,
                voice=Aloud(Espeak(settings.speak), loudspeaker),
                desk=Desk(
                    Household.of(
                        journal,
                        settings.household,
                        smart_home=smart_home,
                        satellite=Satellite() if settings.wyoming.satellite else None,
                    )
                ),
                bridge_settings=settings.bridge,
                generate_settings=settings.generate,
            )
            publish = server.publish if role is not None else None
            maintenance = Maintenance(
                assistant, settings, promoted, self.told.append, publish=publish, start=start
            )
            microphone = MicrophoneSupervisor(
                settings.listen, self.told.append, command=("/none/such",)
            )
            with maintenance:
                runtime = Runtime(
                    settings=settings,
                    assistant=assistant,
                    maintenance=maintenance,
                    microphone=microphone,
                    loudspeaker=loudspeaker,
                    listener=Listener(
                        settings.listen,
                        microphone,
                        loudspeaker,
                        HalfDuplex(settings.listen),
                        TalkButton(settings.listen.push_to_talk),
                        TurnTaking(settings.listen),
                        Pauses(settings.listen),
                        assistant.interrupt,
                        maintenance.speech,
                    ),
                )
                daemon = Daemon(runtime, server, Client(settings.control.path))
                daemon.controls.enter(runtime, server.publish_turn)
                server.serve(daemon.controls)
                yield daemon
                daemon.controls.close()


class Daemon:
    """What a test does with a running daemon."""

    def __init__(self, runtime: Runtime, server: Server, client: Client) -> None:
        self.runtime = runtime
        self.server = server
        self.client = client
        self.inbox = loop.Inbox()
        self.reloads: list[AttuneError | None] = []  # what each reload met
        self.broken: AttuneError | None = None  # what the next one meets
        self.controls = Controls(self.inbox, self._reload)

    @property
    def assistant(self) -> Assistant:
        return self.runtime.assistant

    @property
    def maintenance(self) -> Maintenance:
        return self.runtime.maintenance

    @property
    def version(self) -> str | None:
        bridge = self.assistant.bridge
        return None if bridge is None else bridge.version

    def until(self, holds: Callable[[], object]) -> None:
        """Be idle until something is the case."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline
            self.maintenance.idle()
            time.sleep(0.01)

    def events(self, events: AbstractContextManager[Iterator[Event | None]]) -> Iterator[Event]:
        """Be idle, and give what a client hears meanwhile."""
        deadline = time.monotonic() + WAIT_S
        with events as heard:
            while True:
                assert time.monotonic() < deadline
                self.maintenance.idle()
                if (event := next(heard)) is not None:
                    yield event

    @contextmanager
    def living(self) -> Iterator[Conversation]:
        """Answer, in a thread of its own, what is said."""
        conversation = Conversation(self.runtime.overhear)
        stopper = loop.Stopper()
        stopper.also(conversation.end)

        def live() -> None:
            loop.run(
                self.assistant,
                conversation.utterances(),
                stopper=stopper,
                reporter=conversation.told,
                beside=self.maintenance,
                inbox=self.inbox,
                turn_taking=self.runtime.listener.turn_taking,
            )

        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield conversation
        finally:
            stopper.stop()
            thread.join(WAIT_S)
        assert not thread.is_alive()

    def _reload(self) -> None:
        self.reloads.append(self.broken)
        if self.broken is not None:
            raise self.broken


class Conversation:
    """What a test says, and what the loop tells of it."""

    def __init__(self, overhear: Callable[[Utterance], None]) -> None:
        self.told = Told()
        self._overhear = overhear
        self._said: queue.SimpleQueue[Utterance | None] = queue.SimpleQueue()

    def say(self, utterance: Utterance) -> None:
        self._said.put(utterance)

    def end(self) -> None:
        self._said.put(None)

    def utterances(self) -> Iterator[Utterance]:
        while (utterance := self._said.get()) is not None:
            self._overhear(utterance)
            yield utterance
