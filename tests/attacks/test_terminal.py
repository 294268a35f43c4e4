"""Where output goes: its loss is nobody's death, and nothing printed takes a terminal over."""

from __future__ import annotations

import pytest

from tests.daemon.served import RUN, Service, ended

FULL = ("sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh")
CLOSED = ("sh", "-c", 'exec "$@" >&- 2>&-', "sh")


@pytest.mark.parametrize("where", [FULL, CLOSED], ids=["full", "closed"])
def test_a_daemon_that_nobody_can_read_goes_on(service: Service, where: tuple[str, ...]) -> None:
    with service.running([*where, *RUN]) as process:
        service.manager.told_until("READY=1")
        for text in ("one", "two"):
            assert service.answers(text)
        ended(process)


def test_a_daemon_whose_reader_leaves_goes_on(service: Service) -> None:
    with service.running([*RUN]) as process:
        service.manager.told_until("READY=1")
        assert process.stdout is not None
        process.stdout.close()
        for text in ("one", "two"):
            assert service.answers(text)
        process.terminate()
        assert process.wait(60) == 0
