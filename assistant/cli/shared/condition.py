"""Whether Attune hears and speaks, and if not, since when, why and what helps: in words."""

from __future__ import annotations

from assistant.control.messages import LoudspeakerState, MicrophoneState, Status

DEAD_DBFS = -90.0
"""Below this even a quiet room does not get: such a microphone is switched off."""

MUTED = "muted; 'assistant unmute' turns it on again"
"""What is said of a microphone that a person has closed."""


def hears(microphone: MicrophoneState | None) -> str:
    """Such as "yes, for 3 min 20 s; somebody spoke 40 s ago" or "no, for 5 s: muted; ..."."""
    if microphone is None:
        return "no: it does not listen to a microphone"
    since = "" if microphone.since_s is None else f", for {duration(microphone.since_s)}"
    match microphone.state:
        case "muted":
            return f"no{since}: {MUTED}"
        case "waiting":
            return f"not yet{since}: the microphone is being opened"
        case "absent":
            why = microphone.why or "There is no microphone. Connect one."
            return f"no{since}: {why} It is tried again by itself."
        case "listening":
            return _listening(microphone, since)


def _listening(microphone: MicrophoneState, since: str) -> str:
    if microphone.why is not None:
        return f"no: {microphone.why} Unplug the microphone and plug it in again."
    level = microphone.level_dbfs
    if level is not None and level <= DEAD_DBFS and not microphone.speech:
        return (
            f"nothing but silence{since}: the microphone gives no sound at all. Is it switched "
            "off? 'assistant devices' shows which there are."
        )
    button = " while the talk button is held" if microphone.button else ""
    if microphone.speech:
        return f"yes{button}{since}; somebody speaks now"
    if microphone.spoken_s is None:
        return f"yes{button}{since}; nobody has spoken yet"
    return f"yes{button}{since}; somebody spoke {duration(microphone.spoken_s)} ago"


def speaks(status: Status) -> str:
    """Such as "yes; speaking now" or "no, for 2 min 05 s: There is no loudspeaker. ..."."""
    loudspeaker = status.loudspeaker
    if loudspeaker.why is not None:
        since = "" if loudspeaker.since_s is None else f", for {duration(loudspeaker.since_s)}"
        return f"no{since}: {loudspeaker.why} It is tried again with the next reply."
    return f"{_can_speak(loudspeaker)}{'; speaking now' * status.speaking}"


def _can_speak(loudspeaker: LoudspeakerState) -> str:
    if loudspeaker.folder is not None:
        return (
            f"no: replies are written to files in {loudspeaker.folder}, because speak.wav_dir says "
            "so"
        )
    if loudspeaker.quiet_until is not None:
        until = loudspeaker.quiet_until.astimezone()
        return f"yes, but nothing unasked until {until:%A %H:%M}, as somebody wished"
    return "yes"


def other_warnings(status: Status) -> list[str]:
    """What is wrong besides the loudspeaker, one sentence each."""
    return [each for each in status.warnings if each != status.loudspeaker.why]


def duration(seconds: float) -> str:
    """A time in its two largest units."""
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days} d {h} h"
    if hours:
        return f"{h} h {m:02} min"
    return f"{m} min {s:02} s" if minutes else f"{s} s"
