"""Settings: one frozen block per room, and where each value came from.

Read in this order, later ones take precedence: built-in defaults, ``/etc/attune/attune.toml``, the
user's ``$XDG_CONFIG_HOME/attune/attune.toml``, environment variables ``ATTUNE_BLOCK__KEY``,
command-line flags. Unknown blocks and keys are rejected at start.
"""

from __future__ import annotations

from assistant.config.bundled import catalog_file, starter_dir
from assistant.config.conversation import (
    INSTRUCTION,
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
from assistant.config.settings import Settings
from assistant.config.sources import (
    ENV_PREFIX,
    Loaded,
    files_read,
    given,
    load,
    socket_path,
)

__all__ = [
    "ENV_PREFIX",
    "INSTRUCTION",
    "BridgeSettings",
    "ControlSettings",
    "EncodeSettings",
    "GenerateSettings",
    "HomeSettings",
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
    "WebSettings",
    "WyomingSettings",
    "catalog_file",
    "files_read",
    "given",
    "load",
    "socket_path",
    "starter_dir",
]
