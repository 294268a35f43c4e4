"""What it costs to be reminded of a conversation, and what it is good for.

One conversation is held turn by turn, in the same run in three ways: every turn alone, the last
exchanges kept and continued, and the whole of them decoded anew each time. Then conversations
(``conversation.yaml``) are held through whole turns, skills and guard included, with so many
exchanges remembered; in each, something can only be understood from what was said before.

    python -m bench.conversation --llm SmolLM2-135M-Instruct.Q4_1.gguf --remember 0 1 3 6
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import yaml

from assistant import composition
from assistant.config import GenerateSettings, Settings
from assistant.generate.context import ContextLine
from assistant.generate.llama import LlamaSession
from assistant.generate.stream import GenerationStats
from assistant.speak.voice import Mute

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


@dataclass(frozen=True, slots=True)
class Understood:
    """How many follow-ups were answered rightly, with so many exchanges remembered."""

    remember: int
    by_model: int
    asked_model: int
    by_skills: int
    asked_skills: int


def answer(session: LlamaSession, text: str) -> tuple[str, GenerationStats]:
    """The reply to a text, and what it cost."""
    stream = session.reply(session.words(text), LINE, cancel=threading.Event())
    return "".join(stream).strip(), stream.stats


def remind(session: LlamaSession, exchanges: Sequence[tuple[str, str]]) -> None:
    """Have exchanges decoded, as in the quiet."""
    for text, reply in exchanges:
        session.remember(session.words(text), LINE, reply)
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


def understood(settings: Settings, remember: int, *, show: bool) -> Understood:
    """Hold all conversations; each says which replies are right."""
    right: Counter[bool] = Counter()
    asked: Counter[bool] = Counter()
    scripts = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    for script in cast("list[list[str | dict[str, Any]]]", scripts):
        # a conversation of its own, in a household of its own
        with (
            tempfile.TemporaryDirectory() as folder,
            composition.assistant(_changed(settings, folder, remember), Mute(), print) as assistant,
        ):
            for turn in script:
                item = {"said": turn} if isinstance(turn, str) else turn
                reply = assistant.read(item["said"], aloud=False).reply or ""
                if "right" not in item:
                    continue
                is_right = re.search(item["right"], reply.lower()) is not None
                of_skills = bool(item.get("skill"))
                asked[of_skills] += 1
                right[of_skills] += is_right
                if show and not is_right:
                    print(f"{remember} {item['said']} ({item['right']}): {reply}", flush=True)
    return Understood(remember, right[False], asked[False], right[True], asked[True])


def _changed(settings: Settings, folder: str, remember: int) -> Settings:
    journal = settings.journal.model_copy(update={"path": Path(folder) / "journal.db"})
    generate = settings.generate.model_copy(update={"remember": remember})
    return settings.model_copy(update={"journal": journal, "generate": generate})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llm", type=Path, help="a GGUF; otherwise the bundled one")
    parser.add_argument("--adapter", default="auto", help='a GGUF, "auto", or "" for none')
    parser.add_argument("--remember", type=int, nargs="+", default=[0, 3], metavar="N")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--show", action="store_true", help="print the replies that are wrong")
    arguments = parser.parse_args()
    generate: dict[str, object] = {
        "n_ctx": 2_048,
        "threads": arguments.threads,
        "adapter": arguments.adapter,
    }
    if arguments.llm is not None:
        generate["path"] = arguments.llm
    settings = Settings.model_validate(
        {"generate": generate, "bridge": {"path": ""}, "route": "transcript"}
    )
    rows = costs(settings.generate)
    print("tokens decoded before the reply, and how long that took")
    print(f"{'turn':<6}{'alone':>16}{'continued':>16}{'decoded anew':>16}")
    for number, row in enumerate(rows, start=1):
        cells = (f"{row[f'{way}_tokens']:.0f} / {row[f'{way}_ms']:.0f} ms" for way in WAYS)
        print(f"{number:<6}" + "".join(f"{cell:>16}" for cell in cells))
    late = rows[len(rows) // 2 :]
    ratio = statistics.median(row["anew_ms"] / row["continued_ms"] for row in late)
    print(f"ratio anew/continued, second half: {ratio:.2f}\n")
    results = [understood(settings, each, show=arguments.show) for each in arguments.remember]
    print(f"{'remember':<10}{'follow-ups':>12}{'to skills':>12}")
    for each in results:
        by_model = f"{each.by_model}/{each.asked_model}"
        print(f"{each.remember:<10}{by_model:>12}{f'{each.by_skills}/{each.asked_skills}':>12}")
    print(
        json.dumps(
            {
                "bench": "conversation",
                "turns": [{name: round(value, 1) for name, value in row.items()} for row in rows],
                "anew_over_continued": round(ratio, 2),
                "understood": [asdict(each) for each in results],
            }
        )
    )


WAYS = ("alone", "continued", "anew")


if __name__ == "__main__":
    main()
