"""The trainer process: settings on standard input, events on standard output.

Exit status 0: done; 75: stopped on request, with its state saved; 1: failed, see the last line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

from assistant.config import Settings
from assistant.errors import AttuneError
from assistant.personalise.training.events import Encoded, Event, Failed, Judging, to_line
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import retrain
from assistant.personalise.training.trainer import Interrupted


def main() -> int:
    """Run one training."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    signal.signal(signal.SIGINT, lambda _number, _frame: stop.set())
    order = json.load(sys.stdin)
    # sent by the daemon, which may have died while this process was still importing
    daemon = int(order.get("daemon", os.getppid()))
    threading.Thread(target=_watch_parent, args=(daemon, stop), daemon=True).start()
    settings = Settings.model_validate(order["settings"])

    def report(event: Event) -> None:
        # training steps check for a stop themselves, after saving their state
        if stop.is_set() and isinstance(event, Encoded | Judging):
            raise Interrupted
        try:
            _write(event)
        except BrokenPipeError:  # the daemon is gone: save the state and end
            stop.set()

    try:
        retrain(settings, Request(**order["request"]), report, stop)
    except Interrupted:
        return os.EX_TEMPFAIL
    except AttuneError as error:
        _write(Failed(str(error)))
        return 1
    return 0


def _write(event: Event) -> None:
    print(to_line(event), flush=True)  # noqa: T201


def _watch_parent(daemon: int, stop: threading.Event) -> None:
    """Stop when the daemon is gone, as nobody could pause this process any more."""
    while os.getppid() == daemon:
        time.sleep(1.0)
    stop.set()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
