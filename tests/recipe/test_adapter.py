"""The adapter's recipe: what it learns from, in which form, and what it writes."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import yaml

from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from assistant.generate.vocabulary import vocabulary
from assistant.household.household import Household
from assistant.journal.store import Journal
from assistant.skills.desk import Desk
from assistant.skills.guard import checked
from assistant.speak.sentences import sentences
from assistant.spoken import said_words
from models.recipe.adapter.examples import SKILLS_OWN, Shares, conversations, written
from models.recipe.adapter.lowrank import adapted, matrices, start, write
from models.recipe.adapter.prompt import Conversation, Renderer, Turn
from models.recipe.dialogues import held_out
from tests.generate import toys
from tests.generate.asking import logits_after

BENCH = Path(__file__).parents[2] / "bench"
RECIPE = Path(__file__).parents[2] / "models/recipe/adapter"
CONTEXT = "It is noon."


@pytest.fixture(scope="module")
def learned() -> tuple[list[Conversation], list[Conversation]]:
    return conversations(random.Random(1), Shares(), None)


def turns(every: list[Conversation]) -> list[Turn]:
    return [turn for conversation in every for turn in conversation.turns]


def test_llama_cpp_computes_with_the_adapter_what_was_trained(tmp_path: Path) -> None:
    base = toys.write(tmp_path / "toy.gguf", toys.Toy())
    torch.manual_seed(1)
    model = adapted(base, 4, 8.0, torch.float32)
    for name, value in matrices(model).items():
        if name.endswith("up"):
            torch.nn.init.normal_(value, std=0.3)
    write(tmp_path / "adapter.gguf", model, base, 8.0)
    again = adapted(base, 4, 8.0, torch.float32)
    start(again, tmp_path / "adapter.gguf")
    for name, value in matrices(again).items():
        assert torch.allclose(value, matrices(model)[name], atol=1e-3)
    asked = [1, 5, 9, 60, 61, 62, 70]
    found: dict[str, np.ndarray[Any, Any]] = {}
    for adapter in ("", tmp_path / "adapter.gguf"):
        with LlamaSession(toys.settings(base, adapter=adapter)) as session:
            prefix = session.tokenize(session._prompts._plan.static, special=True)
            found[str(bool(adapter))] = logits_after(session, asked)
    with torch.no_grad():
        expected = model(torch.tensor([prefix + asked])).logits[0, -1].numpy()
    assert np.abs(found["True"] - expected).max() < 0.02 * np.abs(expected).max()
    assert np.abs(found["False"] - expected).max() > 0.2 * np.abs(expected).max()


def test_a_prompt_is_what_the_product_sends(tmp_path: Path) -> None:
    base = toys.write(tmp_path / "toy.gguf", toys.chained(*b"ab", toys.IM_END))
    with LlamaSession(toys.settings(base)) as session:
        stream = session.reply(session.words("hello you"), CONTEXT, cancel=threading.Event())
        reply = "".join(stream)
        static = session.tokenize(session._prompts._plan.static, special=True)
    with vocabulary(base) as words:
        once = Renderer(words).render(
            Conversation("Be kind.", (Turn(CONTEXT, "hello you", reply),))
        )
        twice = Renderer(words).render(
            Conversation("Be kind.", (Turn(CONTEXT, "hello you", reply), Turn("", "why", "so")))
        )
    stats = stream.stats
    sent = len(static) + stats.context_tokens + stats.user_tokens + stats.header_tokens
    assert once.ids[: len(static)] == static
    assert once.is_reply.index(True) == sent
    assert once.is_reply[sent:] == [True] * (stats.reply_tokens + 1)
    assert once.ids[-1] == toys.IM_END
    # what was said before stays as it was, token by token
    assert twice.ids[: len(once.ids)] == once.ids
    assert twice.ids[len(once.ids) : len(once.ids) + 2] == [toys.NEWLINE, toys.IM_START]


def test_nothing_that_it_is_judged_on_is_learned(
    learned: tuple[list[Conversation], list[Conversation]],
) -> None:
    said = {said_words(turn.user) for turn in turns(learned[0])}
    distress = cast("dict[str, Any]", yaml.safe_load((BENCH / "distress.yaml").read_text()))
    facts = cast("dict[str, Any]", yaml.safe_load((BENCH / "facts.yaml").read_text()))
    judged = {text for group in distress["groups"].values() for text in group["said"]}
    assert len(judged) == 100
    assert not said & facts.keys()
    assert said & judged <= SAID_BY_EVERYBODY
    kept = {said_words(conversation.turns[0].user) for conversation in learned[1]}
    assert all(map(held_out, kept))
    assert not said & kept


SAID_BY_EVERYBODY = {"i don't know where i am"}
"""Too plain to be said otherwise."""


def test_no_learned_reply_would_be_stopped_by_the_guard(
    learned: tuple[list[Conversation], list[Conversation]],
) -> None:
    stopped = {
        sentence
        for turn in turns(learned[0])
        for sentence in sentences([turn.reply])
        if checked(sentence) != sentence
    }
    assert stopped == set()


def test_what_code_answers_is_not_learned(
    learned: tuple[list[Conversation], list[Conversation]],
) -> None:
    assert {"time", "reminders", "my_name", "alarm", "help"} <= SKILLS_OWN
    said = [said_words(turn.user) for turn in turns(learned[0])]
    assert "what time is it" not in said
    assert not [text for text in said if "my name" in text and text.startswith("what")]


def test_no_skill_answers_the_talk_that_was_written_for_the_model(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        desk = Desk(Household.of(journal))
        said = [
            line.partition(" | ")[0]
            for name in ("remarks", "questions")
            for line in cast("list[str]", yaml.safe_load((RECIPE / f"{name}.yaml").read_text()))
        ]
        assert len(said) > 1_500
        assert not [text for text in said if desk.urgent(text) or desk.answer(text)]


def test_words_are_written_as_recognisers_do() -> None:
    assert written("what do i do") == "What do I do?"
    assert written("i'm sad") == "I'm sad."


def test_the_base_is_named(tmp_path: Path) -> None:
    base = toys.write(tmp_path / "toy.gguf", toys.Toy())
    write(tmp_path / "adapter.gguf", adapted(base, 2, 4.0), base, 4.0)
    with LlamaSession(toys.settings(base, adapter=tmp_path / "adapter.gguf")) as session:
        assert session.gguf.embedding_fingerprint == GGUFFile(base).embedding_fingerprint
    other = toys.write(tmp_path / "other.gguf", toys.Toy(seed=1))
    with pytest.raises(Exception, match="was made for another model"):
        LlamaSession(toys.settings(other, adapter=tmp_path / "adapter.gguf"))
