"""The checks as a process of their own: subject and names in, one finding per line out.

A check may hang in a driver or crash in a library; then only this process is lost.
"""

from __future__ import annotations

import sys

from assistant import child
from assistant.doctor.checks import Check, chosen
from assistant.doctor.finding import Finding, fail
from assistant.doctor.subject import Subject, from_json
from assistant.errors import AttuneError


def main() -> int:
    """Run the checks that standard input names."""
    order, answer = child.serve()
    subject = from_json(order["subject"])
    answer("ready")  # from here on only the checks' own time counts
    for check in chosen(order["checks"]):
        answer(run(check, subject).as_json())
    return 0


def run(check: Check, subject: Subject) -> Finding:
    """What a check finds, even if it fails."""
    try:
        return check.function(subject)
    except AttuneError as error:
        return fail(str(error))
    except PermissionError as error:
        return fail(
            f"You may not read {error.filename or 'something'}. Run this as the user that Attune "
            "runs as, for example with 'sudo -u attune assistant doctor'."
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks go on
        why = str(error).strip().partition("\n")[0]
        return fail(
            f"The check failed ({type(error).__name__}: {why}). Reinstall Attune; if that does "
            "not help, report it with the file that 'assistant doctor --bundle FILE' writes."
        )


if __name__ == "__main__":
    sys.exit(main())
