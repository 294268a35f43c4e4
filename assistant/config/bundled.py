"""Where what comes with Attune lies."""

from __future__ import annotations

from pathlib import Path


def starter_dir() -> Path:
    """Folder of the bundled starter models, in an installed wheel or in a checkout."""
    return _bundled("starter")


def catalog_file() -> Path:
    """The catalogue of models to download, in an installed wheel or in a checkout."""
    return _bundled("catalog.toml")


def _bundled(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / name
    return installed if installed.exists() else package.parent / "models" / name
