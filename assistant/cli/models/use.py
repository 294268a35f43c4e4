"""Tests a model, reports what happens to the bridges, and writes it to the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel

from assistant.catalog.bring import survey
from assistant.catalog.entries import STARTER, Role, read
from assistant.catalog.folder import ModelFolder
from assistant.cli.models.bridges import advice, base_after, learned
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.config.edit import require_a_say, take_up
from assistant.control.client import Client
from assistant.errors import CatalogError, EncoderError, LLMError, SpeechError
from assistant.generate.gguf import GGUFFile
from assistant.model_trial import Kind, Trial, examine

Changes = dict[str, str | None]
"""Values by the dotted keys of settings; ``None``: back to the default."""

KEYS = {
    Role.ENCODER: ("encode.path",),
    Role.LLM: ("generate.path",),
    Role.VOICE: ("speak.engine", "speak.voice"),
}
"""The settings that name a model."""

KINDS: dict[Role, Kind] = {Role.ENCODER: "encode", Role.LLM: "generate", Role.VOICE: "speak"}

_ERRORS = {Role.ENCODER: EncoderError, Role.LLM: LLMError, Role.VOICE: SpeechError}

SYSTEM_MB = 300
"""Memory that the rest of the system needs."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models to use."""

    title: str
    changes: Changes
    roles: frozenset[Role]


def use(wanted: str, settings: Settings, loaded: Loaded, *, force: bool, system: bool) -> int:
    """Test models and switch to them.

    Args:
        wanted: the name of an installed model or of a set, a path, or ``starter``.
        settings: the current ones.
        loaded: where they came from.
        force: use them even if memory is short.
        system: change the system's settings file rather than the user's.

    Raises:
        AttuneError: if one does not open, does not fit, or the settings cannot be changed.
    """
    file = loaded.files[0 if system else -1]
    changed: set[str] = set()
    for name in read().members(wanted):
        chosen = choose(name, settings)
        require_a_say(chosen.changes, loaded.origins, loaded.files, file)
        print_line(f"Testing {chosen.title}, which may take a minute.")
        changes = changes_for(chosen, settings, force=force, note=print_line)
        take_up(changes, loaded.origins, loaded.files, file)
        print_line(f"Settings changed in {file}: {', '.join(changes)}.")
        changed |= changes.keys()
        loaded = loaded.again()
        settings = loaded.settings
    if "encode.path" in changed:
        print_line("'assistant models tune' measures how this machine runs the encoder best.")
    client = Client(settings.control.path)
    if client.is_running():
        client.reload()
        print_line("Attune is switching to it now.")
    else:
        print_line("Attune will use it from its next start; for a service, run 'assistant reload'.")
    return 0


def changes_for(
    chosen: Chosen, settings: Settings, *, force: bool, note: Callable[[str], None]
) -> Changes:
    """Test what was chosen, and find which settings it needs.

    Args:
        chosen: the models to use.
        settings: the current ones.
        force: use them even if memory is short.
        note: called with how much memory it takes, and what happens to the bridges.

    Raises:
        AttuneError: if it does not open or does not fit.
    """
    trial = _tried(chosen, settings, force=force, note=note)
    if Role.VOICE in chosen.roles:
        return chosen.changes
    return chosen.changes | _bridge_after(trial, settings, note)


def choose(wanted: str, settings: Settings) -> Chosen:
    """The settings that a name or a path stands for.

    Raises:
        CatalogError: if there is no such model, or it is damaged.
    """
    if wanted == STARTER:
        roles = frozenset((Role.ENCODER, Role.LLM))
        back: Changes = {key: None for role in roles for key in KEYS[role]}
        return Chosen("the starter pair", back | {"models.everyday": "off"}, roles)
    folder = ModelFolder(settings.models.folder)
    if wanted in folder.names():
        manifest, place = folder.manifest(wanted), folder.place(wanted)
        missing = [file for file in manifest.files if not (place / file).is_file()]
        if missing:
            raise CatalogError(
                f"The model {wanted} lacks {missing[0]}. Remove it with 'assistant models remove "
                f"{wanted}', then download or import it again."
            )
        path = place
        if manifest.role is Role.LLM:
            path = place / next(iter(manifest.files))
        return Chosen(wanted, _naming(manifest.role, path, wanted), frozenset((manifest.role,)))
    path = Path(wanted).expanduser()
    if path.name == wanted and not path.exists():  # a name, then, of which there is no model
        folder.manifest(wanted)
    offer = survey(path)
    place = offer.path if offer.role is Role.ENCODER else offer.files[0]
    place = place.absolute()
    return Chosen(path.name, _naming(offer.role, place, str(place)), frozenset((offer.role,)))


