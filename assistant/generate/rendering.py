"""A model's chat template is a program from outside: it is run by a process of its own.

``python -m assistant.generate.rendering`` reads a template and an instruction as JSON on standard
input and writes the plan, or why there is none. It may use little memory and processor time.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import closing
from dataclasses import asdict

from assistant import child
from assistant.errors import GGUFError
from assistant.generate.prompt import ChatTemplate, PromptPlan

PROCESSOR_S = 5
"""Longest time; an ordinary template takes milliseconds."""

LONGEST_S = 120.0
"""The same on the clock, for a template that waits, or a machine that is very busy."""

MEMORY = 1 << 30
"""Bytes of address space."""


def plan(source: str | None, instruction: str, *, bos: str | None, eos: str | None) -> PromptPlan:
    """The prompt for an instruction, as ``ChatTemplate.plan`` cuts it.

    Raises:
        GGUFError: as ``ChatTemplate``, and if the template takes too long or too much memory.
    """
    if source is None:  # our own
        return ChatTemplate(None, bos=bos, eos=eos).plan(instruction)
    order = {"source": source, "bos": bos, "eos": eos, "instruction": instruction}
    with closing(child.Child(child.command("assistant.generate.rendering"), order)) as process:
        answer = json.loads(process.line(LONGEST_S) or "{}")
    if "plan" in answer:
        return PromptPlan(**answer["plan"])
    raise GGUFError(
        answer.get("why")
        or "The model's chat template cannot be used: it takes more than "
        f"{PROCESSOR_S} s or {MEMORY >> 20} MB. Choose another build of the model."
    )


def main() -> int:
    """Plan what standard input asks for."""
    order, answer = child.serve()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    try:
        template = ChatTemplate(order["source"], bos=order["bos"], eos=order["eos"])
        answer({"plan": asdict(template.plan(order["instruction"]))})
    except GGUFError as error:
        answer({"why": str(error)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
