"""The page for whoever helps: how soon it is there, what it takes, and that the voice is unmoved.

A daemon with the bundled models and the page beside it, each a process of its own, as installed.
Questions are typed, by turns with the page open and following live in four browsers' stead (each
asks for the page anew whenever something is told), and without. At the end the page is killed.

    python -m bench.web [--picture docs/page.png]
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from assistant.control.client import Client
from assistant.web.visit import COOKIE, digest, new_key
from bench.beside import running

PAGES = (
    "/",
    "/review",
    "/teach",
    "/kept/reminders",
    "/learning",
    "/manners",
    "/privacy",
    "/health",
)
BROWSERS = 4
AIM_MS, AIM_MB = 50.0, 80.0


def main() -> int:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=40, help="questions each way (default: 40)")
    parser.add_argument("--times", type=int, default=50, help="loads of each page (default: 50)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw four of the pages")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder, running("web", Path(folder)) as beside_it:
        client, daemon, page, port = (
            beside_it.client, beside_it.daemon, beside_it.process, beside_it.port,
        )  # fmt: skip
        browser = Browser(client, port)
        pages = {path: browser.times(path, arguments.times) for path in PAGES}
        alone, beside, memory = _questions(client, daemon, browser, arguments.count)
        page_mb = psutil.Process(page.pid).memory_info().rss / 1e6
        if arguments.picture is not None:
            _draw(client, browser, port, arguments.picture)
        page.send_signal(signal.SIGKILL)
        page.wait()
        survived = bool(client.ask("what time is it", aloud=False)["reply"])
    median = statistics.median(ms for times in pages.values() for ms in times)
    for path, times in pages.items():
        print(f"{path:<18} {statistics.median(times):6.1f} ms, worst {max(times):6.1f} ms")
    ratio = statistics.median(beside) / statistics.median(alone)
    print(
        f"a page: {median:.1f} ms (aim {AIM_MS:.0f}); its process: {page_mb:.0f} MB "
        f"(aim {AIM_MB:.0f})"
    )
    print(
        f"a typed question: {statistics.median(alone):.1f} ms alone, "
        f"{statistics.median(beside):.1f} ms with {BROWSERS} pages open: {ratio:.2f} times"
    )
    print(f"the daemon: {memory[0]:.0f} MB before, {memory[1]:.0f} MB after")
    print(f"the page killed: the daemon {'answers' if survived else 'DOES NOT ANSWER'}")
    print(
        json.dumps(
            {
                "bench": "web",
                "page_ms": round(median, 1),
                "worst_ms": round(max(ms for times in pages.values() for ms in times), 1),
                "page_mb": round(page_mb, 1),
                "question_ratio": round(ratio, 3),
                "daemon_mb": [round(each, 1) for each in memory],
                "survived": survived,
            }
        )
    )
    return 0 if survived else 1


class Browser:
    """One device that has been let in."""

    def __init__(self, client: Client, port: int) -> None:
        self._port, self.key = port, new_key()
        client.admit(client.invite(), "Anna's phone", digest(self.key))

    def get(self, path: str, *, live: bool = False) -> http.client.HTTPResponse:
        """An answer; of ``live``, only its head has come."""
        connection = http.client.HTTPConnection("localhost", self._port, timeout=30)
        connection.request("GET", path, headers={"Cookie": f"{COOKIE}={self.key}"})
        answer = connection.getresponse()
        if not live:
            answer.read()
        if answer.status != http.client.OK:
            raise ValueError(f"{path}: {answer.status}")
        return answer

    def times(self, path: str, count: int) -> list[float]:
        """How long a page takes, in ms, the first time left out."""
        found: list[float] = []
        for _ in range(count + 1):
            began = time.perf_counter()
            self.get(path)
            found.append(1_000 * (time.perf_counter() - began))
        return found[1:]

    def follow(self, ended: threading.Event) -> None:
        """Ask for the first page whenever something is told, as the page's script does."""
        with self.get("/live", live=True) as told:
            while not ended.is_set():
                if told.readline().startswith(b"event:"):
                    self.get("/")


def _draw(client: Client, browser: Browser, port: int, path: Path) -> None:
    """Four pages as a phone shows them, side by side, two of them at night."""
    from PIL import Image  # noqa: PLC0415 - only the picture needs these
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    for text in ("what time is it", "put milk and eggs on the shopping list", "where are my keys"):
        client.ask(text, aloud=False)
    client.keep("reminders", ["every morning at eight take the blue pill"])
    client.keep("reminders", ["on friday at ten go to the doctor"])
    width, height = 390, 800
    whole = Image.new("RGB", (4 * width + 60, height), "white")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "google-chrome", args=["--no-sandbox"]
        )
        for place, name in enumerate(("/", "/teach", "/kept/reminders", "/manners")):
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if place % 2 else "light",
            )
            address = f"http://localhost:{port}"
            context.add_cookies([{"name": COOKIE, "value": browser.key, "url": address}])
            page = context.new_page()
            page.goto(address + name)
            whole.paste(Image.open(BytesIO(page.screenshot())), (place * (width + 20), 0))
        chromium.close()
    whole.quantize(128).save(path, optimize=True)


def _questions(
    client: Client, daemon: subprocess.Popen[bytes], browser: Browser, count: int
) -> tuple[list[float], list[float], tuple[float, float]]:
    """Times of typed questions in ms, alone and with pages open, and the daemon's memory in MB."""
    times: dict[bool, list[float]] = {False: [], True: []}
    process = psutil.Process(daemon.pid)
    client.ask("tell me something", aloud=False)
    before = process.memory_info().rss / 1e6
    ended = threading.Event()
    for place in range(2 * count):
        is_open = place % 10 >= 5  # five with, five without
        if is_open and place % 10 == 5:
            ended = threading.Event()
            for _ in range(BROWSERS):
                threading.Thread(target=browser.follow, args=(ended,), daemon=True).start()
            time.sleep(0.5)
        elif not is_open:
            ended.set()
        began = time.perf_counter()
        client.ask(f"tell me about number {place // 2}", aloud=False)
        times[is_open].append(1_000 * (time.perf_counter() - began))
        time.sleep(0.3)
    return times[False], times[True], (before, process.memory_info().rss / 1e6)


if __name__ == "__main__":
    sys.exit(main())
