"""Asks Home Assistant, by its conversation API.

https://developers.home-assistant.io/docs/intent_conversation_api
"""

from __future__ import annotations

import json
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue, ValidationError

from assistant.config import HomeSettings
from assistant.errors import ConfigError
from assistant.home.network import connected, given_up, trust, unreached
from assistant.home.secrets import secret
from assistant.household.smart_home import LONGEST, HomeAnswer, Outcome

PATH = "/api/conversation/process"

MOST = 1 << 16
"""Longest answer in bytes."""


_ERRORS: dict[str, Outcome] = {
    "no_intent_match": "not_understood",
    "no_valid_targets": "not_there",
}
"""Errors after which nothing has happened; any other may have come in the middle."""


class _Data(BaseModel):
    success: list[JsonValue] = []
    failed: list[JsonValue] = []
    code: str = ""


class _Plain(BaseModel):
    speech: str = ""


class _Speech(BaseModel):
    plain: _Plain = _Plain()


class _Response(BaseModel):
    response_type: str
    speech: _Speech = _Speech()
    data: _Data = _Data()


class _Conversation(BaseModel):
    response: _Response


class _NotSentError(Exception):
    """Nothing has reached Home Assistant; the sentence says why."""


class HomeAssistant:
    """Home Assistant in the local network; used by one thread.

    Args:
        settings: where it is, and how it lets Attune in.
    """

    def __init__(self, settings: HomeSettings) -> None:
        self._settings = settings
        address = urlsplit(settings.url or "")
        self._is_encrypted = address.scheme == "https"
        self._host = address.hostname or ""
        self._port = address.port or (443 if self._is_encrypted else 80)
        self._path = f"{address.path.rstrip('/')}{PATH}"
        self.trouble: str | None = None  # a sentence, if the last request did not get through

    def ask(self, words: str, language: str, limit_s: float) -> HomeAnswer:
        """Its answer; never raises, and never sends anything after the limit."""
        try:
            status, kind, body = self._post(words, language, time.monotonic() + limit_s)
        except _NotSentError as error:
            self.trouble = str(error)
            return HomeAnswer("unreachable")
        except ConfigError as error:
            self.trouble = str(error)
            return HomeAnswer("refused")
        except (OSError, HTTPException, ValueError):
            self.trouble = f"Home Assistant at {self._settings.url} did not answer in time."
            return HomeAnswer("unknown")
        return self._judged(status, kind, body)

    def _judged(self, status: int, kind: str, body: bytes) -> HomeAnswer:
        """What the answer of a server is worth."""
        self.trouble = self._objection(status)
        if self.trouble is not None:
            return HomeAnswer("refused" if status in (401, 403) else "unreachable")
        answer = HomeAnswer("failed" if status == 400 else "unknown")
        if status == 200 and kind == "application/json":
            answer = read(body)
        if answer.outcome == "unknown" or status == 400:
            self.trouble = (
                f"What answers at {self._settings.url} is not what Home Assistant answers "
                f"(status {status}). Look at its log."
            )
        return answer

    def _post(self, words: str, language: str, deadline: float) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer to a request."""
        token = secret(self._settings.token_file, "home.token_file")
        context = trust(self._settings.ca_file) if self._is_encrypted else None
        asked = {"text": words, "language": language}
        if self._settings.agent is not None:
            asked["agent_id"] = self._settings.agent
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Connection": "close",
        }
        http = HTTPConnection(self._host, self._port)
        with closing(http):
            try:
                http.sock = connected(self._host, self._port, deadline, context)
            except (OSError, ValueError) as error:  # a name may be none
                what = f"Home Assistant at {self._settings.url}"
                raise _NotSentError(unreached(what, error)) from None
            with given_up(http.sock, deadline):
                http.request("POST", self._path, json.dumps(asked).encode(), headers)
                return _received(http.getresponse())

    def _objection(self, status: int) -> str | None:
        """Why it is certain that nothing was done, if it is."""
        url = self._settings.url
        if status in (401, 403):
            return (
                f"Home Assistant does not accept what stands in {self._settings.token_file}. Make "
                "a new long-lived one in its user profile, and put it there."
            )
        if 300 <= status < 400:
            return f"{url} sends elsewhere, which Attune does not follow. Correct home.url."
        if status in (404, 405):
            return f"Nothing at {url} takes requests in words. Correct home.url."
        return None


def _received(answer: HTTPResponse) -> tuple[int, str, bytes]:
    """Status, content type and body; an empty one for what is too long or not complete."""
    body = answer.read(MOST + 1)
    is_whole = len(body) <= MOST and not answer.length
    return answer.status, answer.headers.get_content_type(), body if is_whole else b""


def read(body: bytes) -> HomeAnswer:
    """What an answer means; whatever it holds, it is one of the outcomes."""
    try:
        found = _Conversation.model_validate_json(body).response
    except ValidationError:
        return HomeAnswer("unknown")
    return HomeAnswer(_outcome(found), said(found.speech.plain.speech))


def _outcome(found: _Response) -> Outcome:
    done, failed = bool(found.data.success), bool(found.data.failed)
    match found.response_type:
        case "action_done" if failed:
            return "partly" if done else "failed"
        case "action_done":
            return "done" if done else "told"
        case "query_answer":
            return "answered"
        case "error":
            return _ERRORS.get(found.data.code, "failed")
        case _:
            return "unknown"


def said(text: str) -> str:
    """A text from outside as it may be said: printable, on one line, and not for long."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(line) <= LONGEST:
        return line
    return line[:LONGEST].rpartition(" ")[0] or line[:LONGEST]
