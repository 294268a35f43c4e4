"""The microphone as a process of its own: ``python -m assistant.listen``.

PortAudio freezes its list of devices when it is initialised, and a driver may hang for good; the
daemon solves both by restarting this process. The settings are the only argument, as JSON; frames
go out on standard output until standard input is closed.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from assistant.child import send
from assistant.config import ListenSettings
from assistant.errors import AttuneError
from assistant.listen.capture import Microphone
from assistant.listen.frame_pipe import failure, packed

GIVE_UP_S = 3.0
"""How long the device may take to close; a hung driver must not block the next process."""


def main() -> int:
    """Send frames; exit 0 when asked to stop, or 1 after sending what is wrong."""
    microphone = Microphone(ListenSettings.model_validate_json(sys.argv[1]))
    out = sys.stdout.fileno()
    threading.Thread(target=_watch, args=(microphone,), name="watch", daemon=True).start()
    try:
        with microphone:
            for block in microphone.blocks():
                send(out, b"".join(packed(frame, microphone.overruns) for frame in block))
    except AttuneError as error:
        send(out, failure(str(error)))
        return 1
    except BrokenPipeError:
        pass  # the daemon has gone, and nobody needs the sound any more
    return 0


def _watch(microphone: Microphone) -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock a daemon thread must not hold at exit
        pass
    microphone.stop()
    time.sleep(GIVE_UP_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
