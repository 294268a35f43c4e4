from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from assistant.errors import GenerationError
from tests.generate.asking import A, ask, logits_after, soft
from tests.generate.families import FAMILIES
from tests.generate.toys import EOS, IM_END, Load, Toy, chained

# What a turn costs


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gemma3", "lfm2"])
def test_a_turn_decodes_context_user_and_header_only(load: Load, architecture: str) -> None:
    session = load(Toy(architecture), instruction="Be kind. " * 20)
    users = ("hello", soft(session, "hello you"), "the end")

    for context, user in zip(("It is noon.", "It is one.", "It is two."), users, strict=True):
        stream = ask(session, user, context)
        list(stream)
        stats = stream.stats
        text = user if isinstance(user, str) else user.heard
        assert stats.context_tokens == len(session.tokenize(context + "\n", special=False))
        assert stats.user_tokens == len(session.tokenize(text, special=False))
        assert stats.header_tokens == len(
            session.tokenize("<|im_end|>\n<|im_start|>assistant\n", special=True)
        )
        assert stats.prompt_tokens_decoded == (
            stats.context_tokens + stats.user_tokens + stats.header_tokens
        )
        assert stats.reused_prefix_tokens == len(
            session.tokenize(
                "<|im_start|>system\n"
                + ("Be kind. " * 20).strip()
                + "<|im_end|>\n<|im_start|>user\n",
                special=True,
            )
        )


def test_stats_come_after_the_end_only(load: Load) -> None:
    stream = ask(load(chained(A, IM_END)))

    with pytest.raises(RuntimeError, match="not ended"):
        _ = stream.stats
    assert list(stream) == ["a"]
    stats = stream.stats
    assert stats.reply_tokens == 1
    assert stats.first_token_ms is not None
    assert 0 < stats.prefill_ms <= stats.first_token_ms <= stats.total_ms
    assert list(stream) == []
    assert stream.stats is stats


# The kept instruction


@pytest.mark.parametrize("family", FAMILIES)
def test_going_back_to_the_instruction_is_exact(load: Load, family: str) -> None:
    toy = FAMILIES[family].toy
    session = load(toy, max_tokens=40)
    turn = session.tokenize("hello you", special=False)
    fresh = logits_after(session, turn)

    for words in ("the inn", "hello hello hello", "you"):
        list(ask(session, words, "It is noon."))
        list(ask(session, soft(session, words)))

    assert np.array_equal(logits_after(session, turn), fresh)
    session.set_instruction("Be brief.")
    brief = logits_after(session, turn)
    list(ask(session))
    session.set_instruction("Be kind.")
    assert np.array_equal(logits_after(session, turn), fresh)
    assert np.array_equal(logits_after(load(toy), turn), fresh)
    assert np.array_equal(logits_after(load(toy, instruction="Be brief."), turn), brief)
    assert not np.array_equal(brief, fresh)


def test_a_memory_that_cannot_be_cut_is_kept_as_a_snapshot(load: Load) -> None:
    hybrid, plain = load(Toy("lfm2")), load(Toy("llama"))

    assert not hybrid._context.keep(3)
    assert list(hybrid._cache._snapshots) == [len(hybrid._prompts.instruction)]
    assert plain._context.keep(3)
    assert not plain._cache._snapshots


def test_the_instruction_makes_a_difference(load: Load) -> None:
    session = load(Toy(), instruction="Be kind.")
    kind = logits_after(session, [A])

    session.set_instruction("Be brief.")
    brief = logits_after(session, [A])

    assert not np.array_equal(kind, brief)
    assert np.array_equal(logits_after(load(Toy(), instruction="Be brief."), [A]), brief)
    session.set_instruction("Be kind.")
    assert np.array_equal(logits_after(session, [A]), kind)


def test_a_new_instruction_is_decoded_before_the_next_turn(load: Load) -> None:
    session = load(Toy())
    session.set_instruction("Be brief, and kind.")
    stream = ask(session)
    list(stream)

    stats = stream.stats
    assert stats.prompt_tokens_decoded == stats.user_tokens + stats.header_tokens
    assert stats.reused_prefix_tokens > len("Be brief, and kind.") / 2


def test_an_instruction_that_does_not_fit_leaves_the_old_one(load: Load) -> None:
    session = load(Toy(), n_ctx=128)
    before = logits_after(session, [A])

    with pytest.raises(GenerationError, match=r"together may take 128.*shorten the instruction"):
        session.set_instruction("q" * 200)

    assert np.array_equal(logits_after(session, [A]), before)


def test_a_date_in_the_template_is_renewed(load: Load) -> None:
    # Microseconds: every rendering differs, as the date does after midnight, which is now.
    dated = "{{ strftime_now('%H%M%S%f') }} {{ messages[0].content }}:{{ messages[1].content }}\n"
    session = load(Toy(template=dated))
    session._prompts._planned_on -= timedelta(days=1)
    stream = ask(session)
    list(stream)

    assert stream.stats.reused_prefix_tokens == 0
    assert stream.stats.prompt_tokens_decoded > stream.stats.user_tokens + 20


def test_the_first_token_is_there_once(load: Load) -> None:
    plain = load(Toy(add_bos=True))
    written_out = load(Toy(add_bos=True, template="{{ bos_token }}" + (Toy().template or "")))
    none = load(Toy(add_bos=False))

    first, rest = plain._prompts.instruction.tolist(), none._prompts.instruction.tolist()
    assert first == [EOS, *rest]
    assert written_out._prompts.instruction.tolist() == first
