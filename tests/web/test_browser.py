"""In a real browser: a helper's whole way, each page at each size, without a mouse, and axe."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.control.client import Client
from assistant.errors import ControlError
from tests.cli.house import ROOT, House, command
from tests.household.test_calendars import event, write
from tests.sound import SoundServer, synthesise
from tests.waiting import LONG_S, until
from tests.web.served import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="there is no Chromium here: 'sudo apt install chromium'"
)

PAGES = (
    "/",
    "/review?sure",
    "/review?done=right&number=1",
    "/teach",
    "/teach?own=Where+is+my+very+own+grey+cat&today=12",
    "/kept/reminders",
    "/kept/timers",
    "/kept/lists",
    "/kept/notes",
    "/calendars",
    "/calendars?done=added",
    "/backup",
    "/learning",
    "/manners",
    "/privacy",
    "/privacy/erase?all",
    "/health",
    "/pair",
    "/nothing/here",
)
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@dataclass(frozen=True, slots=True)
class Device:
    """A daemon with a microphone, and its pages."""

    client: Client
    address: str
    sound: SoundServer


@pytest.fixture(scope="module")
def device(
    house: House, sound_server: SoundServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Device]:
    folder, port = tmp_path_factory.mktemp("device"), free_port()
    environment = sound_server.env | house.settings
    del environment["ATTUNE_SPEAK__WAV_DIR"]
    environment |= {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "ATTUNE_CONTROL__PATH": str(folder / "control.sock"),
        "ATTUNE_JOURNAL__PATH": str(folder / "journal.db"),
        "ATTUNE_PERSONALISE__ENABLED": "false",
        "ATTUNE_WEB__PORT": str(port),
    }
    client = Client(folder / "control.sock")
    with (
        running(folder / "daemon", environment, "run"),
        running(folder / "web", environment, "web"),
    ):
        until(lambda: "The page is at" in (folder / "web").read_text())
        until(lambda: listens(client))
        yield Device(client, f"http://localhost:{port}", sound_server)


@contextmanager
def running(told: Path, environment: dict[str, str], *words: str) -> Iterator[None]:
    with (
        told.open("w") as out,
        subprocess.Popen(
            command(*words),
            cwd=ROOT,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def listens(client: Client) -> bool:
    """Whether it listens; while it starts and while settings are taken up, it answers nothing."""
    with suppress(ControlError):
        microphone = client.status().microphone
        return microphone is not None and microphone.state == "listening"
    return False


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - takes a while

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def state(chromium: Browser, device: Device) -> Any:
    """The cookie of a device that was let in."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{device.address}/pair#{device.client.invite()}")
    page.get_by_label("What to call it").fill("A laptop")
    page.get_by_role("button", name="Let me in").click()
    page.get_by_role("heading", name="Today").wait_for()
    found = context.storage_state()
    context.close()
    return found


@contextmanager
def looking(chromium: Browser, **how: Any) -> Iterator[Page]:
    """A page in which nothing goes wrong."""
    context = chromium.new_context(**how)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None,
    )
    try:
        yield page
    except BaseException:  # what it shows says more than that something is not there
        print(page.url, page.locator("body").inner_text(), sep="\n")  # noqa: T201
        raise
    context.close()
    assert [each for each in wrong if "404" not in each] == []


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_a_helper_is_let_in_corrects_teaches_reminds_and_erases(
    chromium: Browser, device: Device, spoken_sentence: Path, tmp_path: Path
) -> None:
    with looking(chromium, viewport=PHONE) as page:
        is_let_in(page, device)
        sees_what_is_said(page, device, spoken_sentence)
        corrects(page, device)
        teaches(page, device, tmp_path)
        reminds(page)
        sets_manners(page, device)
        adds_a_calendar(page, tmp_path)
        saves_and_puts_back(page, device, tmp_path)
        erases_the_day(page, device)


def is_let_in(page: Page, device: Device) -> None:
    page.goto(f"{device.address}/")
    assert page.url.endswith("/pair")
    page.goto(f"{device.address}/pair#{device.client.invite()}")
    assert len(page.get_by_label("The code").input_value()) == 6
    assert "#" not in page.url, "the code does not stay in the history"
    page.get_by_label("What to call it").fill("Anna's phone")
    page.get_by_role("button", name="Let me in").click()
    page.get_by_text("It is listening.").wait_for()
    page.get_by_text("Nothing that was said is kept here.").wait_for()


