"""In a real browser: from pairing and the first sentence to the first version that is better."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from assistant.control.client import Client
from assistant.spoken import spoken_form
from assistant.values import SAMPLE_RATE
from bench.speakers import LETTERS, SPEAKERS
from tests.sound import silent_environment
from tests.waiting import LONG_S, until
from tests.web.served import free_port
from tests.web.test_browser import CHROMIUM, PHONE, looking, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no Chromium here: 'sudo apt install chromium'"
)

SPEAKER = SPEAKERS[1]
"""A simulated one, whom the starter misunderstands."""

SENTENCES, MORE = 24, 6
"""Of the reading list: a third of them is held out, which is drawn by the moment they were said,
so that more may have to be taught before the gate can tell."""

TRIES = 3

ALOUD = 1
"""So many are said into the microphone, which takes as long as that lasts."""

SHORT = {
    "ATTUNE_ENCODE__PATH": str(LETTERS),
    "ATTUNE_ENCODE__THREADS": "1",
    "ATTUNE_GENERATE__THREADS": "1",
    "ATTUNE_PERSONALISE__ENABLED": "false",  # it learns when it is asked to
    "ATTUNE_PERSONALISE__HELD_OUT": "0.35",
    "ATTUNE_PERSONALISE__STEPS": "80",
    "ATTUNE_PERSONALISE__REPLAY": "8",
    "ATTUNE_PERSONALISE__CANARIES": "2",
    "ATTUNE_IDLE__MAX_CELSIUS": "1000",
    "ATTUNE_IDLE__MIN_FREE_MB": "0",
    "ATTUNE_IDLE__MIN_DISK_MB": "0",
    "ATTUNE_IDLE__ON_BATTERY": "true",
}
"""A training of seconds with what Attune ships."""


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears, from its beginning whenever it is opened."""
    return tmp_path_factory.mktemp("microphone") / "said.wav"


@pytest.fixture(scope="module")
def chromium(microphone: Path) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - takes a while

    arguments = [
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def device(folder: Path) -> Iterator[tuple[Client, str]]:
    """A daemon with the bundled models and no sound of its own, and the page's address."""
    port = free_port()
    environment = silent_environment(folder / "silent") | SHORT
    environment |= {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "ATTUNE_CONTROL__PATH": str(folder / "control.sock"),
        "ATTUNE_JOURNAL__PATH": str(folder / "journal.db"),
        "ATTUNE_WEB__PORT": str(port),
    }
    client = Client(folder / "control.sock")
    with (
        running(folder / "daemon", environment, "run", "--service"),
        running(folder / "web", environment, "web"),
    ):
        until(lambda: "Models ready" in (folder / "daemon").read_text())
        until(lambda: "The page is at" in (folder / "web").read_text())
        yield client, f"http://localhost:{port}"


def test_what_is_taught_becomes_the_first_version_that_understands_better(
    chromium: Browser, microphone: Path, tmp_path: Path
) -> None:
    with (
        device(tmp_path) as (client, address),
        looking(chromium, viewport=PHONE, permissions=["microphone"]) as page,
    ):
        page.goto(f"{address}/pair#{client.invite()}")
        page.get_by_label("What to call it").fill("Anna's phone")
        page.get_by_role("button", name="Let me in").click()
        taught = 0
        for _ in range(TRIES):
            page.get_by_role("link", name="Teach", exact=True).click()
            for number in range(taught, taught + MORE if taught else SENTENCES):
                teach(page, number, microphone)
                taught += 1
            assert len(client.read_aloud()) == taught
            if learn(page, client):
                break
        is_shown(page, client)


def teach(page: Page, number: int, microphone: Path) -> None:
    """Record the sentence that is shown, and keep it."""
    text = page.locator(".sentence").inner_text()
    samples = SPEAKER.say(spoken_form(text), number).samples
    sound = (samples * 32_767).astype("<i2")
    form = page.locator("form[data-record]")
    if number < ALOUD:
        soundfile.write(microphone, np.pad(sound, (SAMPLE_RATE // 2, SAMPLE_RATE)), SAMPLE_RATE)
        page.get_by_role("button", name="Record it with this phone or computer").click()
        page.wait_for_timeout(1_000 * (len(sound) / SAMPLE_RATE + 1))
        page.get_by_role("button", name="Stop, that was it").click()
    else:  # the same form with the same bytes, without waiting for as long as they sound
        form.locator("input[type=file]").set_input_files(
            {"name": "sentence", "mimeType": "", "buffer": sound.tobytes()}
        )
        form.evaluate("(form) => form.requestSubmit()")
    page.get_by_role("button", name="Keep it, and go on").click()
    page.get_by_text(f"{number + 1} of ").wait_for()
    assert page.locator(".sentence").inner_text() != text


def learn(page: Page, client: Client) -> bool:
    """Learn now, and see how it goes on and what came of it; whether it is better."""
    before = len(judged(client))
    page.get_by_role("link", name="How well it understands").click()
    page.get_by_role("button", name="Learn now").click()
    page.get_by_text("It learns as soon as it has room for it.").wait_for()
    page.evaluate("window.stillHere = true")
    page.locator("progress").wait_for(timeout=1_000 * LONG_S)
    until(lambda: len(judged(client)) > before, LONG_S)
    page.get_by_text(re.compile(r"The last time: .+")).wait_for(timeout=60_000)
    assert page.evaluate("window.stillHere"), "it came without loading the page anew"
    return judged(client)[0]


def judged(client: Client) -> list[bool]:
    """Whether each version that was judged is better, the latest first."""
    return [each["accepted"] for each in client.bridges() if each["verdict"]]


def is_shown(page: Page, client: Client) -> None:
    """The version in use, and how much better it is."""
    until(lambda: any(each["answers"] and each["accepted"] for each in client.bridges()), LONG_S)
    page.reload()
    page.locator("figcaption", has_text="test sentences it now gets").wait_for()
    learned = page.locator(".kept li").first
    learned.get_by_text("in use").wait_for()
    assert "things that were said" in learned.inner_text()
    (used,) = [each for each in client.bridges() if each["answers"]]
    assert used["accepted"]
    until(lambda: client.status().bridge == used["version"])
