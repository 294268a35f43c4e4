"""The LLM in PyTorch, from the same weights, for the methods that train through it.

The product never needs this: EmbedLink takes rows of a GGUF, and llama.cpp answers. The paper's
baselines do, so here is the twin: a Hugging Face folder, or the GGUF itself dequantised by
transformers.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from assistant.config import INSTRUCTION
from assistant.generate.prompt import ChatTemplate
from assistant.generate.vocabulary import Vocabulary
from assistant.personalise.judging.score import MOMENT

IGNORED = -100
"""Label of what is not learned, as ``cross_entropy`` has it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The product's prompt as tokens: what stands before and after the user's words."""

    before: tuple[int, ...]  # the instruction and the context line
    after: tuple[int, ...]  # the assistant's header
    end: int  # what the model says when it has done

    @classmethod
    def of(cls, language: Vocabulary, instruction: str = INSTRUCTION) -> Prompt:
        """The prompt that a turn has."""
        gguf, model = language.gguf, language.model
        plan = ChatTemplate(gguf.chat_template, bos=gguf.bos, eos=gguf.eos).plan(instruction)
        static = model.tokenize(plan.static, special=True)
        if model.bos is not None and static[:1] != [model.bos]:
            static = [model.bos, *static]
        context = model.tokenize(plan.before_user(MOMENT.line()), special=False)
        end = cast("int", gguf.get("tokenizer.ggml.eos_token_id"))
        return cls((*static, *context), tuple(model.tokenize(plan.after_user, special=True)), end)


class Twin:
    """A causal language model that takes embeddings and can be trained.

    Args:
        model: any causal language model of transformers.
        prompt: what stands around the user's words.
    """

    def __init__(self, model: Any, prompt: Prompt) -> None:
        self.model = model
        self.prompt = prompt
        self._prefix: Any = None  # keys and values of what stands before, while nothing changes

    def freeze(self) -> None:
        """Train nothing of the LLM; what stands before the user's words is computed once."""
        self.model.requires_grad_(requires_grad=False)
        with torch.no_grad():
            before = self._rows(self.prompt.before)[None]
            self._prefix = self.model(inputs_embeds=before, use_cache=True).past_key_values

    def loss(self, spoken: Sequence[Tensor], replies: Sequence[Sequence[int]]) -> Tensor:
        """Cross-entropy of replies, given the user's words as embeddings.

        Args:
            spoken: per utterance (n_rows, llm_dim).
            replies: tokens of the replies to the true texts.
        """
        after = self._rows(self.prompt.after)
        head = [] if self._prefix is not None else [self._rows(self.prompt.before)]
        rows: list[Tensor] = []
        labels: list[Tensor] = []
        for said, reply in zip(spoken, replies, strict=True):
            tokens = [*reply, self.prompt.end]
            given = torch.cat([*head, said.to(after.dtype), after, self._rows(tokens[:-1])])
            wanted = torch.full((len(given),), IGNORED)
            wanted[-len(tokens) :] = torch.tensor(tokens)
            rows.append(given)
            labels.append(wanted)
        return self._cross_entropy(rows, labels)

    def _cross_entropy(self, rows: list[Tensor], labels: list[Tensor]) -> Tensor:
        lengths = torch.tensor([len(each) for each in rows])
        inside = torch.arange(int(lengths.max())) < lengths[:, None]
        past, mask = None, inside
        if self._prefix is not None:
            past = copy.deepcopy(self._prefix)
            past.batch_repeat_interleave(len(rows))
            mask = torch.cat([torch.ones(len(rows), len(self.prompt.before)).bool(), inside], 1)
        logits = self.model(
            inputs_embeds=pad_sequence(rows, batch_first=True),
            attention_mask=mask.long(),
            past_key_values=past,
            use_cache=past is not None,
        ).logits
        wanted = pad_sequence(labels, batch_first=True, padding_value=IGNORED)
        return functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten())

    @torch.inference_mode()
    def reply(self, *pieces: Sequence[int] | Tensor, most: int = 96, seed: int = 0) -> list[int]:
        """Tokens that follow some pieces, sampled as the product does it.

        Args:
            pieces: tokens, or embeddings (n_rows, llm_dim).
            most: longest reply.
            seed: of the sampling.
        """
        rows = torch.cat(
            [each if isinstance(each, Tensor) else self._rows(each) for each in pieces]
        )
        torch.manual_seed(seed)
        given = self.model.generate(
            inputs_embeds=rows[None],
            attention_mask=torch.ones(1, len(rows), dtype=torch.long),
            max_new_tokens=most,
            do_sample=True,
            temperature=0.1,
            top_k=50,
            top_p=1.0,
            eos_token_id=self.prompt.end,
            pad_token_id=self.prompt.end,
        )
        return [token for token in given[0].tolist() if token != self.prompt.end]

    def _rows(self, tokens: Sequence[int]) -> Tensor:
        return self.model.get_input_embeddings()(torch.tensor(list(tokens), dtype=torch.long))


def load(gguf: Path, folder: Path | None) -> Any:
    """A model of transformers.

    Args:
        gguf: the file that llama.cpp answers from.
        folder: a Hugging Face folder with the same weights; none: they are taken from the GGUF.
    """
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - slow to import
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where: dict[str, Any] = {"pretrained_model_name_or_path": folder}
    if folder is None:
        where = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transformers about itself
        model = AutoModelForCausalLM.from_pretrained(
            **where, dtype=torch.float32, local_files_only=True
        )
    return cast("nn.Module", model).eval()
