"""The steps of docs/home-assistant.md, gone in a browser, with a picture of each for that guide."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from assistant.listen.recordings import load
from assistant.values import SAMPLE_RATE
from tests.soak.home_assistant import NAME, PASSWORD, HomeAssistant, attune_beside, running
from tests.soak.ledger import FOLDER
from tests.waiting import WAIT_S
from tests.wyoming.peers import examples

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or ""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here: 'apt install chromium'"),
]

WINDOW = {"width": 900, "height": 640}

SETTLED_MS = 1_000
"""For what moves on the screen, before a picture is taken."""


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """What the browser's microphone hears: a question, and then a quiet room."""
    samples = np.pad(load(examples()[1]), (SAMPLE_RATE // 2, 5 * SAMPLE_RATE))
    soundfile.write(tmp_path / "said.wav", samples, SAMPLE_RATE)
    return tmp_path / "said.wav"


@pytest.fixture
def page(said: Path) -> Iterator[Page]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - takes a while

    arguments = [
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={said}%noloop",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(viewport=WINDOW, permissions=["microphone"])  # pyright: ignore[reportArgumentType]
        context.set_default_timeout(WAIT_S * 1_000)
        yield context.new_page()
        browser.close()


def test_the_guide_s_steps_lead_to_a_spoken_answer(page: Page, tmp_path: Path) -> None:
    with (
        running(tmp_path / "log") as home,
        attune_beside(home, tmp_path / "attune") as (_, port),
    ):
        enters(page, home)
        adds_the_integration(page, home, port)
        makes_an_assistant(page, home)
        asks(page, home)


def enters(page: Page, home: HomeAssistant) -> None:
    page.goto(home.url)
    page.get_by_label("Username").fill(NAME)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Welcome Anna").wait_for()


def adds_the_integration(page: Page, home: HomeAssistant, port: int) -> None:
    looks_at(page, f"{home.url}/config/integrations/dashboard")
    page.get_by_role("button", name="Add integration").click()
    page.get_by_placeholder("Search for a brand name").fill("Wyoming")
    page.get_by_text("Wyoming Protocol").click()
    page.get_by_role("textbox", name="Host").fill("127.0.0.1")
    page.get_by_role("spinbutton", name="Port").fill("10300")
    draw(page, "wyoming")
    page.get_by_role("spinbutton", name="Port").fill(str(port))
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Created configuration for attune.").wait_for()
    page.get_by_role("button", name="Finish").click()
    page.get_by_text("3 entities").first.wait_for()


def makes_an_assistant(page: Page, home: HomeAssistant) -> None:
    looks_at(page, f"{home.url}/config/voice-assistants/assistants")
    page.get_by_role("button", name="Add assistant").click()
    page.get_by_role("textbox", name="Name").fill("Attune")
    for what in ("Conversation agent", "Speech-to-text", "Text-to-speech"):
        page.get_by_role("button", name=what).click()
        page.get_by_role("menuitem", name="attune").click()
    locally = page.get_by_role("switch", name="Prefer handling commands locally")
    assert locally.is_checked()
    locally.press("Space")
    assert not locally.is_checked()
    page.get_by_role("heading", name="Conversation agent").scroll_into_view_if_needed()
    draw(page, "assistant")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("Attune", exact=True).wait_for()


def asks(page: Page, home: HomeAssistant) -> None:
    looks_at(page, f"{home.url}/home/overview")
    page.get_by_role("button", name="Assist (A)").click()
    page.get_by_role("button", name="Home Assistant", exact=True).click()
    page.get_by_role("menuitem", name="Attune", exact=True).click()
    page.get_by_role("button", name="Start listening").click()
    page.get_by_text("What time is it, please?").wait_for()
    page.get_by_text(re.compile(r"^It is .*\.$")).wait_for()
    draw(page, "answer")


def looks_at(page: Page, address: str) -> None:
    """Open a page, and wait until it is complete: its buttons are there before they do anything."""
    page.goto(address, wait_until="networkidle")


def draw(page: Page, name: str) -> None:
    """Keep a picture of what is shown, small enough for a document."""
    from PIL import Image  # noqa: PLC0415 - only the pictures need it

    page.wait_for_timeout(SETTLED_MS)
    FOLDER.mkdir(parents=True, exist_ok=True)
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shown.quantize(64).save(FOLDER / f"home-assistant-{name}.png", optimize=True)
