"""What each page does to a daemon that really answers, keeps and erases."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assistant.config import starter_dir
from assistant.household.agenda import How, Kind
from assistant.household.clocks import look
from assistant.journal.acts import Acts
from assistant.journal.turn import Taught
from assistant.listen.recordings import load
from assistant.web.visit import TOKEN, form_token
from tests.daemon.home import Daemon, Home
from tests.journal.exchanges import exchange, reply, utterance
from tests.waiting import until
from tests.web.browsing import Answer, Browser
from tests.web.served import Web

pytestmark = pytest.mark.usefixtures("home")


def deeds(daemon: Daemon) -> list[tuple[str, str, tuple[int, ...]]]:
    """What was done, oldest first."""
    return [(each.by, each.what, each.about) for each in Acts(daemon.assistant.journal).last(50)][
        ::-1
    ]


def test_what_was_right_is_noted_and_may_be_taken_back(living: Daemon, bert: Browser) -> None:
    journal = living.assistant.journal
    number = exchange(journal, "what lime is it")
    shown = bert.get("/review?sure")
    assert "what lime is it" in shown.text
    assert f"/sound/{number}" in shown.text
    assert bert.get(f"/sound/{number}").body == journal.flac(number)
    noted = bert.post(f"/review/{number}", how="right", sure="")
    assert noted.status == 303
    assert journal.turn(number).taught is Taught.CONFIRMED
    assert noted.to is not None
    after = bert.get(noted.to)
    assert "Noted: that was right" in after.said
    assert "There is nothing" in after.said
    taken = bert.post(f"/review/{number}/undo", correction="", taught="", consent="True")
    assert taken.to == f"/review/{number}"
    turn = journal.turn(number)
    assert (turn.taught, turn.correction, turn.consent) == (None, None, True)
    about = (number,)
    assert deeds(living)[1:] == [
        ("Bert's phone", "confirm", about),
        ("Bert's phone", "put_back", about),
    ]


def test_what_is_changed_is_never_confirmed_as_it_was(living: Daemon, bert: Browser) -> None:
    journal = living.assistant.journal
    number = exchange(journal, "what lime is it")
    noted = bert.post(f"/review/{number}", how="right", text="what time is it")
    turn = journal.turn(number)
    assert (turn.taught, turn.correction) == (Taught.CORRECTED, "what time is it")
    assert noted.to is not None
    assert "as you have written it" in bert.get(noted.to).said
    bert.post(f"/review/{number}", how="right", text=" what time is it ")
    assert journal.turn(number).correction == "what time is it"


def test_what_was_really_said_is_typed(living: Daemon, bert: Browser) -> None:
    journal = living.assistant.journal
    number = exchange(journal, "what lime is it")
    bert.post(f"/review/{number}", how="type", text="what time is it")
    turn = journal.turn(number)
    assert (turn.correction, turn.taught) == ("what time is it", Taught.CORRECTED)
    assert "“what time is it”" in bert.get("/").text
    bert.post(
        f"/review/{number}/undo", correction="an older one", taught="corrected", consent="True"
    )
    assert journal.turn(number).correction == "an older one"
    assert "time is it" not in repr(deeds(living)), "no words are noted"


def test_what_is_left_out_is_not_learned_from(living: Daemon, bert: Browser) -> None:
    number = exchange(living.assistant.journal)
    bert.post(f"/review/{number}", how="leave")
    assert not living.assistant.journal.turn(number).consent
    bert.post(f"/review/{number}/undo", correction="", taught="", consent="True")
    assert living.assistant.journal.turn(number).consent


def test_one_after_another_is_gone_through_and_may_be_skipped(
    living: Daemon, bert: Browser
) -> None:
    texts = ("the first thing", "the second thing", "the third thing")
    first, second, third = (exchange(living.assistant.journal, text) for text in texts)
    assert texts[2] in bert.get("/review?sure").said
    assert texts[1] in bert.get(f"/review?sure&skip={third}").said
    assert texts[0] in bert.get(f"/review?sure&skip={third}.{second}").said
    assert "nothing" in bert.get(f"/review?sure&skip={third}.{second}.{first}").said


def test_a_refusal_is_a_sentence(living: Daemon, bert: Browser) -> None:
    for answer, why in (
        (bert.post("/review/77", how="right"), "77"),
        (bert.post("/review/77", how="type", text="x"), "77"),
        (bert.get("/sound/77"), "77"),
        (bert.post("/kept/reminders/add", text="call Peter"), "I do not understand the time"),
        (bert.post("/kept/notes/7", act="remove"), "There is no number 7 among the notes"),
        (bert.post("/privacy/devices/9"), "There is no device 9"),
        (bert.post("/learning/back"), "."),
    ):
        assert answer.status == 409
        assert "That was not done" in answer.said
        assert why in answer.said
    assert [what for _, what, _ in deeds(living)] == ["admit"], "what was refused was not done"


def test_reminders_timers_lists_and_notes_are_added_and_changed(
    living: Daemon, bert: Browser
) -> None:
    client = living.client
    text = "every morning at eight take the blue pill"
    added = bert.post("/kept/reminders/add", text=text).to
    assert added == "/kept/reminders?done=added&number=1"
    assert re.search(r"Added\. take the blue pill: (today|tomorrow) 0?8:00", bert.get(added).said)
    assert "take the blue pill" in bert.get("/kept/reminders").said
    assert "every day" in bert.get("/kept/reminders").said
    assert bert.post("/kept/reminders/1", act="remove").status == 303
    assert client.kept("reminders") == []

    bert.post("/kept/timers/add", text="ten minutes for the eggs")
    (timer,) = client.kept("timers")
    assert timer["name"] == "eggs"
    bert.post(f"/kept/timers/{timer['id']}", act="pause")
    assert client.kept("timers")[0]["state"] == "paused"
    assert "paused" in bert.get("/kept/timers").said
    bert.post(f"/kept/timers/{timer['id']}", act="resume")
    assert client.kept("timers")[0]["state"] == "waiting"

    bert.post("/kept/lists/add", name="shopping", text="milk, brown bread and eggs")
    assert [each["text"] for each in client.kept("lists")] == ["milk", "brown bread", "eggs"]
    bert.post("/kept/lists/1", act="done")
    assert "milk" not in bert.get("/kept/lists").said.partition("Which list")[0]

    bert.post("/kept/notes/add", name="Peter", text="Peter is your son.")
    assert "Peter is your son." in bert.get("/kept/notes").said
    for act in ("stop", "dance", ""):
        assert bert.post("/kept/notes/1", act=act).status == 404
    assert {what for _, what, _ in deeds(living)} == {"admit", "keep", "change"}
    assert "milk" not in repr(deeds(living))


def test_who_said_that_a_reminder_was_done_is_told(living: Daemon, bert: Browser) -> None:
    agenda, moment = living.assistant.desk.household.agenda, look()
    for name in ("take the blue pill", "call Peter"):
        agenda.add(Kind.REMINDER, name, moment.now - timedelta(minutes=1), moment)
    pill, call = agenda.tick(moment)
    assert "not confirmed yet" in bert.get("/kept/reminders").said
    bert.post(f"/kept/reminders/{pill.item}", act="done")
    agenda.end([call], How.DONE, look())
    shown = bert.get("/kept/reminders").said.replace("&#39;", "'").partition("seven days")[2]
    done = dict(re.findall(r"(take the blue pill|call Peter) — (done[^:]*:\d\d[^:]*)", shown))
    assert "as told here by Bert's phone" in done["take the blue pill"]
    assert "as told" not in done["call Peter"]


def test_two_helpers_at_once_lose_nothing(living: Daemon, bert: Browser, web: Web) -> None:
    anna = Browser(web.port)
    anna.pair(living.client.invite(), "Anna's phone")
    journal = living.assistant.journal
    numbers = [exchange(journal, f"thing {number}", seed=number) for number in range(6)]
    barrier = threading.Barrier(2)

    def edit(browser: Browser, name: str) -> None:
        barrier.wait(60)
        for number in numbers:
            assert (
                browser.post("/kept/lists/add", name="shopping", text=f"{name} {number}").status
                == 303
            )
            browser.post("/kept/notes/add", name=f"{name}{number}", text="A note.")
            browser.post(f"/review/{number}", how="type", text=f"{name} was here")

    with ThreadPoolExecutor(2) as together:
        for done in [together.submit(edit, anna, "ann"), together.submit(edit, bert, "bob")]:
            done.result(120)
    listed = {each["text"] for each in living.client.kept("lists")}
    assert listed == {f"{name} {number}" for name in ("ann", "bob") for number in numbers}
    assert len(living.client.kept("notes")) == 12
    assert {journal.turn(number).correction for number in numbers} <= {
        "ann was here",
        "bob was here",
    }
    by = [who for who, what, _ in deeds(living) if what == "correct"]
    assert sorted(by) == ["Anna's phone"] * 6 + ["Bert's phone"] * 6


def test_a_sentence_is_read_checked_and_kept(living: Daemon, bert: Browser) -> None:
    page = bert.get("/teach")
    assert "0 of " in page.said
    spoken = load(starter_dir() / "examples" / "1-good-morning.flac")
    said = replace(utterance(), samples=spoken, voiced_s=1.5)
    with ThreadPoolExecutor(1) as other:
        heard = other.submit(
            bert.post, "/teach/listen", text="Good morning.", own="", behind=0, today=3
        )
        until(lambda: living.controls.lessons.take(said) or heard.done())
        answer = heard.result(60)
    assert answer.status == 200
    assert "1.5 s" in answer.said
    assert "Keep it, and go on" in answer.said
    kept = bert.post("/teach/keep", text="Good morning.", today=3)
    assert kept.to == "/teach?today=4"
    (turn,) = living.assistant.journal.turns()
    assert (turn.correction, turn.taught) == ("good morning", Taught.ENROLLED)
    again = bert.post("/teach/keep", text="Good morning.", today=3)
    assert again.status == 409, "one reading is kept once"
    assert deeds(living)[1:] == [("Bert's phone", "enroll", ())]


def test_somebody_is_not_kept_at_it_for_too_long(bert: Browser) -> None:
    assert "enough for today" in bert.get("/teach?today=12").said
    assert "enough for today" not in bert.get("/teach?today=11").said


def test_a_sentence_of_ones_own_is_read_instead(bert: Browser) -> None:
    assert "Where is my grey cat?" in bert.get("/teach?own=Where+is+my+grey+cat%3F").said


def test_it_is_said_aloud_in_the_room(living: Daemon, bert: Browser, home: Home) -> None:
    assert bert.post("/say", text="Dinner is ready.").to == "/?done=said"
    until(lambda: home.ear.sentences == 1)
    bert.post("/teach/say", text="Good morning.")
    until(lambda: home.ear.sentences == 2)
    assert [what for _, what, _ in deeds(living)] == ["admit", "say", "say"]
    assert "Dinner" not in repr(deeds(living))


def test_the_microphone_is_switched_off_and_on(living: Daemon, bert: Browser) -> None:
    bert.post("/mute")
    assert living.controls._muted
    bert.post("/unmute")
    assert not living.controls._muted
    bert.post("/stop")
    assert [what for _, what, _ in deeds(living)] == ["admit", "mute", "unmute", "stop"]


def test_it_is_quiet_for_a_while(living: Daemon, bert: Browser) -> None:
    assert bert.post("/quiet", until="hour").to == "/?done=quiet"
    until_when = living.client.status().loudspeaker.quiet_until
    assert until_when is not None
    left = until_when - datetime.now().astimezone()
    assert timedelta(minutes=50) < left <= timedelta(minutes=60)
    assert "nothing unasked until" in bert.get("/").said
    bert.post("/quiet", until="morning")
    assert living.client.status().loudspeaker.quiet_until is not None
    assert bert.post("/quiet").to == "/?done=unquiet"
    assert living.client.status().loudspeaker.quiet_until is None


def test_the_voice_is_turned_within_bounds(living: Daemon, bert: Browser) -> None:
    bert.post("/manners/speak", gain_db="-6", tempo="0.8")
    assert living.client.manner() == {"gain_db": -6.0, "tempo": 0.8}
    assert 'value="0.8"' in bert.get("/manners").text
    bert.post("/manners/speak", gain_db="900", tempo="0")
    manner = living.client.manner()
    assert manner["gain_db"] <= 12
    assert manner["tempo"] >= 0.5
    for wrong in ("nan", "inf", "-inf", "1e999"):
        assert bert.post("/manners/speak", gain_db=wrong, tempo="1").status == 409
    for wrong in ("", "loud"):
        assert bert.post("/manners/speak", gain_db=wrong, tempo="1").status == 404
    assert living.client.manner() == manner


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "attune" / "attune.toml"
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n[listen]\n")
    return path


@pytest.mark.parametrize(
    ("choice", "given", "written"),
    [
        ("listen.profile", "patient", 'profile = "patient"'),
        ("turn.ask_back", "0.6", "ask_back = 0.6"),
        ("turn.wake_phrase", "hello attune", 'wake_phrase = "hello attune"'),
        ("generate.user_name", "Mary", 'user_name = "Mary"'),
        ("generate.user_name", "Nan", 'user_name = "Nan"'),
        ("household.help_name", "Infinity", 'help_name = "Infinity"'),
        ("household.help_name", "17", 'help_name = "17"'),
        ("generate.user_name", '"]\n[listen]', "user_name = "),
    ],
)
def test_a_choice_is_written_to_the_settings_file(
    choice: str, given: str, written: str, config: Path, living: Daemon, bert: Browser
) -> None:
    answer = bert.post("/manners/choose", **{choice: given})
    assert answer.to == "/manners?done=chosen", answer.said
    assert written in config.read_text()
    assert config.read_text().startswith("# mine\n")
    assert living.reloads == [None]
    assert deeds(living)[-1] == ("Bert's phone", "choose", ())


def test_what_cannot_be_chosen_is_refused_and_nothing_is_written(
    config: Path, living: Daemon, bert: Browser
) -> None:
    before = config.read_text()
    for choice, given in (
        ("listen.profile", "hasty"),
        ("turn.ask_back", "2"),
        ("turn.ask_back", "nan"),
        ("turn.ask_back", "often"),
        ("listen.only", "strangers"),
    ):
        answer = bert.post("/manners/choose", **{choice: given})
        assert answer.status == 409, (choice, given)
    for choice in ("control.path", "journal.path", "household.help_command", "listen"):
        assert bert.post("/manners/choose", **{choice: "elsewhere"}).to == "/manners"
    assert config.read_text() == before
    assert living.reloads == []


def at_noon(days_ago: int) -> datetime:
    today = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


def test_one_a_day_and_everything_is_erased(living: Daemon, bert: Browser) -> None:
    journal = living.assistant.journal
    older = exchange(journal, "long ago", started_at=at_noon(9))
    a_day = [exchange(journal, f"thing {n}", started_at=at_noon(3)) for n in range(3)]
    newer = exchange(journal, "just now", started_at=at_noon(0))
    asked = bert.get(f"/privacy/erase?number={newer}")
    assert "This will be erased, with its recording" in asked.said
    assert journal.count() == 5, "asking erases nothing"
    assert bert.post("/privacy/erase", number=newer).to == "/privacy?done=erased"
    assert {turn.id for turn in journal.turns()} == {older, *a_day}

    day = at_noon(3).date().isoformat()
    assert "3 exchanges" in bert.get(f"/privacy/erase?day={day}").said
    bert.post("/privacy/erase", day=day)
    assert [turn.id for turn in journal.turns()] == [older]
    assert deeds(living)[1:] == [
        ("Bert's phone", "erase", (newer,)),
        ("Bert's phone", "erase", tuple(sorted(a_day, reverse=True))),
    ]

    for word in ("", "yes", "eras"):
        assert bert.post("/privacy/erase", all="", word=word).to == "/privacy/erase?all="
    assert journal.count() == 1
    living.client.keep("lists", ["shopping", "milk"])
    bert.post("/privacy/erase", all="", word=" Erase ")
    assert journal.count() == 0
    assert "Nothing that was said is kept" in bert.get("/privacy").said
    assert living.client.kept("lists") == []
    assert [what for _, what, _ in deeds(living)] == ["forget_me"], "and that it was is noted"


@pytest.mark.parametrize("day", ["", "yesterday", "2026-02-30", "9999-12-31", "0001-01-01"])
def test_no_other_day_is_erased_by_mistake(day: str, living: Daemon, bert: Browser) -> None:
    exchange(living.assistant.journal, started_at=at_noon(0))
    assert "nothing to erase" in bert.get(f"/privacy/erase?day={day}").said
    bert.post("/privacy/erase", day=day)
    bert.post("/privacy/erase")
    assert living.assistant.journal.count() == 1


def test_devices_are_let_in_and_shut_out(living: Daemon, bert: Browser, web: Web) -> None:
    invited = bert.post("/privacy/invite", role="reader")
    assert f"{web.port}/pair" in invited.said
    assert "change nothing" in invited.said
    code = invited.text.partition('class="code">')[2][:6]
    reader = Browser(web.port)
    assert reader.pair(code, "A tablet").to == "/"
    page = bert.get("/privacy").said
    assert "A tablet reads only" in page.replace(" ,", ",")
    assert "Bert's phone (this one)" in page.replace("&#39;", "'")
    bert.post("/privacy/devices/2")
    assert reader.get("/").to == "/pair"
    assert [each.name for each in living.client.helpers()] == ["Bert's phone"]
    assert [(by, what) for by, what, _ in deeds(living)] == [
        ("Bert's phone", "admit"),
        ("Bert's phone", "invite"),
        ("A tablet", "admit"),
        ("Bert's phone", "shut_out"),
    ]
    shown = bert.get("/privacy").said.replace("&#39;", "'")
    assert "Bert's phone · shut a device out" in shown


def test_what_was_learned_is_chosen_and_taken_back(
    living: Daemon, bert: Browser, home: Home
) -> None:
    good = home.bridges.add(home.bridge("l"))
    bert.post("/learning/use", version=good)
    assert home.bridges.current == good
    assert "in use" in bert.get("/learning").said
    bert.post("/learning/back")
    assert home.bridges.current is None
    assert [what for _, what, _ in deeds(living)] == ["admit", "promote", "rollback"]


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7777*7777}}&lt;"


def test_whatever_was_said_or_typed_is_text(living: Daemon, web: Web) -> None:
    journal = living.assistant.journal
    bert = Browser(web.port)
    bert.pair(living.client.invite(), "<b onclick=x>'\"{{1}}")
    said = exchange(journal, HOSTILE, HOSTILE)
    failed = journal.hear(utterance())
    journal.failed(failed, HOSTILE)
    bert.post(f"/review/{exchange(journal)}", how="type", text=HOSTILE)
    living.client.keep("notes", [HOSTILE[:60], HOSTILE])
    living.client.keep("lists", ["<i>shopping", "<u>milk"])
    bert.post("/kept/reminders/add", text="every day at eight take <i>the pill")
    bert.post("/kept/timers/add", text="ten minutes for <i>the eggs")
    paths = ("/", "/review?sure", f"/review/{said}", "/teach?own=%3Cscript%3Ealert(1)", "/privacy")
    kept = (f"/kept/{place}" for place in ("reminders", "timers", "lists", "notes"))
    queries = (
        "/privacy/erase?day=%3Cscript%3E&number=%22%3E%3Cb",
        "/review?done=right&number=%22%3E",
    )
    for path in (*paths, *kept, *queries, "/manners", "/learning", "/health"):
        text = bert.get(path).text
        assert text.count("<script") == text.count('<script src="/static/'), path
        for tag in ("<img", "<b ", "<i>", "<u>", "onerror=alert(1)>", "60481729"):
            assert tag not in text, (path, tag)
    assert "&lt;script&gt;alert(1)" in bert.get("/").text
    refused = bert.post("/kept/reminders/add", text="<script>alert(1)</script>")
    assert refused.status == 409
    assert "<script>a" not in refused.text
    stranger = Browser(web.port)
    again = stranger.pair("000000", "<script>alert(1)</script>")
    assert again.status == 409
    assert "<script>a" not in again.text


def test_a_daemon_that_is_away_is_told_and_comes_back(home: Home, web: Web, place: Path) -> None:
    settings = home.settings(control={"path": place})
    with home.daemon(settings) as daemon:
        phone = Browser(web.port)
        phone.pair(daemon.client.invite(), "Anna's phone")
    for path in ("/", "/review", "/privacy", "/kept/lists"):
        answer = phone.get(path)
        assert answer.status == 503
        assert "tries again by itself" in answer.said
        assert "data-again" in answer.text
    assert phone.post("/say", text="hello").status == 503
    assert phone.get("/static/attune.css").status == 200
    with home.daemon(settings):
        assert phone.get("/").status == 200, "and whoever was let in still is"


def test_a_reply_that_failed_is_shown_with_the_reason(living: Daemon, bert: Browser) -> None:
    number = living.assistant.journal.hear(utterance())
    living.assistant.journal.failed(number, "The language model is too slow. Choose another.")
    page = bert.get("/").said
    assert "The language model is too slow. Choose another." in page
    assert "Nothing was understood." in page
    assert reply().text not in page


def handed_in(browser: Browser, sound: bytes) -> Answer:
    """A sentence that the helper's own device has recorded."""
    fields = {TOKEN: form_token(browser.key), "text": "Good morning.", "own": "", "today": "0"}
    parts = [f'; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'; name="sound"; filename="../../sentence"\r\n\r\n' + sound)
    body = b"".join(b"--b\r\nContent-Disposition: form-data" + each + b"\r\n" for each in parts)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    return browser.ask("POST", "/teach/recorded", body + b"--b--\r\n", kind)


def test_a_sentence_may_be_recorded_elsewhere(living: Daemon, bert: Browser) -> None:
    spoken = load(starter_dir() / "examples" / "1-good-morning.flac")
    answer = handed_in(bert, (spoken * 32_767).astype("<i2").tobytes())
    assert "Keep it, and go on" in answer.said
    assert bert.post("/teach/keep", text="Good morning.", today=0).to == "/teach?today=1"
    (turn,) = living.assistant.journal.turns()
    assert (turn.correction, turn.taught) == ("good morning", Taught.ENROLLED)


@pytest.mark.parametrize(
    ("sound", "statuses"),
    [
        (b"", {200, 409}),
        (b"x", {200, 409}),
        (b"\0" * 32_000, {200}),
        (b"\xff\x7f" * 16_000, {200}),
        (b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 5_001, {200, 409}),
        (b"\0" * 999_000, {409, 413}),
        (b"\0" * 1_100_000, {413}),
    ],
    ids=lambda value: None if isinstance(value, set) else f"{len(value)}-{value[:4]!r}",
)
def test_no_sound_that_is_handed_in_does_harm(
    sound: bytes, statuses: set[int], living: Daemon, bert: Browser
) -> None:
    answer = handed_in(bert, sound)
    assert answer.status in statuses
    assert "Keep it, and go on" not in answer.text
    assert living.assistant.journal.count() == 0
    assert bert.get("/teach").status == 200
