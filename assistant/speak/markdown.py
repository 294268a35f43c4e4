"""What of a written reply is meant to be heard: no code, no tables, no addresses, no decoration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from assistant.speak.sentences import sentences

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_SPECIAL = re.compile(r"[*_`#\[\]<>~|\\&\u2022]|^\s*[-+]\s|[^\x00-\u2190]|:[-']?[()DP]|;-?\)")
_TIMES = re.compile(r"(?<=\d)(\s?)\*(\s?)(?=\d)")
_LATEX = {r"\times": "\u00d7", r"\cdot": "\u00d7", r"\div": "\u00f7", r"\%": "%", r"\$": "$"}
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_MATHS = re.compile(r"\\[()\[\]]|\$\$")
_TAG = re.compile(r"<!--.*?(?:-->|$)|</?[A-Za-z][^<>]*>")
_LEFT_OVER = re.compile(r"\*+|`+|~~+|(?<!\w)_+|_+(?!\w)|^#+\s+|^>\s+|\u2022|\[\^?\d+\]")
_FACE = re.compile(r"(?<!\S)(?:[:;=][-'^]?[()DPp|/\\]+|<3|\^\^)(?!\w)")
_PICTURES = (
    r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}"
    r"\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]+"
)

_FENCES = ("```", "~~~")
_BLOCKS = {"<!--": "-->"} | {
    f"<{tag}": f"</{tag}>" for tag in ("script", "style", "table", "pre", "svg", "textarea")
}
_ROW = "|"
_OPENINGS = (*_FENCES, *_BLOCKS, _ROW)


def audible(pieces: Iterable[str]) -> Iterator[str]:
    """The sentences of a written reply, each as its words, without what is not to be heard."""
    for sentence in sentences(prose(pieces)):
        words = plain_text(sentence)
        if any(char.isalnum() for char in words):
            yield words


def prose(pieces: Iterable[str]) -> Iterator[str]:
    """A stream of text without blocks of code, rows of tables and comments.

    A line passes as soon as its first characters show that it is none of these.
    """
    line, passes, closing = "", False, ""
    for piece in pieces:
        for part in piece.splitlines(keepends=True) or [piece]:
            if passes:
                yield part
            else:
                line += part
                if not closing and not _is_open(line):
                    yield line
                    line, passes = "", True
            if part.endswith(("\n", "\r")):
                if line:
                    closing, rest = _block(line, closing)
                    yield f"{rest}\n"
                line, passes = "", False
    if line:
        yield _block(line, closing)[1]


def _is_open(line: str) -> bool:
    """Whether a line's beginning is, or may still become, that of a block that is left out."""
    start = line.lstrip().lower()
    return any(start.startswith(each) or each.startswith(start) for each in _OPENINGS)


def _block(line: str, closing: str) -> tuple[str, str]:
    """What ends the block that is open behind a line, and what of the line is heard."""
    start = line.lstrip()
    if closing in _FENCES:
        return ("" if start.startswith(closing) else closing), ""
    if closing:
        _, found, rest = line.lower().partition(closing)
        return ("", line[len(line) - len(rest) :].rstrip()) if found else (closing, "")
    if start.startswith(_ROW):
        return "", ""
    for fence in _FENCES:
        if start.startswith(fence):
            is_inline = fence in start.lstrip(fence[0])
            return ("", line.rstrip()) if is_inline else (fence, "")
    for opening, its_end in _BLOCKS.items():
        if start.lower().startswith(opening):
            return _block(start[len(opening) :], its_end)
    return "", line.rstrip()


def plain_text(text: str) -> str:
    """The words of one sentence without Markdown, HTML, emoji and the addresses of links."""
    if not _SPECIAL.search(text):
        return text
    text = _FRACTION.sub(r"\1/\2", _TIMES.sub("\\1\u00d7\\2", text))
    for command, sign in _LATEX.items():
        text = text.replace(command, sign)
    if " | " in text:  # a row of a table
        return ""
    text = "".join(_words(_markdown().parse(_MATHS.sub("", text))))
    text = _pictures().sub(" ", _FACE.sub(" ", _LEFT_OVER.sub("", text)))
    return re.sub(r"\s+([.,;:!?](?:\s|$))", r"\1", " ".join(text.split()))


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "list_item_open" and token.info:
            yield f"{token.info}{token.markup} "
        elif token.type in ("inline", "image"):
            yield from _words(token.children or ())
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type == "html_block":
            yield _TAG.sub(" ", token.content)
        elif token.type in ("text", "code_inline", "code_block"):
            yield token.content


@cache
def _markdown() -> MarkdownIt:
    # read when a voice or a language model is opened, not by every command
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark").enable("strikethrough")


@cache
def _pictures() -> re.Pattern[str]:
    import regex  # noqa: PLC0415

    return regex.compile(_PICTURES)  # pyright: ignore[reportReturnType] - the same interface


def load() -> None:
    """Import what is needed now, so that no sentence has to wait for it."""
    plain_text("**Hello** \N{GRINNING FACE}")
