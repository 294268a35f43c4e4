"""Nobody gets in who was not let in, and nobody does more than was meant."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.responses import PlainTextResponse

from assistant.control.client import Client
from assistant.daemon.admission import HOURLY, UNSEEN_S
from assistant.web import app
from assistant.web.guard import Guard
from assistant.web.visit import COOKIE, TOKEN, digest, form_token
from tests.web.browsing import FORM, Answer, Browser, Place, places, raw
from tests.web.helped import DAY_S, Helped
from tests.web.served import Web

PLACES = places(app.make(Client(Path("/none"))).routes)
OPEN = ("/pair", "/pair/aloud", "/static/{name}")
"""What a stranger may ask for."""

CLOSED = [each for each in PLACES if each.path not in OPEN]
POSTED = [each for each in CLOSED if each.method == "POST"]
READABLE = ("/", "/live")
"""What a reader may ask for."""

LetIn = Callable[..., Browser]


def ask(browser: Browser, place: Place, *, token: str | None = None) -> Answer:
    if place.method == "POST":
        return browser.post(place.at(), token=token, act="remove", text="hello", name="x")
    return browser.get(place.at())


def assert_shut_out(browser: Browser, place: Place) -> None:
    answer = ask(browser, place)
    if place.path == "/live":
        assert answer.status == 403
    elif place.method == "GET":
        assert (answer.status, answer.to) == (303, "/pair")
    else:
        assert answer.status == 403
        assert "Nothing was changed" in answer.text


def test_the_walk_meets_every_page() -> None:
    assert {"GET /", "POST /privacy/erase", "GET /sound/{number}"} <= {*map(str, CLOSED)}
    assert len(CLOSED) > 25


@pytest.mark.parametrize("page", CLOSED, ids=str)
def test_without_a_cookie_nothing_is_shown_or_done(page: Place, web: Web, helped: Helped) -> None:
    assert_shut_out(Browser(web.port), page)
    assert helped.done == []


@pytest.mark.parametrize(
    "key",
    ["x" * 43, "", '"', "\xe9\xff", "%00", "x" * 8_000, "a; b", "../../etc/passwd"],
    ids=lambda key: key[:12] or "empty",
)
def test_a_made_up_cookie_opens_nothing(key: str, web: Web, anna: Browser, helped: Helped) -> None:
    del anna  # somebody is let in
    browser = Browser(web.port)
    browser.key = key
    for place in CLOSED:
        assert_shut_out(browser, place)
    assert helped.done == []


def test_whoever_reads_the_file_of_devices_is_not_let_in(web: Web, anna: Browser) -> None:
    thief = Browser(web.port)
    thief.key = digest(anna.key)
    assert thief.get("/").to == "/pair"


def test_a_device_that_was_away_for_long_has_to_be_let_in_again(
    anna: Browser, helped: Helped
) -> None:
    helped.now += UNSEEN_S - DAY_S
    assert anna.get("/").status == 200
    helped.now += UNSEEN_S - DAY_S  # seen again meanwhile
    assert anna.get("/").status == 200
    helped.now += UNSEEN_S + 1
    helped.done.clear()
    for place in CLOSED:
        assert_shut_out(anna, place)
    assert helped.done == []


def test_a_removed_device_is_shut_out_at_once_and_the_others_are_not(
    let_in: LetIn, helped: Helped
) -> None:
    anna, bert = let_in("Anna's phone"), let_in("Bert's phone")
    assert anna.post("/privacy/devices/2").status == 303
    helped.done.clear()
    for place in CLOSED:
        assert_shut_out(bert, place)
    assert helped.done == []
    assert anna.get("/").status == 200


@pytest.mark.parametrize("page", POSTED, ids=str)
def test_a_form_needs_the_token_of_its_own_device(
    page: Place, let_in: LetIn, helped: Helped
) -> None:
    anna, bert = let_in("Anna's phone"), let_in("Bert's phone")
    helped.done.clear()
    for token in (form_token(bert.key), "", "x", "\xe9", form_token(anna.key)[:-1], anna.key):
        answer = ask(anna, page, token=token)
        assert answer.status == 403, token
        assert "Nothing was changed" in answer.text
    missing = anna.ask("POST", page.at(), b"text=hello&act=remove")
    assert missing.status == 403
    in_address = anna.ask("POST", f"{page.at()}?{TOKEN}={form_token(anna.key)}", b"act=remove")
    assert in_address.status == 403
    assert helped.done == []
    assert [each.name for each in helped.helpers()] == ["Anna's phone", "Bert's phone"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "http://localhost:1",
        "http://localhost:{port}.evil.example",
        "http://evil.example/localhost:{port}",
        "http://localhost:{port}@evil.example",
        "http://127.0.0.1:{port}",
        "http://[",
        "localhost:{port}",
    ],
)
def test_a_form_from_elsewhere_is_not_taken(
    origin: str | None, web: Web, anna: Browser, helped: Helped
) -> None:
    helped.done.clear()
    sent = None if origin is None else origin.format(port=web.port)
    body = f"{TOKEN}={form_token(anna.key)}&text=hello".encode()
    for path in ("/say", "/pair", "/pair/aloud"):
        answer = anna.ask("POST", path, body, {"Origin": sent})
        assert answer.status == 403
        assert "Content-Security-Policy" in answer.headers
    assert helped.done == []
    assert anna.post("/say", text="hello").status == 303


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:{port}",
        "xlocalhost",
        "localhost@evil.example",
        "[",
        "",
        " ",
    ],
)
def test_a_strangers_name_that_leads_here_shows_nothing(
    host: str, web: Web, anna: Browser, helped: Helped
) -> None:
    helped.done.clear()
    name = host.format(port=web.port)
    own = {"Host": name, "Origin": f"http://{name}"}
    body = f"{TOKEN}={form_token(anna.key)}&text=hello".encode()
    for answer in (
        anna.ask("GET", "/", headers=own),
        anna.ask("GET", "/static/attune.css", headers=own),
        anna.ask("POST", "/say", body, own),
        anna.ask("POST", "/pair", b"code=1&name=x", own),
    ):
        assert answer.status in (400, 421)
        assert b"<main" not in answer.body
    assert helped.done == []


def test_a_request_without_any_name_shows_nothing(web: Web, anna: Browser) -> None:
    cookie = f"Cookie: {COOKIE}={anna.key}\r\n".encode()
    answer = raw(web.port, b"GET / HTTP/1.0\r\n" + cookie + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert raw(web.port, b"GET / HTTP/1.1\r\n" + cookie + b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_the_own_names_are_known(web: Web, anna: Browser) -> None:
    own = socket.gethostname()
    names = ("localhost", "LOCALHOST", "localhost.", "127.0.0.1", "[::1]", "192.168.1.7", own)
    for name in (*names, f"{own}.local"):
        assert anna.ask("GET", "/", headers={"Host": f"{name}:{web.port}"}).status == 200
    answer = anna.ask(
        "POST",
        "/stop",
        f"{TOKEN}={form_token(anna.key)}".encode(),
        {"Host": f"192.168.1.7:{web.port}", "Origin": f"http://192.168.1.7:{web.port}"},
    )
    assert answer.status == 303


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("192.168.1.7", 200),
        ("10.1.2.3", 200),
        ("fe80::1%eth0", 200),
        ("fd00::1", 200),
        ("::1", 200),
        ("::ffff:192.168.1.7", 200),
        ("8.8.8.8", 403),
        ("2a00:1450::1", 403),
        ("::ffff:8.8.8.8", 403),
        ("nonsense", 403),
        (None, 403),
    ],
)
def test_who_is_not_in_the_local_network_is_turned_away(address: str | None, status: int) -> None:
    sent: list[dict[str, Any]] = []
    guard = Guard(PlainTextResponse("a page"))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", b"localhost")],
        "client": address and (address, 5),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    assert sent[0]["status"] == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_nothing_but_reading_and_sending_forms_is_done(
    method: str, anna: Browser, helped: Helped
) -> None:
    helped.done.clear()
    body = f"{TOKEN}={form_token(anna.key)}&text=hello&act=remove".encode()
    for place in PLACES:
        answer = anna.ask(method, place.at(), body, {"Content-Type": FORM})
        assert answer.status == 405, place
    assert helped.done == []


def test_reading_changes_nothing(anna: Browser, helped: Helped) -> None:
    for method in ("GET", "HEAD"):
        for place in PLACES:
            if place.path != "/live":
                anna.ask(method, f"{place.at()}?{TOKEN}={form_token(anna.key)}&text=x&act=remove")
    assert helped.changes == []
    assert helped.acted_on == []


HOSTILE = (
    "..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5capp.py",
    "%2Fetc%2Fpasswd",
    "%00",
    "1%00",
    "1%0d%0aX-Evil:%201",
    "-1",
    "0x1",
    "1e3",
    "1%20",
    "1;drop",
    "9" * 400,
    "%D9%A1",  # an Arabic 1, which is a digit
    "%C2%B2",  # a superscript 2, which is one for str.isdigit
    "%ff%fe",
    "*",
    "{number}",
    "%7b%7b7*7%7d%7d",
)


@pytest.mark.parametrize("page", [each for each in PLACES if each.parameters], ids=str)
def test_no_parameter_of_an_address_leads_elsewhere(
    page: Place, anna: Browser, helped: Helped
) -> None:
    helped.done.clear()
    for name in page.parameters:
        for hostile in HOSTILE:
            path = page.at(**{name: hostile})
            if page.method == "POST":
                answer = anna.post(path, act="remove", how="right", text="x")
            else:
                answer = anna.get(path)
            assert answer.status == 404, path
            assert "X-Evil" not in answer.headers
            assert b"root:" not in answer.body
    assert helped.changes == []


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/.", "/static/../app.py", "//"])
def test_no_folder_is_listed(path: str, anna: Browser) -> None:
    assert anna.get(path).status == 404


QUERIES = (
    *(f"{name}={value}" for name in ("skip", "today", "number", "day", "own") for value in HOSTILE),
    "skip=" + "9" * 5_000,
    "skip=" + ".".join("1" * 3_000),
    "today=" + "9" * 5_000,
    "number=" + "9" * 15,
    *(f"done={what}" for what in ("right", "type", "leave", "erase", "added", "learn", "chosen")),
    "done=right&number=..%2f..%2fprivacy",
    "day=0001-01-01",
    "day=9999-12-31",
    "day=2026-02-30",
    "day=2026-02-03T04:05:06%2B99:00",
    "day=&all",
    "sure&sure&skip=&skip=1",
)


def test_no_query_breaks_a_page(anna: Browser) -> None:
    for path in ("/", "/review", "/review/1", "/teach", "/privacy", "/privacy/erase", "/manners"):
        for query in QUERIES:
            answer = anna.get(f"{path}?{query}")
            assert answer.status == 200, (path, query)


SOUND = bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("asked", "status", "part", "told"),
    [
        ("bytes=0-", 206, SOUND, "bytes 0-1023/1024"),
        ("bytes=0-0", 206, SOUND[:1], "bytes 0-0/1024"),
        ("bytes=1000-2000", 206, SOUND[1000:], "bytes 1000-1023/1024"),
        ("bytes=1023-", 206, SOUND[-1:], "bytes 1023-1023/1024"),
        ("bytes=-10", 206, SOUND[-10:], "bytes 1014-1023/1024"),
        ("bytes=-5000", 206, SOUND, "bytes 0-1023/1024"),
        ("bytes=1024-", 416, b"", "bytes */1024"),
        ("bytes=999999999999-", 416, b"", "bytes */1024"),
        ("bytes=5-4", 416, b"", "bytes */1024"),
        ("bytes=-0", 416, b"", "bytes */1024"),
        # what is not understood is answered as a whole, as RFC 9110 has it
        ("bytes=-", 200, SOUND, None),
        ("bytes=0-1,5-6", 200, SOUND, None),
        ("bytes=" + "0-," * 1_000, 200, SOUND, None),
        ("bytes=" + "9" * 5_000 + "-", 200, SOUND, None),
        ("bytes=a-b", 200, SOUND, None),
        ("bytes=\xb2-", 200, SOUND, None),
        ("seconds=0-1", 200, SOUND, None),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_sound_is_given_in_the_parts_that_a_browser_asks_for(
    asked: str, status: int, part: bytes, told: str | None, anna: Browser, helped: Helped
) -> None:
    helped.flac = SOUND
    answer = anna.get("/sound/1", Range=asked)
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (status, part, told)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "audio/flac" or status == 416


def test_thousands_of_guesses_let_nobody_in(web: Web, helped: Helped) -> None:
    """Five wrong codes void one, fifteen in an hour end it for everybody."""
    guesser, answers = Browser(web.port), dict[str, int]()

    def guess(code: str) -> Answer:
        answer = guesser.pair(code, "thief")
        sentence = answer.said.partition("“assistant web pair” prints it where Attune runs. ")[2]
        sentence = sentence.partition(". The code, six digits")[0]
        answers[sentence] = answers.get(sentence, 0) + 1
        return answer

    right = helped.invite()
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(6):
        assert guess(wrong).status == 409
    assert guess(right).status == 409, "void after five"
    while sum(answers.values()) < HOURLY + 2:
        right = helped.invite()
        for number in range(5):
            guess(f"{(int(right) + 1 + number) % 10**6:06}")
    right = helped.invite()
    assert guess(right).status == 409
    for number in range(2_000):
        assert guess(f"{number:06}").status == 409
    assert guess(right).status == 409
    assert "Too many wrong codes" in max(answers, key=lambda each: answers[each])
    assert helped.helpers() == []
    assert guesser.post("/pair/aloud").status == 409, "nor is one said aloud"
    assert helped.done == []
    helped.clock += 3_601
    assert guess(helped.invite()).status == 303


def test_guessing_at_once_gives_no_more_tries(web: Web, helped: Helped) -> None:
    right = helped.invite()
    guesses = [f"{(int(right) + 1 + number) % 10**6:06}" for number in range(60)]
    with ThreadPoolExecutor(12) as together:
        answers = list(together.map(lambda code: Browser(web.port).pair(code, "x"), guesses))
    tried = [each for each in answers if "That is not the code" in each.text]
    assert len(tried) == 5
    assert Browser(web.port).pair(right).status == 409


def test_a_code_lets_one_device_in_once(web: Web, helped: Helped) -> None:
    code = helped.invite()
    with ThreadPoolExecutor(8) as together:
        names = [f"phone {number}" for number in range(8)]
        answers = list(together.map(lambda name: Browser(web.port).pair(code, name), names))
    assert sorted(each.status for each in answers) == [303, *[409] * 7]
    assert len(helped.helpers()) == 1


def test_a_code_is_said_aloud_once_a_minute(web: Web, helped: Helped) -> None:
    stranger = Browser(web.port)
    assert stranger.post("/pair/aloud").status == 200
    for _ in range(20):
        assert stranger.post("/pair/aloud").status == 409
    assert len(helped.done) == 1
    helped.clock += 61
    assert stranger.post("/pair/aloud").status == 200
    assert len(helped.done) == 2
    assert stranger.pair(helped.done[-1][1]).status == 303


@pytest.mark.parametrize("name", ["", " ", "x" * 41, "x" * 5_000])
def test_a_device_has_a_name_that_fits(name: str, web: Web, helped: Helped) -> None:
    assert Browser(web.port).pair(helped.invite(), name).status == 409
    assert helped.helpers() == []


def test_a_reader_opens_no_helpers_page_and_does_nothing(let_in: LetIn, helped: Helped) -> None:
    anna, reader = let_in("Anna's phone"), let_in("Bert's tablet", "reader")
    helped.done.clear()
    for place in CLOSED:
        if place.path in READABLE:
            continue
        answer = ask(reader, place)
        assert answer.status == 403, place
        assert "not for readers" in answer.text
    assert helped.done == []
    assert len(helped.helpers()) == 2
    shown = reader.get("/")
    assert shown.status == 200
    assert "<form" not in shown.text
    assert "<form" in anna.get("/").text


def assert_marked(answer: Answer, *, kept: bool = False) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert ("no-store" in answer.headers["Cache-Control"]) is not kept
    assert "Server" not in answer.headers


def test_every_answer_says_what_a_browser_must_not_do(
    web: Web, anna: Browser, helped: Helped
) -> None:
    helped.flac = SOUND
    for place in PLACES:
        for browser in (anna, Browser(web.port)):
            if (browser is anna and place.path == "/live") or place.path == "/pair/aloud":
                continue
            assert_marked(ask(browser, place), kept=place.path == "/static/{name}")
    assert_marked(anna.get("/nothing/here"))
    assert_marked(anna.get("/static/nothing"))
    assert_marked(anna.ask("PUT", "/"))
    assert_marked(anna.ask("POST", "/say", b"text=hello"))
    assert_marked(anna.post("/say", text="x" * 70_000))
    assert_marked(anna.ask("GET", "/", headers={"Host": "evil.example"}))
    helped.refusal = "No."
    assert_marked(anna.post("/say", text="hello"))


def test_what_is_no_request_is_answered_with_the_same(web: Web) -> None:
    answer = raw(web.port, b"nonsense\r\n\r\n").lower()
    assert answer.startswith(b"http/1.1 400 ")
    for line in (b"content-security-policy: default-src 'none';", b"cache-control: no-store"):
        assert line in answer


def test_the_pages_own_faults_are_shown_without_words_and_marked_as_well(
    anna: Browser, helped: Helped
) -> None:
    helped.records = [{"id": 1, "transcript": "a secret"}]  # from another version, perhaps
    answer = anna.get("/")
    assert answer.status == 500
    assert "the page's own fault" in answer.text.replace("&#39;", "'")
    assert "secret" not in answer.text
    assert_marked(answer)


def test_pages_hold_nothing_that_the_policy_forbids(anna: Browser) -> None:
    for place in PLACES:
        if place.method != "GET" or place.path == "/live":
            continue
        answer = anna.get(place.at())
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        for inline in (" style=", " onclick=", "<style", "javascript:", "http://", "https://"):
            assert inline not in answer.text, place
        assert answer.text.count("<script") == answer.text.count('<script src="/static/')


def test_the_cookie_is_for_this_page_alone(web: Web, helped: Helped) -> None:
    answer = Browser(web.port).pair(helped.invite())
    parts = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/", f"max-age={int(UNSEEN_S)}"} <= parts
    assert "secure" not in parts  # on this machine itself nothing is encrypted
    assert not any(part.startswith("domain") for part in parts)


def test_a_key_that_somebody_chose_is_not_taken(web: Web, helped: Helped) -> None:
    """Whoever plants a cookie before the pairing knows nothing of it afterwards."""
    browser = Browser(web.port)
    browser.key = planted = "planted"
    assert browser.pair(helped.invite()).to == "/"
    assert browser.key != planted
    assert len(browser.key) >= 43
    thief = Browser(web.port)
    thief.key = planted
    assert thief.get("/").to == "/pair"


def test_a_form_may_be_long_but_not_huge(web: Web, anna: Browser, helped: Helped) -> None:
    helped.done.clear()
    assert anna.post("/say", text="x" * 60_000).status == 303
    assert anna.post("/say", text="x" * 65_536).status == 413
    assert [each[0] for each in helped.done] == ["say"]
    head = (
        f"POST /say HTTP/1.1\r\nHost: localhost:{web.port}\r\nOrigin: http://localhost:{web.port}"
        f"\r\nCookie: {COOKIE}={anna.key}\r\nContent-Type: {FORM}\r\n"
    ).encode()
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    for body in (
        b"Content-Length: 99999999999\r\n\r\n" + b"x" * 80_000,
        b"Transfer-Encoding: chunked\r\n\r\n" + 2 * chunk,
    ):
        assert raw(web.port, head + body).startswith(b"HTTP/1.1 413 ")
    for broken in (
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ):
        assert raw(web.port, head + broken).startswith(b"HTTP/1.1 400 ")
    smuggled = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n"
    assert b"Does it hear" not in raw(web.port, head + smuggled + b"\r\n")
    assert len(helped.done) == 1


def test_a_head_may_not_be_huge(web: Web) -> None:
    for huge in (b"GET /" + b"x" * 200_000, b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 200_000):
        assert raw(web.port, huge).startswith(b"HTTP/1.1 4")
    assert raw(web.port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500).startswith(
        b"HTTP/1.1 400 "
    )


def test_a_form_of_another_kind_or_with_too_much_in_it_does_nothing(
    anna: Browser, helped: Helped
) -> None:
    helped.done.clear()

    def parts(*each: str) -> bytes:
        return "".join(
            f"--b\r\nContent-Disposition: form-data; {part}\r\n" for part in each
        ).encode()

    token = f'name="{TOKEN}"\r\n\r\n{form_token(anna.key)}'
    kind = "multipart/form-data; boundary=b"
    for body, content_type in (
        (parts(token, *(f'name="f{n}"\r\n\r\nx' for n in range(200))) + b"--b--\r\n", kind),
        (parts(token, 'name="text"; filename="x.wav"\r\n\r\nx') + b"--b--\r\n", kind),
        (parts(token) + b"--b", kind),
        (b"nonsense", kind),
        (b"nonsense", "multipart/form-data"),
        (b'{"text": "hello"}', "application/json"),
        (b"\xff\xfe\x00=&&&==%zz%%%", FORM),
        (b"", FORM),
    ):
        answer = anna.ask("POST", "/say", body, {"Content-Type": content_type})
        assert answer.status in (400, 403, 409), body[-60:]
        assert_marked(answer)
    assert helped.done == []
    many = "&".join(f"f{number}=x" for number in range(5_000))
    assert anna.ask("POST", "/say", f"{many}&{TOKEN}={form_token(anna.key)}".encode()).status < 500
    whole = parts(token, 'name="text"\r\n\r\nhello') + b"--b--\r\n"
    helped.done.clear()
    assert anna.ask("POST", "/say", whole, {"Content-Type": kind}).status == 303
    assert helped.done == [("say", "hello")]


def test_nothing_is_served_beyond_this_machine_unless_that_is_wished(web: Web) -> None:
    listening = [
        each.laddr
        for each in psutil.Process(web.pid).net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", web.port)]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", web.port), 5).close()


def test_a_page_is_answered_while_others_are_many(web: Web, anna: Browser) -> None:
    """Who only connects holds nobody up."""
    silent = [socket.create_connection(("127.0.0.1", web.port), 5) for _ in range(60)]
    try:
        began = time.monotonic()
        assert anna.get("/").status == 200
        assert time.monotonic() - began < 60
    finally:
        for each in silent:
            each.close()