def _naming(role: Role, path: Path, voice: str) -> Changes:
    match role:
        case Role.ENCODER | Role.LLM:
            return {KEYS[role][0]: str(path)}
        case Role.VOICE:
            return {"speak.engine": "piper", "speak.voice": voice}


def opening(role: Role, settings: Settings) -> Callable[[Path], None]:
    """A check that opens a model of a role in its folder, or raises ``AttuneError``."""

    def check(folder: Path) -> None:
        # a voice needs a package that may be installed later; 'models use' opens it
        if role is not Role.VOICE:
            path = next(folder.iterdir()) if role is Role.LLM else folder
            after = settings_after(_naming(role, path, ""), settings)
            _require(examine(after, [KINDS[role]]), role)

    return check


def _tried(
    chosen: Chosen, settings: Settings, *, force: bool, note: Callable[[str], None]
) -> Trial:
    """Open the chosen models; an encoder or LLM together with the other one of the pair."""
    after = settings_after(chosen.changes, settings)
    if Role.VOICE in chosen.roles:
        trial = examine(after, ["speak"])
        _require(trial, Role.VOICE)
        return trial
    total_mb = psutil.virtual_memory().total / 1e6
    if Role.LLM in chosen.roles:  # what its header says need not wait for the encoder
        size = GGUFFile(after.generate.path).size
        if not force:
            require_memory(size / 1e6, total_mb)
    trial = examine(after, ["encode", "generate"])
    for role in chosen.roles:
        _require(trial, role)
    if not force:
        require_memory(trial.peak_mb, total_mb)
    note(f"Encoder and language model take {trial.peak_mb} MB of {total_mb:.0f} MB.")
    return trial


def _bridge_after(trial: Trial, settings: Settings, note: Callable[[str], None]) -> Changes:
    """The base bridge to use; what happens to the learned ones is reported."""
    encoder, llm = trial.opened["encode"], trial.opened["generate"]
    if encoder.fingerprint is None or llm.fingerprint is None:
        note(f"It is not known yet which bridges fit: {encoder.trouble or llm.trouble}")
        return {}
    pair = (encoder.fingerprint, llm.fingerprint)
    base = base_after(settings, *pair)
    fits, current = learned(settings, *pair)
    old_llm, has_base = settings.generate.path, base is not None
    for line in advice(fits, current, old_llm, base=has_base, transcribes=encoder.transcribes):
        note(line)
    if base == settings.bridge.path:
        return {}
    return {"bridge.path": "" if base is None else None}


def settings_after(changes: Changes, settings: Settings) -> Settings:
    """The settings as the changes will make them."""
    defaults = Settings.model_validate({})
    blocks: dict[str, BaseModel] = {}
    for key, value in changes.items():
        name, _, field = key.partition(".")
        if value is None:
            changed = getattr(getattr(defaults, name), field)
        elif field == "path":
            changed = Path(value) if value else None
        else:
            changed = value
        block: BaseModel = blocks.get(name) or getattr(settings, name)
        blocks[name] = block.model_copy(update={field: changed})
    return settings.model_copy(update=blocks)


def require_memory(needed_mb: float, total_mb: float) -> None:
    """Raise ``CatalogError`` for models that leave the system too little memory."""
    if needed_mb + SYSTEM_MB > total_mb:
        raise CatalogError(
            f"Encoder and language model need {needed_mb:.0f} MB, but this machine has "
            f"{total_mb:.0f} MB, {SYSTEM_MB} of them for the system. Choose a smaller model or "
            "quantisation, or add --force to use it anyway."
        )


def _require(trial: Trial, role: Role) -> None:
    if (trouble := trial.opened[KINDS[role]].trouble) is not None:
        raise _ERRORS[role](trouble)
