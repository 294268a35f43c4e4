"""Whisper's tokens: the prompt before a text, and how tokens make up words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from assistant.errors import EncoderError

_SPACE_T = ("\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}", "t")
"""A space and a t, in the alphabet of the tokeniser: the first merge of Whisper's tokens."""

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")


class Tokens:
    """The tokeniser of a Whisper folder.

    Args:
        folder: with ``tokenizer.json``.
        multilingual: whether the model was trained on more than English.

    Raises:
        EncoderError: if the file is missing or damaged.
    """

    def __init__(self, folder: Path, *, multilingual: bool) -> None:
        path = folder / "tokenizer.json"
        try:
            self._tokenizer = _mended(Tokenizer.from_file(str(path)))
        except Exception as error:  # noqa: BLE001 - the library raises bare exceptions
            first_line = str(error).partition("\n")[0].rstrip(".")
            raise EncoderError(
                f"The speech recogniser's {path} is missing or damaged ({first_line}). Fetch the "
                "folder again."
            ) from None
        self._folder = folder
        self.count: int = self._tokenizer.get_vocab_size()
        self._multilingual = multilingual
        self.end = self._special("<|endoftext|>")
        self.no_speech = self._either(("<|nospeech|>", "<|nocaptions|>"))
        self._previous = self._special("<|startofprev|>")

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of all languages that the model writes down."""
        if not self._multilingual:
            return ("en",)
        codes = (_LANGUAGE.fullmatch(token) for token in self._tokenizer.get_vocab())
        return tuple(sorted(code[1] for code in codes if code is not None))

    def start(self, language: str) -> list[int]:
        """The tokens before a transcript in a language such as ``en``.

        Raises:
            EncoderError: if the model does not know the language.
        """
        start = [self._special("<|startoftranscript|>")]
        if self._multilingual:
            code: int | None = self._tokenizer.token_to_id(f"<|{language}|>")
            if code is None:
                raise EncoderError(
                    f"The speech recogniser in {self._folder} does not know the language "
                    f"{language!r}. Set encode.language to a code such as 'en', or to 'auto'."
                )
            start += [code, self._special("<|transcribe|>")]
        elif language not in ("en", "auto"):
            raise EncoderError(
                f"The speech recogniser in {self._folder} only knows English. Set encode.language "
                "to 'en', or encode.path to a multilingual one: 'assistant models list'."
            )
        return [*start, self._special("<|notimestamps|>")]

    def expecting(self, words: Sequence[str], longest: int) -> list[int]:
        """At most ``longest`` tokens before ``start`` for expected words; the last ones fit."""
        if not words:
            return []
        return [self._previous, *self.of(f"{', '.join(words)}.")[-(longest - 1) :]]

    def of(self, text: str) -> list[int]:
        """The tokens of a text that begins a transcript, without special ones."""
        return self._tokenizer.encode(f" {text}", add_special_tokens=False).ids

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones."""
        return self._tokenizer.decode([each for each in tokens if each < self.end])

    def words(self, tokens: Sequence[int]) -> Iterator[tuple[int, int]]:
        """First and end token of each word; words begin with a space."""
        first = 0
        for at in range(1, len(tokens) + 1):
            if at == len(tokens) or self.text(tokens[at : at + 1]).startswith(" "):
                yield first, at
                first = at

    def _either(self, names: Sequence[str]) -> int:
        """The first of these tokens that the model has."""
        known = [each for each in names if self._tokenizer.token_to_id(each) is not None]
        return self._special(known[0] if known else names[0])

    def _special(self, name: str) -> int:
        found: int | None = self._tokenizer.token_to_id(name)
        if found is None:
            raise EncoderError(
                f"The tokenizer.json in {self._folder} is not Whisper's: it has no {name}. Fetch "
                "the folder again."
            )
        return found


def written(text: str) -> str:
    """Spoken words with capitals, as Whisper writes them."""
    written = re.sub(r"\bi\b", "I", text)
    return written[:1].upper() + written[1:]


def _mended(tokenizer: Tokenizer) -> Tokenizer:
    """The tokeniser with its first merge, which some published folders have lost.

    Without it no token of a space and a t is found, such as that of " time".
    """
    space, letter = _SPACE_T
    known = tokenizer.token_to_id(space + letter) is not None
    if not known or len(tokenizer.encode(" t", add_special_tokens=False).ids) == 1:
        return tokenizer
    state = json.loads(tokenizer.to_str())
    merges = state["model"]["merges"]
    if merges:  # a toy tokeniser may have none
        merges.insert(0, list(_SPACE_T) if isinstance(merges[0], list) else " ".join(_SPACE_T))
    return Tokenizer.from_str(json.dumps(state))
