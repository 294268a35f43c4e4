from __future__ import annotations

import pytest

from assistant.generate.reasoning import Thoughts
from assistant.values import StopReason
from tests.generate.asking import A, B, C, ask
from tests.generate.toys import CHATML, IM_END, NEWLINE, SPECIALS, Load, Toy, chained

FAMILIES = {
    "Qwen, DeepSeek": "<think>Is it? a < b, <b>5</b> [1].</think>\n\nYes.",
    "in capitals": "<THINK>Is it?</THINK>\n\nYes.",
    "prompted": "<thinking>Is it?</thinking><answer>Yes.</answer>",
    "Magistral": "[THINK]Is it?[/THINK]Yes.",
    "Kimi": "\u25c1think\u25b7Is it?\u25c1/think\u25b7Yes.",
    "Seed": "<seed:think>Is it?</seed:think>Yes.",
    "Command A": "<|START_THINKING|>Is it?<|END_THINKING|><|START_RESPONSE|>Yes.<|END_RESPONSE|>",
    "Apertus": "<|inner_prefix|>Is it?<|inner_suffix|>Yes.",
    "Gemma 4": "<|channel>thought\nIs it?\n<channel|>Yes.",
    "gpt-oss": "<|channel|>analysis<|message|>Is it?<|end|><|start|>assistant"
    "<|channel|>final<|message|>Yes.<|return|>",
    "twice": "<think>Is it?</think>Yes<think>Sure?</think>.",
    "never shut": "Yes.<think>Is it?",
    "ended in text": "Yes.<|im_end|>\n<|im_start|>user\nAnd you?",
    "ended in Llama 2's": "Yes.</s>[INST] And you? [/INST]",
    "a header": "<|im_start|>assistant\nYes.",
    "others": "<|python_tag|>Yes.",
}


def heard(text: str, n: int, header: str = "") -> str:
    """A reply that arrives in pieces of this length."""
    thoughts = Thoughts(header)
    pieces = [thoughts.heard(text[i : i + n]) for i in range(0, len(text), n)]
    return "".join(pieces) + thoughts.rest()


@pytest.mark.parametrize("n", [1, 2, 3, 7, 1_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_thought_and_no_mark_is_part_of_the_reply(family: str, n: int) -> None:
    assert heard(FAMILIES[family], n).strip() == "Yes."


@pytest.mark.parametrize("n", [1, 3, 1_000])
@pytest.mark.parametrize(
    "text",
    ["I <3 you [and] <b>her</b>.", "a < b", "Open <", "See [1", "<thin ice>", "x <|im_e", "1 << 2"],
)
def test_what_only_looks_like_a_mark_stays(text: str, n: int) -> None:
    assert heard(text, n) == text


def test_a_template_may_open_the_thought_itself() -> None:
    header = "<|im_end|>\n<|im_start|>assistant\n<think>\n"
    assert heard("Is it?\n</think>\n\nYes.", 3, header).strip() == "Yes."
    assert heard("Yes.", 3, f"{header}\n</think>\n\n") == "Yes."


def test_what_may_become_a_mark_is_held_back_and_nothing_else() -> None:
    thoughts = Thoughts()
    assert [thoughts.heard(piece) for piece in ("Yes ", "<", "th", "e")] == ["Yes ", "", "", "<the"]
    assert not thoughts.thinking
    thoughts.heard(" <think")
    assert not thoughts.thinking
    thoughts.heard(">")
    assert (thoughts.thinking, thoughts.closing) == (True, "</think>")


# With a model whose marks are control tokens

MARKS = ("<think>", "</think>")
N_BEFORE = IM_END + 1
OPEN, SHUT = N_BEFORE, N_BEFORE + 1


def thinker(*tokens: int, template: str = CHATML) -> Toy:
    toy = chained(*tokens)
    return Toy(n_embd=toy.n_embd, chain=toy.chain, specials=(*SPECIALS, *MARKS), template=template)


def test_control_tokens_that_mark_thoughts_are_heeded(load: Load) -> None:
    stream = ask(load(thinker(OPEN, A, B, SHUT, *b"Yes.", IM_END), max_tokens=20))
    assert list(stream) == ["", "", "", "Y", "e", "s", "."]
    assert stream.stats.stop_reason is StopReason.END_OF_TURN
    assert stream.stats.reply_tokens == 8


def test_what_is_thought_does_not_count_against_the_limit(load: Load) -> None:
    letters = range(ord("b"), ord("z"))
    stream = ask(load(thinker(OPEN, *letters, SHUT, *b"A1.Y"), max_tokens=3))
    assert "".join(stream) == "A1."
    assert stream.stats.stop_reason is StopReason.MAX_TOKENS


def test_a_thought_opened_by_the_template_is_none_of_the_reply(load: Load) -> None:
    template = CHATML.replace("assistant\n", "assistant\n<think>")
    assert template != CHATML
    toy = Toy(
        n_embd=320,
        chain=(OPEN, A, B, SHUT, *b"Yes.", IM_END),
        specials=(*SPECIALS, *MARKS),
        template=template,
    )
    assert "".join(ask(load(toy, max_tokens=20))) == "Yes."


def test_an_endless_thought_leaves_half_of_the_context_for_the_reply(load: Load) -> None:
    toy = Toy(  # "\n" and the closing mark go on to the reply
        n_embd=320,
        chain=(NEWLINE, OPEN, A, B, C, A),
        specials=(*SPECIALS, *MARKS),
    )
    stream = ask(load(toy, n_ctx=128, max_tokens=8))
    pieces = list(stream)
    assert stream.stats.stop_reason in (StopReason.MAX_TOKENS, StopReason.END_OF_TURN)
    assert 20 < pieces.count("") < 70


def test_a_reply_can_be_ended_from_outside(load: Load) -> None:
    stream = ask(load(chained(A, B, A), max_tokens=400))
    assert next(stream) == "a"
    stream.end(StopReason.REPEATED)
    assert list(stream) == []
    assert stream.stats.stop_reason is StopReason.REPEATED
    assert stream.stats.reply_tokens == 1
