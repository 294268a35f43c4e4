"""The checks as a process of their own: patient and names in, one finding per line out.

A check may hang in a driver or be ended by a fault in a library; then only this process is lost.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from assistant.doctor.checks import Check, chosen
from assistant.doctor.finding import Finding, fail
from assistant.doctor.subject import Subject, from_json
from assistant.errors import AttuneError

READY = b"ready\n"
"""The first line: from now on the checks' own time counts."""


def main() -> int:
    """Run the checks that standard input names."""
    with suppress(OSError):  # where memory is short, this process goes, and not the daemon
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries print what they like
    order = json.load(sys.stdin)
    patient = from_json(json.dumps(order["patient"]))
    os.write(answers, READY)
    for check in chosen(order["checks"]):
        os.write(answers, json.dumps(run(check, patient).as_json()).encode() + b"\n")
    return 0


def run(check: Check, patient: Subject) -> Finding:
    """What a check finds, also when it breaks off."""
    try:
        return check.function(patient)
    except AttuneError as error:
        return fail(str(error))
    except PermissionError as error:
        return fail(
            f"{error.filename or 'Something'} may not be looked at. Give yourself the right, or "
            "ask as the user that Attune runs as, such as with 'sudo -u attune assistant doctor'."
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks go on
        why = str(error).strip().partition("\n")[0]
        return fail(
            f"The check broke off ({type(error).__name__}: {why}). Install Attune anew; if that "
            "does not help, report it with what 'assistant doctor --bundle FILE' writes."
        )


if __name__ == "__main__":
    sys.exit(main())
