"""Settings: one frozen block per room, and where each value came from.

Read in this order, later ones take precedence: built-in defaults, ``/etc/attune/attune.toml``, the
user's ``$XDG_CONFIG_HOME/attune/attune.toml``, environment variables ``ATTUNE_BLOCK__KEY``,
command-line flags. Unknown blocks and keys are rejected at start.
"""

from __future__ import annotations

from assistant.config.blocks import (
    INSTRUCTION,
    BridgeSettings,
    EncodeSettings,
    GenerateSettings,
    HouseholdSettings,
    IdleSettings,
    JournalSettings,
    ListenSettings,
    ModelsSettings,
    PersonaliseSettings,
    ServiceSettings,
    Settings,
    SpeakSettings,
    TurnSettings,
    catalog_file,
    starter_dir,
)
from assistant.config.sources import ENV_PREFIX, Loaded, load

__all__ = [
    "ENV_PREFIX",
    "INSTRUCTION",
    "BridgeSettings",
    "EncodeSettings",
    "GenerateSettings",
    "HouseholdSettings",
    "IdleSettings",
    "JournalSettings",
    "ListenSettings",
    "Loaded",
    "ModelsSettings",
    "PersonaliseSettings",
    "ServiceSettings",
    "Settings",
    "SpeakSettings",
    "TurnSettings",
    "catalog_file",
    "load",
    "starter_dir",
]
