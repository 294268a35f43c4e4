"""What it costs to be reminded of a conversation, and what it is good for.

One conversation is held turn by turn, in the same run in three ways: every turn alone, the last
exchanges kept and continued, and the whole of them decoded anew each time. Then questions that
only make sense after an earlier exchange, and questions that do not, are asked with and without
the exchanges before them.

    python -m bench.conversation --llm SmolLM2-135M-Instruct.Q4_1.gguf --remember 0 1 3 6
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from assistant.config import GenerateSettings
from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import GenerationStats

LINE = ContextLine(datetime(2026, 3, 5, 10, 25, tzinfo=timezone.utc), "Anna").line()
TALK = (
    "good morning how are you",
    "i planted some tomatoes in the garden",
    "do they need a lot of water",
    "my daughter clara is coming to visit me",
    "what could i cook for her",
    "thank you that is a good idea",
    "i think i will sit in the garden now",
    "what did you say about the water",
)
FILLERS = (
    ("good morning", "Good morning! I hope you slept well."),
    ("yes i slept well", "I am glad to hear that."),
    ("the garden looks nice today", "That is lovely. Enjoy the flowers."),
)
"""Said and answered between a first exchange and what follows it up."""

FOLLOW_UPS = (
    ("my daughter's name is clara", "what is my daughter's name", r"clara"),
    ("i live in bristol", "where do i live", r"bristol"),
    ("what is the capital of france", "and of italy", r"rome"),
    (
        "tell me about elephants",
        "what do they eat",
        r"grass|lea(?:f|ves)|plants?|fruit|bark|herbiv",
    ),
    ("my dog is called max", "what is my dog called", r"max"),
    ("who was albert einstein", "where was he born", r"german|ulm"),
    ("i am going to the dentist tomorrow", "where am i going tomorrow", r"dentist"),
    ("i had soup for lunch", "what did i have for lunch", r"soup"),
    ("my favourite colour is blue", "what colour do i like", r"blue"),
    ("i have lost my glasses", "what have i lost", r"glasses"),
    ("what is a violin", "how many strings does it have", r"four|4"),
    ("my brother peter is ill", "who is ill", r"peter|brother"),
)
"""What is said first, what follows it up, and what a reply to that has to contain."""

ALONE = (
    ("what is the capital of france", r"paris"),
    ("what is the capital of italy", r"rome"),
    ("how many days are there in a week", r"seven|7"),
    ("what colour is grass", r"green"),
    ("what do bees make", r"honey"),
    ("which animal says miaow", r"cat"),
    ("what is the opposite of hot", r"cold"),
    ("how many legs does a spider have", r"eight|8"),
    ("in which country is london", r"england|kingdom|uk\b|britain"),
    ("what is frozen water called", r"\bice\b"),
    ("which planet do we live on", r"earth"),
    ("what do cows drink", r"water|milk"),
)
"""Questions that need nothing before them; the fillers stand there all the same."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How many of the replies were right, with so many exchanges remembered."""

    remember: int
    follow_ups: int
    follow_ups_later: int  # with the fillers in between
    alone: int


def answer(session: LlamaSession, text: str, line: str = LINE) -> tuple[str, GenerationStats]:
    """The reply to a text, and what it cost."""
    stream = session.reply(session.words(text), line, cancel=threading.Event())
    return "".join(stream).strip(), stream.stats


def remind(session: LlamaSession, exchanges: Sequence[tuple[str, str]], line: str = LINE) -> None:
    """Have exchanges decoded, as in the quiet."""
    for text, reply in exchanges:
        session.remember(session.words(text), line, reply)
    while session.rest():
        pass


