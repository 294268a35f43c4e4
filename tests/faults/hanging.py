"""The service with a language model that hangs when it is asked about the moon."""

from __future__ import annotations

import sys
import threading
from typing import Any

from assistant.cli import main
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import ReplyStream

answer = LlamaSession.reply


def hang(self: LlamaSession, user: Any, context: str, *, cancel: threading.Event) -> ReplyStream:
    if isinstance(user, str) and "moon" in user:
        threading.Event().wait()  # for ever, deaf to everything, as in a driver
    return answer(self, user, context, cancel=cancel)


LlamaSession.reply = hang

if __name__ == "__main__":
    sys.exit(main())