def sees_what_is_said(page: Page, device: Device, recording: Path) -> None:
    page.evaluate("window.stillHere = true")
    device.sound.say(recording)
    link = page.get_by_role("link", name="Listen, and put it right").first
    link.wait_for(timeout=60_000)
    assert page.evaluate("window.stillHere"), "it came without loading the page anew"


def corrects(page: Page, device: Device) -> None:
    page.get_by_role("link", name="Listen, and put it right").first.click()
    page.locator("audio").wait_for()
    seconds = page.evaluate(
        "async () => { const a = document.querySelector('audio'); a.load();"
        " await new Promise((done) => { a.onloadedmetadata = a.onerror = done; });"
        " return a.duration; }"
    )
    assert seconds > 1
    page.get_by_label("What was said; change").fill("what is the weather like today")
    page.get_by_role("button", name="This was said").click()
    page.get_by_text("Noted, as you have written it").wait_for()
    (turn,) = device.client.log(1)
    assert turn["correction"] == "what is the weather like today"


def teaches(page: Page, device: Device, folder: Path) -> None:
    page.get_by_role("link", name="Teach", exact=True).click()
    text = page.locator(".sentence").inner_text()
    # spoken some time after it is asked for: the browser answers nothing while it waits
    said = synthesise(text, folder / "said.wav", lead_s=3.0, tail_s=1.5)
    page.evaluate(
        "new MutationObserver(() => sessionStorage.setItem('told', '1'))"
        ".observe(document.getElementById('waiting'), { attributes: true })"
    )
    with ThreadPoolExecutor(1) as room:
        room.submit(device.sound.say, said)
        page.get_by_role("button", name="Read it now, near Attune").click()
    page.get_by_role("button", name="Keep it, and go on").wait_for(timeout=60_000)
    assert page.evaluate("sessionStorage.getItem('told')"), "it said when to read"
    page.get_by_role("button", name="Keep it, and go on").click(timeout=60_000)
    page.get_by_text("1 of ").wait_for()
    assert page.locator(".sentence").inner_text() != text
    assert len(device.client.read_aloud()) == 1


def reminds(page: Page) -> None:
    page.get_by_role("link", name="Reminders").click()
    page.get_by_label("When, and what to say").fill("every morning at eight take the blue pill")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("Added.").wait_for()
    page.locator("li", has_text="take the blue pill").get_by_text("every day").wait_for()


def sets_manners(page: Page, device: Device) -> None:
    page.get_by_role("link", name="Voice and manners").click()
    page.get_by_label("Pace").fill("0.8")
    page.get_by_role("button", name="Set, and let me hear it").click()
    page.get_by_text("Changed.").wait_for()
    assert device.client.manner()["tempo"] == 0.8
    page.get_by_label("Patience", exact=True).select_option("patient")
    page.get_by_role("button", name="Set: Patience").click()
    page.get_by_text("Changed.").wait_for()
    until(lambda: chosen(device) == "patient")
    until(lambda: listens(device.client))


