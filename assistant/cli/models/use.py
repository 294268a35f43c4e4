"""Tries a model, says what becomes of the bridges, and writes it into the settings."""

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
from assistant.config.edit import change
from assistant.control.client import Client
from assistant.errors import CatalogError, ConfigError, EncoderError, LLMError, SpeechError
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
"""Memory that the rest of the system needs at the least."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What shall be used."""

    title: str
    changes: Changes
    roles: frozenset[Role]


def use(wanted: str, settings: Settings, loaded: Loaded, *, force: bool, system: bool) -> int:
    """Try models and take them up.

    Args:
        wanted: the name of an installed model or of a set, a path, or ``starter``.
        settings: those in force.
        loaded: where they came from.
        force: whether a lack of memory is put up with.
        system: whether the system's file of settings is changed rather than the user's.

    Raises:
        AttuneError: if one does not open, does not fit, or the settings cannot be changed.
    """
    file = loaded.files[0 if system else -1]
    changed: set[str] = set()
    for name in read().members(wanted):
        chosen = choose(name, settings)
        _require_a_say(chosen.changes, loaded, file)
        print_line(f"Trying {chosen.title}, which may take a minute.")
        changes = changes_for(chosen, settings, force=force, tell=print_line)
        take_up(changes, loaded, file)
        print_line(f"Settings changed in {file}: {', '.join(changes)}.")
        changed |= changes.keys()
        loaded = loaded.again()
        settings = loaded.settings
    if "encode.path" in changed:
        print_line("'assistant models tune' measures how this machine computes the encoder best.")
    client = Client(settings.control.path)
    if client.is_running():
        client.reload()
        print_line("Attune takes it up now.")
    else:
        print_line("Attune takes it up when it starts; a service does after 'assistant reload'.")
    return 0


def changes_for(
    chosen: Chosen, settings: Settings, *, force: bool, tell: Callable[[str], None]
) -> Changes:
    """Try what was chosen, and find what has to be changed for it.

    Args:
        chosen: what shall be used.
        settings: those in force.
        force: whether a lack of memory is put up with.
        tell: told what it takes, and what becomes of the bridges.

    Raises:
        AttuneError: if it does not open or does not fit.
    """
    trial = _tried(chosen, settings, force=force, tell=tell)
    if Role.VOICE in chosen.roles:
        return chosen.changes
    return chosen.changes | _bridge_after(trial, settings, tell)


def take_up(changes: Changes, loaded: Loaded, file: Path) -> None:
    """Write changes into a file of settings.

    Raises:
        ConfigError: if something else overrides it, or it cannot be written.
    """
    _require_a_say(changes, loaded, file)
    change(file, changes)


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
                f"The model {wanted} lacks {missing[0]}. Pull or import it anew; 'assistant models "
                f"remove {wanted}' makes room for that."
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
    """What opens a model of a role in its folder.

    Args:
        role: of the model.
        settings: how encoders and LLMs are opened.

    Raises:
        AttuneError: from what is given, if the model does not open.
    """

    def check(folder: Path) -> None:
        # a voice needs a package that may be installed later; 'models use' opens it
        if role is not Role.VOICE:
            path = next(folder.iterdir()) if role is Role.LLM else folder
            after = settings_after(_naming(role, path, ""), settings)
            _require(examine(after, [KINDS[role]]), role)

    return check


def _tried(
    chosen: Chosen, settings: Settings, *, force: bool, tell: Callable[[str], None]
) -> Trial:
    """What shall be used, opened; an encoder or LLM beside the other one of the pair.

    Raises:
        EncoderError: if the encoder that is wanted does not open.
        LLMError: if the LLM does not.
        SpeechError: if the voice does not.
        CatalogError: if memory is short.
    """
    after = settings_after(chosen.changes, settings)
    if Role.VOICE in chosen.roles:
        trial = examine(after, ["speak"])
        _require(trial, Role.VOICE)
        return trial
    total_mb = psutil.virtual_memory().total / 1e6
    if Role.LLM in chosen.roles:  # what its header tells need not wait for the encoder
        size = GGUFFile(after.generate.path).size
        if not force:
            require_memory(size / 1e6, total_mb)
    trial = examine(after, ["encode", "generate"])
    for role in chosen.roles:
        _require(trial, role)
    if not force:
        require_memory(trial.peak_mb, total_mb)
    tell(f"Encoder and language model take {trial.peak_mb} MB of {total_mb:.0f} MB.")
    return trial


def _bridge_after(trial: Trial, settings: Settings, tell: Callable[[str], None]) -> Changes:
    """The base bridge that there will be; what becomes of the learned ones is told."""
    encoder, llm = trial.opened["encode"], trial.opened["generate"]
    if encoder.fingerprint is None or llm.fingerprint is None:
        tell(f"Which bridges fit is not known yet: {encoder.trouble or llm.trouble}")
        return {}
    pair = (encoder.fingerprint, llm.fingerprint)
    base = base_after(settings, *pair)
    fits, current = learned(settings, *pair)
    for line in advice(
        fits,
        current,
        settings.generate.path,
        base=base is not None,
        transcribes=encoder.transcribes,
    ):
        tell(line)
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
    """Refuse what leaves the system no memory.

    Raises:
        CatalogError: if it does.
    """
    if needed_mb + SYSTEM_MB > total_mb:
        raise CatalogError(
            f"Encoder and language model need {needed_mb:.0f} MB, but this machine has "
            f"{total_mb:.0f} MB, {SYSTEM_MB} of them for the system. Take a smaller model or "
            "quantisation; --force uses it all the same."
        )


def _require(trial: Trial, role: Role) -> None:
    if (trouble := trial.opened[KINDS[role]].trouble) is not None:
        raise _ERRORS[role](trouble)


def _require_a_say(changes: Changes, loaded: Loaded, file: Path) -> None:
    """Refuse to write what something else overrides.

    Raises:
        ConfigError: if it does.
    """
    for key in changes:
        origin = loaded.origins.get(key)
        mine = f"file {file}"
        lower = [f"file {each}" for each in loaded.files[: loaded.files.index(file)]]
        if origin is not None and origin not in (mine, *lower):
            raise ConfigError(
                f"The setting {key} is set by {origin}, which overrides {file}. Take it out there, "
                "then run this again."
            )
        if changes[key] is None and origin in lower:
            raise ConfigError(
                f"The setting {key} is set by {origin}. Take it out there to go back to the "
                "starter."
            )