def costs(settings: GenerateSettings) -> list[dict[str, float]]:
    """Tokens and ms until a reply begins, turn by turn."""
    alone, continued = (
        LlamaSession(settings.model_copy(update={"remember": each})) for each in (0, len(TALK))
    )
    rows: list[dict[str, float]] = []
    with alone, continued:
        for text in TALK:
            continued.set_instruction("Answer.")
            began = time.monotonic()
            continued.set_instruction(settings.instruction)  # with all that follows it
            again_ms = (time.monotonic() - began) * 1_000
            reply, kept = answer(continued, text)
            remind(continued, [(text, reply)])
            _, single = answer(alone, text)
            rows.append(
                {
                    "alone_tokens": single.prompt_tokens_decoded,
                    "alone_ms": single.prefill_ms,
                    "continued_tokens": kept.prompt_tokens_decoded,
                    "continued_ms": kept.prefill_ms,
                    "anew_tokens": kept.prompt_tokens_decoded + kept.reused_prefix_tokens,
                    "anew_ms": kept.prefill_ms + again_ms,
                }
            )
    return rows


def asked(settings: GenerateSettings, remember: int, line: str, *, show: bool) -> Asked:
    """How many replies are right, with this context line in front of each turn."""

    def right(before: Sequence[tuple[str, str]], text: str, wanted: str) -> bool:
        session.forget()
        remind(session, before, line)
        reply, _ = answer(session, text, line)
        found = re.search(wanted, reply, re.IGNORECASE) is not None
        if show:
            earlier = " / ".join(said for said, _ in before)
            print(f"{remember} {'+' if found else '-'} {earlier} / {text}: {reply!r}", flush=True)
        return found

    changed = settings.model_copy(update={"remember": remember, "max_tokens": 40})
    with LlamaSession(changed) as session:
        firsts = [(first, answer(session, first, line)[0]) for first, _, _ in FOLLOW_UPS]
        scripts = list(zip(firsts, FOLLOW_UPS, strict=True))
        return Asked(
            remember,
            sum(right([first], then, wanted) for first, (_, then, wanted) in scripts),
            sum(right([first, *FILLERS], then, wanted) for first, (_, then, wanted) in scripts),
            sum(right(FILLERS, text, wanted) for text, wanted in ALONE),
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llm", type=Path, help="a GGUF; otherwise the bundled one")
    parser.add_argument("--remember", type=int, nargs="+", default=[0, 3], metavar="N")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--bare", action="store_true", help="no line with time and name")
    parser.add_argument("--show", action="store_true", help="print the replies")
    arguments = parser.parse_args()
    given = {} if arguments.llm is None else {"path": arguments.llm}
    settings = GenerateSettings.model_validate(
        {**given, "n_ctx": 2_048, "threads": arguments.threads}
    )
    rows = costs(settings)
    print("tokens decoded before the reply, and how long that took")
    print(f"{'turn':<6}{'alone':>16}{'continued':>16}{'decoded anew':>16}")
    for number, row in enumerate(rows, start=1):
        cells = (f"{row[f'{way}_tokens']:.0f} / {row[f'{way}_ms']:.0f} ms" for way in WAYS)
        print(f"{number:<6}" + "".join(f"{cell:>16}" for cell in cells))
    late = rows[len(rows) // 2 :]
    ratio = statistics.median(row["anew_ms"] / row["continued_ms"] for row in late)
    print(f"ratio anew/continued, second half: {ratio:.2f}\n")
    line = "" if arguments.bare else LINE
    results = [asked(settings, each, line, show=arguments.show) for each in arguments.remember]
    print(f"{'remember':<10}{'follow-ups':>12}{'3 turns later':>15}{'unrelated':>11}")
    for each in results:
        print(
            f"{each.remember:<10}{f'{each.follow_ups}/{len(FOLLOW_UPS)}':>12}"
            f"{f'{each.follow_ups_later}/{len(FOLLOW_UPS)}':>15}{f'{each.alone}/{len(ALONE)}':>11}"
        )
    print(
        json.dumps(
            {
                "bench": "conversation",
                "line": line,
                "turns": [{name: round(value, 1) for name, value in row.items()} for row in rows],
                "anew_over_continued": round(ratio, 2),
                "right": {
                    each.remember: [each.follow_ups, each.follow_ups_later, each.alone]
                    for each in results
                },
            }
        )
    )


WAYS = ("alone", "continued", "anew")


if __name__ == "__main__":
    main()
