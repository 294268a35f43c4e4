"""Models from strangers: what comes with them runs within bounds, and fails with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import GGUFError
from assistant.generate import rendering
from assistant.generate.llama import LlamaSession
from tests.generate import toys

LOOP = "{% for i in range(99999) %}"
END = "{% endfor %}"

BOMBS = {
    "loops": f"{LOOP * 3}{END * 3}",
    "text": "{{ 'x' * 99999999999 }}",
    "number": "{{ 9 ** 9 ** 9 }}",
    "doubling": "{% set n = namespace(x='x') %}"
    f"{LOOP}{{% set n.x = n.x ~ n.x %}}{END}{{{{ n.x }}}}",
    "width": "{{ 'x' | center(99999999999) }}",
    "deep": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "break": "{% break %}",
}


@pytest.mark.parametrize("template", BOMBS.values(), ids=BOMBS)
def test_a_chat_template_runs_within_bounds(template: str) -> None:
    with pytest.raises(GGUFError, match="chat template cannot be used"):
        rendering.plan(template, "Be brief.", bos=None, eos=None)


DATED = "{{ strftime_now('%H%M%S%f') }} {{ messages[0].content }}:{{ messages[1].content }}\n"


def test_a_chat_template_runs_once_a_day(tmp_path: Path) -> None:
    path = toys.write(tmp_path / "dated.gguf", toys.Toy(template=DATED))
    with LlamaSession(toys.settings(path)) as session:
        before = session._prompts.instruction
        for _ in range(2):
            session.expect("It is ten o'clock.")
        assert session._prompts.instruction is before