def adds_a_calendar(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Calendars").click()
    daily = "DTSTART:20200101T100000", "RRULE:FREQ=DAILY"
    page.get_by_label("A calendar file").set_input_files(
        write(folder / "Family.ics", event("<b>The doctor", *daily))
    )
    page.get_by_role("button", name="Add").click()
    page.get_by_text("Added.").wait_for()
    page.get_by_text("<b>The doctor").first.wait_for()
    page.get_by_role("button", name="Remove: Family").click()
    page.get_by_text("Removed.").wait_for()
    assert page.get_by_text("<b>The doctor").count() == 0


def saves_and_puts_back(page: Page, device: Device, folder: Path) -> None:
    """What is added after a backup is gone when that is put back, and nobody stops the daemon."""
    page.goto(f"{device.address}/backup")
    page.get_by_role("button", name="Make a backup").click()
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save it").click(timeout=60_000)
    saving.value.save_as(folder / "saved.tar")
    device.client.keep("lists", ["shopping", "butter"])
    page.get_by_label("Type the word").fill("replace")
    page.get_by_label("The backup").set_input_files(folder / "saved.tar")
    page.get_by_role("button", name="Replace everything").click()
    page.get_by_text("is in place").wait_for(timeout=120_000)
    until(lambda: listens(device.client), LONG_S)
    assert device.client.kept("lists") == []
    assert len(device.client.log(5)) == 2
    page.goto(f"{device.address}/privacy")
    page.get_by_text("put a backup back").first.wait_for()


def erases_the_day(page: Page, device: Device) -> None:
    page.goto(f"{device.address}/privacy")
    page.get_by_label("Everything of one day").fill(datetime.now().astimezone().date().isoformat())
    page.get_by_role("button", name="Erase …").click()
    page.get_by_text("2 exchanges").wait_for()
    page.get_by_role("button", name="Erase it").click()
    page.get_by_text("It is erased.").wait_for()
    assert device.client.log(5) == []


def chosen(device: Device) -> object:
    with suppress(ControlError):  # while settings are taken up
        return device.client.choices()["listen.profile"]
    return None


@pytest.fixture(scope="module")
def lived_in(device: Device, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """With something on every page."""
    until(lambda: listens(device.client))
    device.client.ask("good morning, and a very long question " * 6, aloud=False)
    device.client.keep("lists", ["shopping", "milk", "Donaudampfschifffahrtsgesellschaft" * 3])
    device.client.keep("notes", ["Peter", "Peter is your son. He lives in Leeds."])
    device.client.keep("timers", ["ten minutes", "eggs"])
    device.client.keep("reminders", ["every morning at eight take the blue pill"])
    daily = write(
        tmp_path_factory.mktemp("calendar") / "x.ics",
        event(
            "Donaudampfschifffahrtsgesellschaft" * 3, "DTSTART:20200101T100000", "RRULE:FREQ=DAILY"
        ),
    )
    device.client.upload("0" * 64, b64encode(daily.read_bytes()).decode(), 0)
    device.client.add_calendar("0" * 64, "A very long name of a calendar of somebody else's.ics")
    device.client.examine()
    until(lambda: not device.client.working()[0].running, LONG_S)
    return device


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_axe_finds_nothing_serious(
    scheme: Any, chromium: Browser, lived_in: Device, state: Any
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    axe = Axe()
    how = {"color_scheme": scheme, "storage_state": state, "bypass_csp": True}
    with looking(chromium, viewport=PHONE, **how) as page:
        for path in PAGES:
            page.set_viewport_size({"width": 390, "height": 844})
            page.goto(f"{lived_in.address}{path}")
            assert overflow(page) <= 0, path
            found = axe.run(page).response["violations"]
            bad = [
                (each["id"], each["nodes"][0]["html"])
                for each in found
                if each["impact"] in ("serious", "critical")
            ]
            assert bad == [], path
            page.set_viewport_size({"width": 1280, "height": 800})
            assert overflow(page) <= 0, path
            assert page.locator("h1").count() == 1, path
            assert page.title().endswith("· Attune"), path


def test_text_twice_as_large_fits_on_a_phone(
    chromium: Browser, lived_in: Device, state: Any
) -> None:
    with looking(chromium, viewport=PHONE, storage_state=state) as page:
        for path in PAGES:
            page.goto(f"{lived_in.address}{path}")
            before = page.locator("h1").evaluate("(each) => each.getBoundingClientRect().height")
            page.evaluate("document.documentElement.style.fontSize = '200%'")
            after = page.locator("h1").evaluate("(each) => each.getBoundingClientRect().height")
            assert after > 1.5 * before, path
            assert overflow(page) <= 0, path


def tab_to(page: Page, name: str) -> None:
    """Go on with the Tab key until something with this name is reached."""
    wanted = re.compile(name)
    for _ in range(80):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || ''; })()"
        )
        if wanted.fullmatch(found.strip()):
            seen = page.evaluate(
                "(() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; })()"
            )
            assert seen, f"where one is cannot be seen: {name}"
            return
    raise AssertionError(f"{name} cannot be reached")


