from __future__ import annotations

import numpy as np
import pytest

from assistant.bridge.route import RouteSetting, choose_route
from assistant.config import BridgeSettings
from assistant.errors import BridgeError
from assistant.values import Route, SoftPrompt, Transcript
from tests.settings import block

HEARD = Transcript("heard", 0.5)
BRIDGE = block(BridgeSettings, min_confidence=0.6, margin=0.05)


def prompt(confidence: float, n_tokens: int = 2) -> SoftPrompt:
    return SoftPrompt(np.zeros((n_tokens, 4), np.float32), "bridge-1", confidence, "heard")


@pytest.mark.parametrize(
    ("setting", "made", "accepted", "route"),
    [
        ("auto", None, False, Route.TRANSCRIPT),
        ("auto", prompt(0.9), False, Route.TRANSCRIPT),
        ("auto", prompt(0.9), True, Route.BRIDGE),
        ("auto", prompt(0.6), True, Route.BRIDGE),
        ("auto", prompt(0.59), True, Route.TRANSCRIPT),
        ("auto", prompt(0.9, n_tokens=0), True, Route.TRANSCRIPT),
        ("auto", prompt(float("nan")), True, Route.TRANSCRIPT),
        ("bridge", prompt(0.0), False, Route.BRIDGE),
        ("transcript", prompt(1.0), True, Route.TRANSCRIPT),
        ("transcript", None, False, Route.TRANSCRIPT),
    ],
)
def test_the_route_is_the_users_wish_or_what_is_safe(
    setting: RouteSetting, made: SoftPrompt | None, *, accepted: bool, route: Route
) -> None:
    assert choose_route(setting, made, HEARD, accepted=accepted, settings=BRIDGE) is route


@pytest.mark.parametrize(
    ("transcript", "bridge", "route"),
    [
        (0.80, 0.86, Route.BRIDGE),
        (0.80, 0.84, Route.TRANSCRIPT),
        (0.99, 0.99, Route.TRANSCRIPT),
        (0.99, 1.0, Route.BRIDGE),
    ],
)
def test_the_bridge_must_be_surer_than_the_transcript(
    transcript: float, bridge: float, route: Route
) -> None:
    heard = Transcript("heard", transcript)
    assert choose_route("auto", prompt(bridge), heard, accepted=True, settings=BRIDGE) is route


@pytest.mark.parametrize(
    ("said", "learned", "route"),
    [
        ("heard", False, Route.BRIDGE),
        ("hear", False, Route.BRIDGE),
        ("heard that", False, Route.TRANSCRIPT),  # 0.9, but of half of what was said
        ("heard that", True, Route.BRIDGE),  # what knows this voice need not fear the transcript
    ],
)
def test_a_bridge_that_leaves_out_half_is_half_as_sure(
    said: str, *, learned: bool, route: Route
) -> None:
    heard = Transcript(said, 0.4)
    chosen = choose_route(
        "auto", prompt(0.9), heard, accepted=True, learned=learned, settings=BRIDGE
    )
    assert chosen is route


def test_the_bridge_route_needs_a_bridge() -> None:
    with pytest.raises(BridgeError, match=r"set bridge\.path, or set 'route' to 'auto'"):
        choose_route("bridge", None, HEARD, accepted=False, settings=BRIDGE)
