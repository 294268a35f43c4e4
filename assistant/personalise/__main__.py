"""The trainer as a process of its own: settings on standard input, events on standard output.

Exit status 0: done; 75: asked to stop, its state saved; 1: failed, and the last line says why.
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
    # told by the daemon itself: it may have died while this process was still importing
    daemon = int(order.get("daemon", os.getppid()))
    threading.Thread(target=_watch_parent, args=(daemon, stop), daemon=True).start()
    settings = Settings.model_validate(order["settings"])

    def tell(event: Event) -> None:
        # the steps look for the end themselves and save their state first
        if stop.is_set() and isinstance(event, Encoded | Judging):
            raise Interrupted
        try:
            _tell(event)
        except BrokenPipeError:  # the daemon is gone: save the state and end
            stop.set()

    try:
        retrain(settings, Request(**order["request"]), tell, stop)
    except Interrupted:
        return os.EX_TEMPFAIL
    except AttuneError as error:
        _tell(Failed(str(error)))
        return 1
    return 0


def _tell(event: Event) -> None:
    sys.stdout.write(to_line(event) + "\n")
    sys.stdout.flush()


def _watch_parent(daemon: int, stop: threading.Event) -> None:
    """Stop when the daemon is gone: nobody would pause this process any more."""
    while os.getppid() == daemon:
        time.sleep(1.0)
    stop.set()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
