"""Takes what the home is asked for from the daemon, and brings the answers back."""

from __future__ import annotations

import threading
from collections.abc import Callable

from assistant.config import HomeSettings
from assistant.control.client import Client
from assistant.errors import ControlError
from assistant.home.conversation import HomeAssistant
from assistant.home.events import Command, Events, Teller
from assistant.home.mqtt import Mqtt
from assistant.household.smart_home import LONGEST

WAIT_S = 5.0
"""How long the daemon may have nothing to ask before it is asked anew."""

AGAIN_S = 1.0
"""Pause before a daemon that is not there is asked again."""


def serve(
    client: Client,
    settings: HomeSettings,
    note: Callable[[str], None],
    ended: threading.Event | None = None,
) -> None:
    """Talk to the home until the end.

    Args:
        client: of the daemon.
        settings: where the home is, and who is told of what happens.
        note: shows a person what goes wrong, once each time.
        ended: set to end it; by default it goes on for ever.

    Raises:
        DependencyError: if a library for it is not installed.
    """
    ended = ended or threading.Event()
    home = HomeAssistant(settings)
    events = Events(client, list(_tellers(settings)), with_words=settings.event_words)
    if settings.tells:
        events.start()
    noted: str | None = None
    while not ended.is_set():
        trouble = " ".join(filter(None, (home.trouble, events.trouble))) or None
        wrong = trouble
        try:
            wish = client.home_wish(WAIT_S, trouble and trouble[:LONGEST])
            if wish is not None:
                answer = home.ask(wish.words, wish.language, wish.left_s)
                client.home_answer(wish.number, answer.outcome, answer.speech)
        except ControlError as error:
            wrong = str(error)
            ended.wait(AGAIN_S)
        if wrong is not None and wrong != noted:
            note(wrong)
        noted = wrong
    if settings.tells:
        events.stop()


def _tellers(settings: HomeSettings) -> list[Teller]:
    mqtt = [] if settings.mqtt is None else [Mqtt(settings)]
    command = [Command(settings.event_command)] if settings.event_command else []
    return [*mqtt, *command]
