"""All settings: one frozen block per room, with defaults and ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from assistant.config.block import Block
from assistant.config.conversation import (
    BridgeSettings,
    EncodeSettings,
    GenerateSettings,
    ListenSettings,
    SpeakSettings,
    TurnSettings,
)
from assistant.config.doors import (
    ControlSettings,
    HomeSettings,
    ServiceSettings,
    WebSettings,
    WyomingSettings,
)
from assistant.config.keeping import (
    HouseholdSettings,
    IdleSettings,
    JournalSettings,
    ModelsSettings,
    PersonaliseSettings,
)


class Settings(Block):
    """Everything, one block per room."""

    listen: ListenSettings = Field(default_factory=lambda: ListenSettings.model_validate({}))
    encode: EncodeSettings = Field(default_factory=lambda: EncodeSettings.model_validate({}))
    bridge: BridgeSettings = Field(default_factory=lambda: BridgeSettings.model_validate({}))
    generate: GenerateSettings = Field(default_factory=lambda: GenerateSettings.model_validate({}))
    turn: TurnSettings = Field(default_factory=lambda: TurnSettings.model_validate({}))
    speak: SpeakSettings = Field(default_factory=lambda: SpeakSettings.model_validate({}))
    household: HouseholdSettings = Field(
        default_factory=lambda: HouseholdSettings.model_validate({})
    )
    journal: JournalSettings = Field(default_factory=lambda: JournalSettings.model_validate({}))
    personalise: PersonaliseSettings = Field(
        default_factory=lambda: PersonaliseSettings.model_validate({})
    )
    idle: IdleSettings = Field(default_factory=lambda: IdleSettings.model_validate({}))
    models: ModelsSettings = Field(default_factory=lambda: ModelsSettings.model_validate({}))
    control: ControlSettings = Field(default_factory=lambda: ControlSettings.model_validate({}))
    service: ServiceSettings = Field(default_factory=lambda: ServiceSettings.model_validate({}))
    web: WebSettings = Field(default_factory=lambda: WebSettings.model_validate({}))
    home: HomeSettings = Field(default_factory=lambda: HomeSettings.model_validate({}))
    wyoming: WyomingSettings = Field(default_factory=lambda: WyomingSettings.model_validate({}))
    route: Literal["auto", "bridge", "transcript"] = Field(
        "auto", description="auto: the bridge if its reading is confident, else the transcript"
    )

    @property
    def bridges(self) -> Path:
        """Folder of the learned bridges."""
        return self.personalise.folder or self.journal.path.parent / "bridges"
