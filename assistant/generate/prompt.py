"""Instruction injection: where the instruction, the context line and the user's words go.

A conversation of one system and one user message is rendered with the model's own chat template
and cut at the user message::

    static                      | before_user   | the user's words   | after_user
    <system> instruction <user> | context line↵ | soft prompt / text | <end> <assistant>

``static`` changes only with the instruction, so it is decoded once and its state kept; whatever
changes from turn to turn comes after it. A template without a system role gets the instruction at
the start of the user message instead. A model without a template gets :data:`PLAIN_TEMPLATE`, whose
reply ends when the model itself ends it or at the token limit. What stands between a reply and the
user's next turn is found by rendering two turns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from assistant.errors import GGUFError

PLAIN_TEMPLATE = (
    "{{ messages[0]['content'] }}"
    "{% for message in messages[1:] %}"
    "{{ '\n\nUser:\n' if message['role'] == 'user' else '\n\nAssistant:' }}"
    "{{ message['content'] }}"
    "{% endfor %}"
    "{{ '\n\nAssistant:' }}"
)  # fmt: skip
"""For a model without a chat template."""

# letters and digits only: no template strips, splits or escapes them, and nobody says them
_CONTEXT = "ATTUNEq7CONTEXTx1q"
_USER = "ATTUNEq7USERx1q"
_REPLY = "ATTUNEq7REPLYx1q"


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """A prompt cut around the user's turn; all of them are template text."""

    static: str  # up to the context line, instruction included
    separator: str  # between the context line and the user's words
    after_user: str  # end of the user's turn and the assistant's header
    between: str | None = None  # from a reply to the user's next turn; None: single turns only

    def before_user(self, context: str) -> str:
        """The text between ``static`` and the user's words; none for an empty context."""
        return f"{context}{self.separator}" if context else ""


class ChatTemplate:
    """A model's chat template, ready to plan prompts.

    Args:
        source: the Jinja template, ``None`` for a model that has none.
        bos: text of the token that begins a sequence.
        eos: text of the token that ends one.

    Raises:
        GGUFError: if the template is not valid Jinja.
    """

    def __init__(self, source: str | None, *, bos: str | None, eos: str | None) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
        )
        environment.filters.update(tojson=_to_json)  # pyright: ignore[reportUnknownMemberType]
        self._tokens = {"bos_token": bos or "", "eos_token": eos or ""}
        try:
            self._template: Template = environment.from_string(source or PLAIN_TEMPLATE)
        except Exception as error:  # noqa: BLE001 - jinja compiles it, and passes on what Python says
            raise _unusable(str(error) or type(error).__name__) from None

    def plan(self, instruction: str) -> PromptPlan:
        """Render and cut the prompt for an instruction.

        Raises:
            GGUFError: if the template fails, or does not repeat the user's words.
        """
        instruction = instruction.strip()
        user = f"{_CONTEXT}\n{_USER}"
        system = {"role": "system", "content": instruction}
        messages = [system, {"role": "user", "content": user}]
        try:
            plan = _cut(self._render(messages))
        except TemplateError:
            plan = None
        if plan is None or instruction not in plan.static:
            # no system role: refused above, or silently left out of the rendering
            messages = [{"role": "user", "content": f"{instruction}\n\n{user}"}]
            try:
                plan = _cut(self._render(messages))
            except TemplateError as error:
                raise _unusable(str(error)) from None
        if plan is None or instruction not in plan.static:
            raise _unusable("it leaves out or changes the user's words")
        again = {"role": "user", "content": user}
        messages += [{"role": "assistant", "content": _REPLY}, again]
        return replace(plan, between=self._between(messages, plan))

    def _between(self, messages: list[dict[str, str]], plan: PromptPlan) -> str | None:
        """What stands between a reply and the next turn, if that turn looks like the first."""
        try:
            first, *rest = self._render(messages).split(_REPLY)
        except TemplateError:
            return None
        after = _cut(rest[0]) if len(rest) == 1 and first.startswith(plan.static) else None
        if after is None or replace(after, static=plan.static) != plan:
            return None
        return after.static

    def _render(self, messages: list[dict[str, str]]) -> str:
        try:
            return self._template.render(
                messages=messages,
                add_generation_prompt=True,
                enable_thinking=False,
                tools=None,
                documents=None,
                raise_exception=_raise_exception,
                strftime_now=_strftime_now,
                **self._tokens,
            )
        except TemplateError:
            raise
        except Exception as error:  # noqa: BLE001 - the template is a program from outside
            raise TemplateError(f"{type(error).__name__}: {error}") from None


class _Generation(Extension):
    """A tag around assistant messages for training, in some templates; rendered as its body."""

    tags = frozenset({"generation"})  # pyright: ignore[reportAssignmentType] - jinja wants a set

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _cut(rendered: str) -> PromptPlan | None:
    """Cut at the two marks, if each occurs once and in order."""
    static, *rest = rendered.split(_CONTEXT)
    if len(rest) != 1:
        return None
    separator, *rest = rest[0].split(_USER)
    if len(rest) != 1:
        return None
    return PromptPlan(static, separator, rest[0])


def _unusable(why: str) -> GGUFError:
    why = why.rstrip(".")
    return GGUFError(
        f"The model's chat template cannot be used: {why}. Choose another build of the model."
    )


def _to_json(value: object, indent: int | None = None) -> str:
    """Jinja's own ``tojson`` escapes HTML, which no model expects."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)