def test_nothing_moves_under_a_finger(chromium: Browser, device: Device, state: Any) -> None:
    with looking(chromium, viewport=PHONE, storage_state=state) as page:
        page.goto(f"{device.address}/")
        button = page.get_by_role("button", name="Switch the microphone off")
        page.evaluate("window.switches = document.getElementById('switches').innerHTML")
        button.hover()
        page.mouse.down()
        page.evaluate("document.activeElement.blur()")  # only the finger holds it
        device.client.mute()  # so that there are other switches
        page.wait_for_timeout(2_000)
        assert page.evaluate("switches === document.getElementById('switches').innerHTML")
        page.mouse.up()
        page.get_by_text("The microphone is off.").wait_for()
        device.client.unmute()
        button.wait_for()


def test_a_form_that_was_sent_is_not_overtaken_by_a_page_that_looks_again(
    chromium: Browser, device: Device, state: Any
) -> None:
    """A daemon that is too busy to answer a look makes the page load itself anew."""
    with looking(chromium, storage_state=state) as page:
        page.goto(f"{device.address}/")
        page.route("**/quiet", slowly)
        page.evaluate("window.fetch = () => Promise.resolve(new Response('', { status: 503 }))")
        page.get_by_role("button", name="Quiet for an hour").evaluate(
            "(button) => { button.form.requestSubmit(); refresh(); }"
        )
        page.get_by_text("Nothing is said unasked for a while").wait_for()
    device.client.quiet(None)


def slowly(route: Route) -> None:
    """The answer comes after the page has looked again."""
    time.sleep(2)
    route.continue_()


def test_everything_is_done_without_a_mouse(
    chromium: Browser, lived_in: Device, state: Any
) -> None:
    client = lived_in.client
    with looking(chromium, viewport=DESKTOP, storage_state=state) as page:

        def enter(name: str) -> None:
            tab_to(page, name)
            page.keyboard.press("Enter")

        def write(name: str, text: str) -> None:
            tab_to(page, name)
            page.keyboard.type(text)

        page.goto(f"{lived_in.address}/")
        enter("To the content")
        write("Say this aloud now", "Hello there")
        page.keyboard.press("Enter")
        page.get_by_text("It was said aloud.").wait_for()
        enter("Quiet for an hour")
        page.get_by_text("Nothing is said unasked").wait_for()
        enter("Let it speak up again")
        page.get_by_text("It speaks up again.").wait_for()

        enter("Lists")
        page.get_by_role("heading", name="Lists").wait_for()
        write("What to put on it", "butter")
        enter("Add")
        page.get_by_text("Added.").wait_for()
        assert "butter" in [each["text"] for each in client.kept("lists")]
        enter("Done: butter")
        page.get_by_text("Changed.").wait_for()
        assert "butter" not in [each["text"] for each in client.kept("lists")]

        enter("Voice and manners")
        page.get_by_role("heading", name="Voice and manners").wait_for()
        tab_to(page, "Pace")
        page.keyboard.press("Home")
        enter("Set")
        page.get_by_text("Changed.").wait_for()
        assert client.manner()["tempo"] == 0.6

        checks_and_saves_without_a_mouse(page, enter)

        enter("Privacy")
        page.get_by_role("heading", name="Privacy").wait_for()
        enter("Erase everything …")
        page.get_by_role("heading", name="Erase").wait_for()
        write("Type the word .*", "erase")
        enter("Erase it")
        page.get_by_text("It is erased.").wait_for()
        assert client.stored().exchanges == 0


def checks_and_saves_without_a_mouse(page: Page, enter: Callable[[str], None]) -> None:
    enter("Privacy")
    page.get_by_role("heading", name="Privacy").wait_for()
    enter("Backup, to put back later …")
    page.get_by_role("heading", name="Backup").wait_for()
    enter("Make a backup")
    page.get_by_text("It is ready.").wait_for(timeout=60_000)
    with page.expect_download() as saving:
        enter(r"Save it \(.*\)")
    assert tarfile.is_tarfile(saving.value.path())
    enter("Health")
    page.get_by_role("heading", name="Health").wait_for()
    with page.expect_download() as saving:
        enter("Save the support file")
    assert saving.value.suggested_filename.endswith(".tar.gz")
