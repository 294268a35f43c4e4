"""Times, durations and numbers in spoken words: our own small grammar.

It is the inverse of ``assistant.generate.context``. What is not certain is not understood.
"""

from assistant.skills.times.days import HOLIDAYS
from assistant.skills.times.durations import duration, find_duration, spoken_duration
from assistant.skills.times.moments import When, find, moment, next_on, wall
from assistant.skills.times.numbers import number, ordinal
from assistant.skills.times.spoken import spoken_when

__all__ = [
    "HOLIDAYS",
    "When",
    "duration",
    "find",
    "find_duration",
    "moment",
    "next_on",
    "number",
    "ordinal",
    "spoken_duration",
    "spoken_when",
    "wall",
]
