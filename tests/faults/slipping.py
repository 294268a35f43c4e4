"""The service with a fault whose message holds what was said."""

from __future__ import annotations

import sys
import threading
from typing import Any, NoReturn

from assistant.cli import main
from assistant.generate.llama import LlamaSession


def slip(self: LlamaSession, user: Any, context: str, *, cancel: threading.Event) -> NoReturn:
    del self, context, cancel
    raise RuntimeError(f"no answer to {user!r}") from KeyError(user)


LlamaSession.reply = slip

if __name__ == "__main__":
    sys.exit(main())
