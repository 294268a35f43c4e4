"""Time, date, name and reminders: everything answered from the context."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from assistant.generate.context import ContextLine
from assistant.spoken_times import (
    MONTHS,
    WEEKDAYS,
    part_of_day,
    spoken_date,
    spoken_time,
    spoken_year,
)

from .grammar import Slots, Topic
from .manners import by_part_of_day, in_context

_TIME = {
    "morning": "It is {time}.",
    "afternoon": "It is {time} now.",
    "evening": "The time is {time}.",
    "night": "It is {time}.",
}
_SEASONS = ("winter", "spring", "summer", "autumn")
_SEASON_REPLIES = {
    "winter": "It is winter. Keep yourself nice and warm.",
    "spring": "It is spring. The days are getting longer.",
    "summer": "It is summer. Remember to drink enough.",
    "autumn": "It is autumn. The leaves are turning.",
}
_MEALTIMES = (  # from this hour on
    (0, "It is {time}. It is night, so breakfast comes next."),
    (6, "It is {time}, so it is time for breakfast."),
    (10, "It is {time}, so lunch comes next."),
    (12, "It is {time}, so it is time for lunch."),
    (14, "It is {time}. Supper comes later, so have a little snack."),
    (17, "It is {time}, so it is time for supper."),
    (20, "It is {time}. Supper should be over, and breakfast comes next."),
)
_BEDTIME = {
    "morning": "It is {time}, so it is time to be up if you are rested.",
    "afternoon": "It is only {time}. A short nap may do you good.",
    "evening": "It is {time}. You can go to bed when you feel tired.",
    "night": "It is {time}, so it is time to sleep.",
}


def season(now: datetime) -> str:
    """The season in the north, by month."""
    return _SEASONS[now.month % 12 // 3]


def told(reminders: tuple[str, ...]) -> str:
    """The reminders in one phrase."""
    return ", and ".join(reminders)


def _time(context: ContextLine, _: Slots) -> str:
    return by_part_of_day(_TIME, context)


def _day(context: ContextLine, _: Slots) -> str:
    return f"Today is {spoken_date(context.now)}."


def _weekday(context: ContextLine, _: Slots) -> str:
    return f"Today is {WEEKDAYS[context.now.weekday()]}."


def _month(context: ContextLine, _: Slots) -> str:
    return f"It is {MONTHS[context.now.month - 1]}."


def _year(context: ContextLine, _: Slots) -> str:
    return f"It is the year {spoken_year(context.now.year)}."


def _season(context: ContextLine, _: Slots) -> str:
    return _SEASON_REPLIES[season(context.now)]


def _neighbour_day(days: int, verb: str, word: str) -> Callable[[ContextLine, Slots], str]:
    def reply(context: ContextLine, _: Slots) -> str:
        day = context.now + timedelta(days=days)
        today = WEEKDAYS[context.now.weekday()]
        return f"Today is {today}, so {word} {verb} {WEEKDAYS[day.weekday()]}."

    return reply


def _weekend(context: ContextLine, _: Slots) -> str:
    today = WEEKDAYS[context.now.weekday()]
    if context.now.weekday() >= 5:
        return f"Yes, today is {today}. Enjoy the weekend."
    return f"Not yet, today is {today}."


def _part(context: ContextLine, _: Slots) -> str:
    part = part_of_day(context.now)
    now = f"It is {part}" if part == "night" else f"It is {part} now"
    return f"{now}, {spoken_time(context.now)}."


def _both(context: ContextLine, _: Slots) -> str:
    return f"It is {spoken_time(context.now)}. Today is {spoken_date(context.now)}."


def _mealtime(context: ContextLine, _: Slots) -> str:
    reply = [text for hour, text in _MEALTIMES if hour <= context.now.hour][-1]
    return in_context(reply, context)


def _bedtime(context: ContextLine, _: Slots) -> str:
    return by_part_of_day(_BEDTIME, context)


def _my_name(context: ContextLine, _: Slots) -> str:
    if context.user_name:
        return f"Your name is {context.user_name}."
    return "I do not know your name yet. What shall I call you?"


def _reminders(context: ContextLine, _: Slots) -> str:
    if not context.reminders:
        return "There is nothing on your list. You can take it easy."
    return f"Your list says: {told(context.reminders)}."


def _pills(context: ContextLine, _: Slots) -> str:
    due = [text for text in context.reminders if _is_medicine(text)]
    if due:
        return f"I cannot know that. Your list says: {due[0]}. Please check your pill box."
    return "I cannot know that, and your list has no pills. Please check your pill box."


def _is_medicine(text: str) -> bool:
    return any(word in text for word in ("pill", "tablet", "medicine", "drops", "inhaler"))


TOPICS = (
    Topic(
        "time",
        (
            "what time is it (now|)",
            "what is the time (now|right now|at the moment|)",
            "(tell me|can you tell me|could you tell me|do you know) (the time|what time it is)",
            "(have you got|do you have) the time",
            "how late is it (now|already|)",
            "is it (late|early) (already|now|still|)",
            "i (want|need|would like) to know (the time|what time it is|how late it is)",
            "what does the clock say (now|)",
            "i cannot (see|read) the clock (what time is it|)",
            "what hour is it",
            "the time please",
            "(my clock|my watch|the clock) has stopped what time is it",
        ),
        _time,
        3.0,
    ),
    Topic(
        "date",
        (
            "what is (the date|today's date|the date today)",
            "(tell me|can you tell me|could you tell me|do you know) (the date|today's date)",
            "what date is it (today|)",
            "which date (do we have|is it|have we got) (today|)",
            "i (forgot|have forgotten|do not know|cannot remember) (the date|today's date)",
            "the date (please|today please)",
        ),
        _day,
        2.0,
    ),
    Topic(
        "weekday",
        (
            "what day is it (today|)",
            "(what|which) day (do we have|of the week is it|is today|are we)",
            "(tell me|can you tell me|could you tell me|do you know) what day it is (today|)",
            "is (it|today) {weekday} (today|)",
            "i (forgot|have forgotten|do not know|cannot remember) what day it is",
            "i thought (it|today) was {weekday}",
            "(we have|it is|today is) {weekday} (is it not|i believe|right)",
        ),
        _weekday,
        2.0,
    ),
    Topic(
        "month",
        (
            "(what|which) month (is it|are we in|do we have) (now|)",
            "(tell me|do you know|can you tell me) (what month it is|the month)",
            "is it {month} (already|now|yet|)",
            "i (forgot|do not know|cannot remember) (what month it is|the month)",
        ),
        _month,
    ),
    Topic(
        "year",
        (
            "(what|which) year (is it|are we in|do we have) (now|)",
            "(tell me|do you know|can you tell me) (what year it is|the year)",
            "i (forgot|do not know|cannot remember) (what year it is|the year)",
            "what is the year (now|)",
        ),
        _year,
    ),
    Topic(
        "season",
        (
            "(what|which) season (is it|are we in|do we have) (now|)",
            "is it {season} (already|now|yet|still)",
            "(tell me|do you know|can you tell me) (what season it is|the season)",
            "what time of (the|) year is it",
        ),
        _season,
    ),
    Topic(
        "tomorrow",
        (
            "what day is (it tomorrow|tomorrow|the day tomorrow)",
            "(what|which) day (comes next|is the next one|will it be tomorrow)",
            "is tomorrow {weekday}",
            "(tell me|do you know|can you tell me) what day tomorrow is",
        ),
        _neighbour_day(1, "is", "tomorrow"),
    ),
    Topic(
        "yesterday",
        (
            "what day was (it yesterday|yesterday)",
            "was (it|yesterday) {weekday} (yesterday|)",
            "(tell me|do you know) what day yesterday was",
        ),
        _neighbour_day(-1, "was", "yesterday"),
        0.7,
    ),
    Topic(
        "weekend",
        (
            "is it the weekend (yet|already|now|)",
            "(do we have|is today) the weekend",
            "is (today|it) a (working|week) day",
        ),
        _weekend,
        0.7,
    ),
    Topic(
        "part_of_day",
        (
            "is it (morning|evening|night|afternoon) (now|already|or evening|yet)",
            "is it (day or night|night or day|morning or night)",
            "(is it|why is it) (still|so|already) dark (outside|)",
            "what (part|time) of (the|) day is it",
        ),
        _part,
    ),
    Topic(
        "date_and_time",
        (
            "what (day and|date and) time is it",
            "(tell me|what is) the (time and date|date and the time|day and the time)",
            "i do not know (the time or the day|what day or time it is)",
            "i am (all|quite|) mixed up (about the time|with the days|about what day it is)",
        ),
        _both,
    ),
    Topic(
        "mealtime",
        (
            "is it (time for|nearly time for|too early for|too late for) {meal} (yet|now|)",
            "when is {meal} (today|)",
            "(have i missed|did i miss) {meal}",
            "what time (do we have|is) {meal}",
        ),
        _mealtime,
    ),
    Topic(
        "bedtime",
        (
            "(is it|is it nearly) (bedtime|time for bed|time to sleep) (yet|now|already|)",
            "should i (go to bed|go to sleep|get up|be asleep|be up) (now|already|)",
            "(is it time|is it too early|do i have) to get up (now|already|)",
            "(can|may) i (go to bed|get up|stay in bed) (now|)",
        ),
        _bedtime,
    ),
    Topic(
        "my_name",
        (
            "what is my name",
            "(do you know|do you remember|have you forgotten) (my name|who i am)",
            "(who am i|tell me who i am|tell me my name)",
            "i (forgot|cannot remember) (my own|my) name",
            "what (am i called|do you call me)",
        ),
        _my_name,
    ),
    Topic(
        "reminders",
        (
            "what do i (have|need) to do (today|now|)",
            "(is there|do i have) (anything|something) (to do|planned|on my list) (today|now|)",
            "(read me|tell me|read out|what is on) my (list|reminders|plan) (today|)",
            "(did|have) i (forget|forgotten) (anything|something)",
            "what (is|was) (the plan|planned|next) (today|for today|)",
            "what (should|must) i (do|remember) (today|now|next)",
            "do i have (an appointment|any reminders|plans) (today|now|)",
            "what was i (supposed|meant|going) to do",
        ),
        _reminders,
        3.0,
    ),
    Topic(
        "pills",
        (
            "(did|have) i (take|taken) my (pills|tablets|medicine|drops) (today|already|yet|)",
            "(do i need|do i have|is it time) to take my (pills|tablets|medicine|pill)",
            "i (do not know|cannot remember|am not sure) if i took my (pills|tablets|medicine)",
            "(have i had|when do i take) my (pills|tablets|medicine|pill) (today|)",
            "is it time for my (pills|tablets|medicine|pill|eye drops)",
        ),
        _pills,
        2.0,
    ),
)
