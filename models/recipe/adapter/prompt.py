"""Conversations as the tokens that the product sends, and which of them are the replies."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.generate.prompt import ChatTemplate
from assistant.generate.vocabulary import Vocabulary
from assistant.generate.words import as_words


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: the context line, what was said and the reply."""

    context: str
    user: str
    reply: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Exchanges, each of which stands in the context of the later ones."""

    instruction: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A conversation as tokens; ``is_reply`` marks what is learned, the end of turn with it."""

    ids: list[int]
    is_reply: list[bool]


class Renderer:
    """Renders conversations for one model, token by token as ``LlamaSession`` does."""

    def __init__(self, words: Vocabulary) -> None:
        gguf = words.gguf
        self._tokenize = words.model.tokenize
        self._template = ChatTemplate(gguf.chat_template, bos=gguf.bos, eos=gguf.eos)
        self._eos = gguf.eos or ""

    def render(self, conversation: Conversation) -> Tokens:
        """The whole conversation; a later turn follows the end of the reply before it."""
        plan = self._template.plan(conversation.instruction)
        ids = self._tokenize(plan.static, special=True)
        is_reply = [False] * len(ids)
        # the template's text between a reply and the next user's words
        opening = plan.static.rpartition(self._eos)[2]
        for number, turn in enumerate(conversation.turns):
            asked: list[int] = []
            if number:
                asked += self._tokenize(opening, special=True)
            asked += self._tokenize(plan.before_user(turn.context), special=False)
            asked += self._tokenize(as_words(turn.user), special=False)
            asked += self._tokenize(plan.after_user, special=True)
            answered = self._tokenize(turn.reply, special=False)
            answered += self._tokenize(self._eos, special=True)
            ids += asked + answered
            is_reply += [False] * len(asked) + [True] * len(answered)
        return Tokens(ids, is_reply)
