"""What a language model thinks before it answers, and other marks that are no part of a reply.

Models of reasoning write their thoughts between marks, each family its own: as control tokens, as
one token of text, or letter by letter. Some chat templates open the thought themselves. A mark that
ends a turn, written out as text, ends the reply: what follows is a talk that nobody had.
"""

from __future__ import annotations

import re

_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "analysis",
    "inner_monologue", "seed:think",
)  # fmt: skip
_THOUGHTS = {f"<{tag}>": f"</{tag}>" for tag in _TAGS} | {
    "[THINK]": "[/THINK]",  # Magistral
    "\u25c1think\u25b7": "\u25c1/think\u25b7",  # Kimi
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|START_THINKING|>": "<|END_THINKING|>",  # Command A
    "<|inner_prefix|>": "<|inner_suffix|>",  # Apertus
    "<|channel>thought": "<channel|>",  # Gemma 4
    "<unused94>thought": "<unused95>",  # MedGemma
    # gpt-oss
    "<|channel|>analysis<|message|>": "<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|channel|>commentary<|message|>": "<|end|><|start|>assistant<|channel|>final<|message|>",
}
"""What opens a thought, and what closes it."""

_OPENING = {mark.lower(): closing for mark, closing in _THOUGHTS.items()}
_CLOSING = {*map(str.lower, _THOUGHTS.values()), "<|channel|>final<|message|>"}
_ENDING = {
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|start_header_id|>",
    "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|user|>", "<|return|>", "<|end_of_turn|>",
    "<start_of_turn>", "<end_of_turn>", "</s>", "[inst]", "[/inst]", "<|start_of_turn_token|>",
    "<|end_of_turn_token|>",
}  # fmt: skip
_HEADERS = {
    "<|im_start|>assistant\n", "<start_of_turn>model\n", "<|assistant|>", "<s>",
    "<|start_header_id|>assistant<|end_header_id|>",
}  # fmt: skip
_NOTHING = {f"<{slash}{tag}>" for tag in ("answer", "response", "output") for slash in ("", "/")}
_MARKS = {*_OPENING, *_CLOSING, *_ENDING, *_HEADERS, *_NOTHING}
_OTHER = re.compile(r"<\|[\w ./:-]{1,32}\|>")
_OTHER_BEGUN = re.compile(r"<(?:\|(?:[\w ./:-]{1,32}\|?)?)?")
_FIRST = re.compile(r"[<\[\u25c1]")

CONTROLS = {*_OPENING, *_CLOSING, "<|channel|>", "<|message|>", "<|channel>", "<unused94>"}
"""Control tokens that are read as text here, because they say what is a thought."""


class Thoughts:
    """Lets a reply through without what the model thinks.

    Args:
        header: the end of the prompt, in which a thought may have been opened.
    """

    def __init__(self, header: str = "") -> None:
        self.closing = ""
        self.ended = False  # the turn's end was written out
        self._held = ""  # may become a mark
        self._begun = False  # something of the reply was let through
        self.heard(header)
        self._held, self.ended, self._begun = "", False, False

    @property
    def thinking(self) -> bool:
        """Whether a thought is open; what closes it is ``closing``."""
        return bool(self.closing)

    def heard(self, text: str) -> str:
        """What of a text that comes next belongs to the reply; what may be a mark is held back."""
        self._held += text
        passed = ""
        while self._held and not self.ended:
            start = _FIRST.search(self._held)
            before = self._held[: start.start()] if start else self._held
            passed += self._let_through(before)
            self._held = self._held[len(before) :]
            if not self._held or self._may_become_a_mark():
                break
            mark = self._mark()
            if mark:
                self._heed(mark)
            else:
                passed += self._let_through(self._held[0])
            self._held = self._held[len(mark) or 1 :]
        return passed

    def rest(self) -> str:
        """What was held back at the end of a reply, in which nothing can become a mark."""
        held, self._held = self._held, ""
        return "" if self.ended else self._let_through(held)

    def _let_through(self, text: str) -> str:
        if self.thinking:
            return ""
        self._begun = self._begun or bool(text.strip())
        return text

    def _may_become_a_mark(self) -> bool:
        held = self._held.lower()
        return bool(_OTHER_BEGUN.fullmatch(held)) or any(
            mark.startswith(held) and mark != held for mark in _MARKS
        )

    def _mark(self) -> str:
        held = self._held.lower()
        known = max((mark for mark in _MARKS if held.startswith(mark)), key=len, default="")
        other = _OTHER.match(held)
        return known or (other[0] if other else "")

    def _heed(self, mark: str) -> None:
        if mark in _OPENING:
            self.closing = _OPENING[mark]
        elif mark in _CLOSING:
            self.closing = ""
        elif mark in _ENDING and self._begun and not self.thinking:
            self.ended = True
