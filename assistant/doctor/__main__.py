"""The checks as a process of their own: subject and names in, one finding per line out.

A check may hang in a driver or be ended by a fault in a library; then only this process is lost.
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
    answer("ready")  # from now on the checks' own time counts
    for check in chosen(order["checks"]):
        answer(run(check, subject).as_json())
    return 0


def run(check: Check, subject: Subject) -> Finding:
    """What a check finds, also when it breaks off."""
    try:
        return check.function(subject)
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
