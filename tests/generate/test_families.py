from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from transformers.utils import chat_template_utils

from assistant.generate.gguf import GGUFFile
from assistant.generate.native import Model
from assistant.generate.prompt import ChatTemplate
from assistant.generate.words import as_words
from tests.generate.asking import logits_after
from tests.generate.families import FAMILIES
from tests.generate.toys import SPECIALS, Load, Toy, write

INSTRUCTION = "Be kind.\nSay <b>little</b> & 'no more'."
CONTEXT = "It is noon. The user is Anna."
WORDS = as_words("hello you, the inn")
NO_SYSTEM_ROLE = {"gemma-2"}
NO_THOUGHT = "<think>\n\n</think>\n\n"

_reference: Any = chat_template_utils  # transformers' own, of which the types are looser


def reference(family: str, said: str | None = None) -> str:
    """The prompt of one turn, or of another one after a reply, as transformers renders it."""
    toy = FAMILIES[family].toy
    user = f"{CONTEXT}\n{WORDS}"
    messages = [{"role": "user", "content": user}]
    if family in NO_SYSTEM_ROLE:
        messages[0]["content"] = f"{INSTRUCTION}\n\n{user}"
    else:
        messages.insert(0, {"role": "system", "content": INSTRUCTION})
    if said is not None:
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": user}]
    rendered, _ = _reference.render_jinja_template(
        [messages],
        chat_template=toy.template,
        add_generation_prompt=True,
        enable_thinking=False,
        bos_token=toy.bos,
        eos_token=toy.eos,
    )
    return cast("str", rendered[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_is_what_the_reference_renders(tmp_path: Path, family: str) -> None:
    gguf = GGUFFile(write(tmp_path / "toy.gguf", FAMILIES[family].toy))
    template = ChatTemplate(gguf.chat_template, bos=gguf.bos, eos=gguf.eos)

    before = reference(family)
    plan = template.plan(INSTRUCTION)
    after = reference(family)

    whole = plan.static + plan.before_user(CONTEXT) + WORDS + plan.after_user
    assert whole in (before, after)  # some write today's date
    assert INSTRUCTION in plan.static


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_after_a_reply_is_what_the_reference_renders(tmp_path: Path, family: str) -> None:
    path = write(tmp_path / "toy.gguf", FAMILIES[family].toy)
    gguf, model = GGUFFile(path), Model(path, vocab_only=True)
    before = reference(family, "You too.")
    plan = ChatTemplate(gguf.chat_template, bos=gguf.bos, eos=gguf.eos).plan(INSTRUCTION)
    after = reference(family, "You too.")

    assert plan.between is not None
    turn = plan.before_user(CONTEXT) + WORDS + plan.after_user
    whole = plan.static + turn + "You too." + plan.between + turn
    past = whole.replace(f"{NO_THOUGHT}You", "You")  # which the reference leaves out of a reply
    assert past in (before, after)
    pieces = [
        *model.tokenize("You too.", special=False),
        *model.tokenize(plan.between, special=True),
        *model.tokenize(plan.before_user(CONTEXT), special=False),
    ]
    tail = "You too." + plan.between + plan.before_user(CONTEXT)
    assert pieces == model.tokenize(tail, special=True)
    model.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_in_pieces_has_the_tokens_of_the_whole(tmp_path: Path, family: str) -> None:
    path = write(tmp_path / "toy.gguf", FAMILIES[family].toy)
    gguf, model = GGUFFile(path), Model(path, vocab_only=True)
    plan = ChatTemplate(gguf.chat_template, bos=gguf.bos, eos=gguf.eos).plan(INSTRUCTION)

    pieces = [
        *model.tokenize(plan.static, special=True),
        *model.tokenize(plan.before_user(CONTEXT), special=False),
        *model.tokenize(WORDS, special=False),
        *model.tokenize(plan.after_user, special=True),
    ]

    whole = plan.static + plan.before_user(CONTEXT) + WORDS + plan.after_user
    assert pieces == model.tokenize(whole, special=True)
    model.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_ends_with_the_familys_tokens_only(tmp_path: Path, family: str) -> None:
    path = write(tmp_path / "toy.gguf", FAMILIES[family].toy)
    model = Model(path, vocab_only=True)
    tokens = GGUFFile(path).tokens()

    ending = {token for number, token in enumerate(tokens) if model.ends_turn(number)}

    assert ending == set(FAMILIES[family].ends)
    assert FAMILIES[family].toy.eos in ending
    assert ending.isdisjoint(FAMILIES[family].goes_on)
    model.close()


@pytest.mark.parametrize("key", ["eot", "eom"])
def test_a_token_that_only_the_metadata_names_ends_a_turn(tmp_path: Path, key: str) -> None:
    over = Toy(specials=(*SPECIALS, "<|over|>"))
    named, unnamed = (
        Model(write(tmp_path / f"{number}.gguf", toy), vocab_only=True)
        for number, toy in enumerate((replace(over, **{key: "<|over|>"}), over))
    )

    assert named.ends_turn(len(over.tokens) - 1)
    assert not unnamed.ends_turn(len(over.tokens) - 1)
    named.close()
    unnamed.close()


# Which keys and tensors a family may lack in a GGUF; without one it computes something else.
@pytest.mark.parametrize(
    ("family", "feature"),
    [
        ("llama-3.2", "rope_freqs.weight"),
        ("gemma-2", "attn_logit_softcapping"),
        ("gemma-2", "final_logit_softcapping"),
        ("gemma-2", "attention.sliding_window"),
        ("gemma-3", "attention.sliding_window"),
        ("gemma-3", "rope.freq_base_swa"),
        ("phi-3.5", "rope_factors_long.weight"),
        ("phi-3.5", "rope.scaling.original_context_length"),
        ("stablelm-2", "rope.dimension_count"),
        ("stablelm-2", "blk.0.attn_q.bias"),
        ("stablelm-2-12b", "blk.0.attn_q_norm.weight"),
        ("qwen-2.5", "blk.0.attn_v.bias"),
        ("granite-3.3", "embedding_scale"),
        ("granite-3.3", "residual_scale"),
        ("granite-3.3", "attention.scale"),
    ],
)
def test_what_sets_a_family_apart_is_computed(load: Load, family: str, feature: str) -> None:
    toy = FAMILIES[family].toy
    with_it, without = load(toy), load(replace(toy, without=feature))
    tokens = with_it.tokenize("hello you, the inn " * 4, special=False)

    assert not np.array_equal(logits_after(with_it, tokens), logits_after(without, tokens))


def test_phi_turns_its_heads_otherwise_in_a_long_context(load: Load) -> None:
    toy = FAMILIES["phi-3.5"].toy
    long, short = load(toy, n_ctx=512), load(toy, n_ctx=256)
    tokens = long.tokenize("hello you", special=False)

    assert short.probe.difference == 0
    assert not np.array_equal(logits_after(long, tokens), logits_after(short, tokens))
