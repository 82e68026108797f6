"""``specimen-unet export``: a model file in, a folder for another tool out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.engine.model import load_model
from specimen_unet.exports.export import export_model
from specimen_unet.runs.answers import Answer
from specimen_unet.runs.storage import file_name

if TYPE_CHECKING:
    from collections.abc import Mapping


def export_file(
    model_path: Path, target: Path | None, settings: ExportSettings
) -> Answer:
    """Write a model file as a folder that another tool opens.

    Parameters
    ----------
    model_path : Path
        A model file.
    target : Path or None
        The folder to be made; by default ``NAME-FORMAT`` where the terminal is.
    settings : ExportSettings
        Format, authors, licence, and whether an earlier export is replaced.

    Raises
    ------
    SpecimenUnetError
        As `load_model` and `export_model`.
    """
    model = load_model(model_path)
    target = target or Path(f"{file_name(model.name)}-{settings.to}")
    folder = export_model(model, target, settings)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    text = "\n".join(
        [f"Written to {folder}:", *(f"  {_size(p, folder)}" for p in files)]
    )
    content = {
        "folder": str(folder),
        "format": settings.to,
        "files": [path.relative_to(folder).as_posix() for path in files],
    }
    return Answer(text, content)


def export_as_asked(arguments: Mapping[str, Any]) -> Path:
    """Export what a command of the protocol names; return the folder.

    Parameters
    ----------
    arguments : mapping
        ``model`` and ``target``, two paths, and ``settings``, those of an export.
    """
    settings = ExportSettings.model_validate(arguments["settings"])
    model = load_model(Path(arguments["model"]))
    return export_model(model, Path(arguments["target"]), settings)


def _size(path: Path, folder: Path) -> str:
    size = path.stat().st_size
    amount = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
    return f"{path.relative_to(folder)} ({amount})"
