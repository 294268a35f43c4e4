"""What is kept, learned and looked after."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field

from assistant.config.block import Block, HomePath, Threads, empty_is_none, one_is_several
from assistant.config.tuning import IdleTuning, JournalTuning, PersonaliseTuning
from assistant.kinds import AUTO, known


def _hours(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise ValueError('it should look like "22:00-06:00"')
    return text


def _web_address(text: str | None) -> str | None:
    if text is not None and not text.startswith(("http://", "https://")):
        raise ValueError("it should begin with http:// or https://")
    return text


class HouseholdSettings(Block):
    """Reminders, calendars, and who is called for help."""

    again_minutes: float = Field(
        5.0, gt=0, le=120, description="an unanswered reminder is repeated after this time"
    )
    times: int = Field(4, ge=1, le=50, description="how often a reminder is said at most")
    ring_minutes: float = Field(
        10.0, gt=0, le=120, description="longest ringing of a timer or an alarm"
    )
    appointment_minutes: float = Field(
        15.0, ge=0, le=1_440, description="how long before it begins an appointment is mentioned"
    )
    calendars: Annotated[tuple[HomePath, ...], BeforeValidator(one_is_several)] = Field(
        (), description=".ics files with appointments, or folders of them"
    )
    sentences: Annotated[HomePath | None, BeforeValidator(empty_is_none)] = Field(
        None, description="a YAML file with your own ways of asking for something"
    )
    help_command: Annotated[tuple[str, ...], BeforeValidator(one_is_several)] = Field(
        (), description="a program, and its arguments, that is run when somebody calls for help"
    )
    help_webhook: Annotated[
        str | None, AfterValidator(_web_address), BeforeValidator(empty_is_none)
    ] = Field(
        None, description="an address in the local network that is posted to on a call for help"
    )
    help_name: str = Field(
        "whoever helps you", min_length=1, description="whom these reach, as it is said"
    )


class JournalSettings(Block):
    """The database of exchanges."""

    path: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "journal.db", description="SQLite file"
    )
    keep_days: int = Field(
        0, ge=0, description="exchanges older than this are erased; 0: kept forever"
    )
    keep_mb: int = Field(
        0, ge=0, description="the oldest exchanges beyond this size are erased; 0: no limit"
    )
    keep_taught: bool = Field(
        default=True, description="always keep what was read aloud, corrected or confirmed"
    )
    tuned: JournalTuning = JournalTuning()


class PersonaliseSettings(Block):
    """Learning the user's speech: from what, how, and how a new bridge is judged."""

    enabled: bool = Field(default=True, description="learn automatically when the device is idle")
    folder: Annotated[HomePath | None, BeforeValidator(empty_is_none)] = Field(
        None, description="where learned bridges are kept; unset: next to the journal"
    )
    head: Annotated[str, AfterValidator(known)] = Field(
        AUTO,
        description="which kind of bridge to train; auto: adapted if the encoder is a Whisper that "
        "can learn, else letters",
    )
    confident: float = Field(
        0.8,
        ge=0,
        le=1,
        description="also learn from unconfirmed transcripts that are at least this sure",
    )
    held_out: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the examples used only for judging, never for training",
    )
    steps: int = Field(0, ge=0, description="maximum training steps; 0: as many as the head needs")
    max_minutes: float = Field(20.0, gt=0, description="longest training")
    replay: int = Field(
        240, ge=0, description="sentences of common talk to train on in addition to the user's"
    )
    canaries: int = Field(40, ge=0, description="sentences of common talk that must not get worse")
    threads: Threads = Field(1, ge=1, description="CPU threads of the trainer")
    memory_mb: int = Field(1_000, ge=300, description="most memory the trainer may use")
    socket: Annotated[HomePath | None, BeforeValidator(empty_is_none)] = Field(
        None, description="Unix socket at which systemd starts trainers; unset: Attune starts them"
    )
    tuned: PersonaliseTuning = PersonaliseTuning()


class IdleSettings(Block):
    """When the device counts as idle, so that learning does not disturb anyone."""

    quiet_s: float = Field(300.0, ge=0, description="time without speech")
    min_new: int = Field(5, ge=1, description="new examples since the last training")
    max_load: float = Field(0.7, gt=0, description="load average per core")
    max_celsius: float = Field(70.0, gt=0, description="temperature of the hottest zone")
    min_free_mb: int = Field(
        600, ge=0, description="free memory in addition to what the trainer needs"
    )
    min_disk_mb: int = Field(200, ge=0, description="free disk space")
    on_battery: bool = Field(default=False, description="even without mains power")
    hours: Annotated[str, AfterValidator(_hours)] | None = Field(
        None, description='only then, local time, such as "22:00-06:00"; unset: always'
    )
    tuned: IdleTuning = IdleTuning()


class ModelsSettings(Block):
    """Where downloaded and imported models are kept."""

    folder: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "models",
        description="a folder for each model; gigabytes",
    )
    everyday: Literal["auto", "off"] = Field(
        "auto",
        description="auto: 'run' uses the everyday models in place of those that are not set",
    )
