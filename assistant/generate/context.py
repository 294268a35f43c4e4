"""What the assistant knows at the moment it answers, put into words.

The language model reads and writes only words, so times, dates and years are spelled out, in the
same way for training and at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assistant.spoken_times import spoken_date, spoken_time, spoken_year


@dataclass(frozen=True, slots=True)
class ContextLine:
    """The moment, the person and the reminders that are due."""

    now: datetime
    user_name: str | None = None
    reminders: tuple[str, ...] = ()

    def line(self) -> str:
        """The context as a short text for the prompt, without digits."""
        said = [
            f"It is {spoken_time(self.now)}.",
            f"Today is {spoken_date(self.now)}, {spoken_year(self.now.year)}.",
        ]
        if self.user_name:
            said.append(f"The user is {self.user_name}.")
        if self.reminders:
            said.append(f"Reminders: {', '.join(self.reminders)}.")
        return " ".join(said)
