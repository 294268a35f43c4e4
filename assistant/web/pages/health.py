"""Whether all is well with the device."""

from __future__ import annotations

from starlette.responses import Response

from assistant.web.saving import saved_as
from assistant.web.visit import Visit, back


def show(visit: Visit) -> Response:
    """What is wrong, and how it goes with memory, warmth and disk."""
    findings = visit.client.findings()
    return visit.page(
        "health",
        status=visit.client.status(),
        stored=visit.client.stored(),
        checks=visit.task("checks"),
        wrong=[each for level in ("fail", "warn") for each in findings if each.level == level],
        well=[each for each in findings if each.level == "ok"],
    )


def examine(visit: Visit) -> Response:
    """Begin to check every part of the device."""
    visit.client.examine()
    return back("/health")


def support(visit: Visit) -> Response:
    """An archive for whoever helps from afar."""
    headers = saved_as("attune-support", ".tar.gz")
    return Response(visit.client.support(), headers=headers, media_type="application/gzip")
