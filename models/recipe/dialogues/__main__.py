"""Print what the generator makes: sizes, an intent table and samples."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

from . import exchanges, held_out

DRAWS = 50_000
SAMPLES = 60


def main() -> None:
    """Draw exchanges and print their statistics."""
    drawn = list(islice(exchanges(random.Random(1)), DRAWS))
    users = Counter(word for said in drawn for word in said.user.split())
    replies = Counter(word.strip(".,?!:") for said in drawn for word in said.reply.lower().split())
    distinct = {said.user for said in drawn}
    print(f"user words      {len(users)} (three times or more: {_common(users)})")
    print(f"reply words     {len(replies)} (three times or more: {_common(replies)})")
    print(f"distinct users  {len(distinct)} of {DRAWS}, held out {sum(map(held_out, distinct))}")
    print(f"distinct replies {len({said.reply for said in drawn})}")
    print(f"user length     {users.total() / DRAWS:.2f} words")
    print(f"reply length    {replies.total() / DRAWS:.2f} words")
    intents = Counter(said.intent for said in drawn)
    print(f"intents         {len(intents)}")
    variants: dict[str, set[str]] = {}
    for said in drawn:
        variants.setdefault(said.intent, set()).add(said.reply)
    for intent, count in intents.most_common():
        print(f"  {intent:24} {count:6} draws {len(variants[intent]):6} replies")
    for said in random.Random(2).sample(drawn, SAMPLES):
        print(f"\n{said.context.line()}\n  [{said.intent}] {said.user}\n  {said.reply}")


def _common(words: Counter[str]) -> int:
    return sum(count >= 3 for count in words.values())


if __name__ == "__main__":
    main()
