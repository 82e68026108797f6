"""Write a model as a folder that another tool opens."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import ExportError
from specimen_unet.exports.bioimage_io import write_bioimage_io
from specimen_unet.exports.monai_bundle import write_monai_bundle
from specimen_unet.exports.onnx_folder import write_onnx_folder
from specimen_unet.exports.readme import MARK
from specimen_unet.files.replacing import replaced_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.export_settings import ExportFormat, ExportSettings
    from specimen_unet.engine.model import Model

# Each writes into an empty folder that is there.
FORMATS: dict[ExportFormat, Callable[[Model, Path, ExportSettings], None]] = {
    "monai-bundle": write_monai_bundle,
    "onnx": write_onnx_folder,
    "bioimage-io": write_bioimage_io,
}
# What writing needs besides what specimen-unet needs: the extra `export`.
_PACKAGES: dict[ExportFormat, tuple[str, ...]] = {
    "monai-bundle": (),
    "onnx": ("onnx", "onnxscript"),
    "bioimage-io": ("onnx", "onnxscript", "bioimageio.spec"),
}
_READMES = ("README.md", "docs/README.md")


def export_model(model: Model, target: Path, settings: ExportSettings) -> Path:
    """Write a model for another tool, whole or not at all.

    Parameters
    ----------
    model : Model
        From `train` or `load_model`.
    target : Path
        The folder to be made.
    settings : ExportSettings
        Format, authors, licence, and whether an earlier export is replaced.

    Returns
    -------
    Path
        The folder, absolute.

    Raises
    ------
    ExportError
        If there is something at `target`, a package is missing, the licence is
        unknown, or the folder cannot be written.
    """
    target = target.absolute()
    _check_packages(settings.to)
    _check_target(target, replace=settings.force)
    try:
        with replaced_folder(target) as folder:
            FORMATS[settings.to](model, folder, settings)
    except OSError as error:
        raise ExportError(
            f"{target} could not be written ({error}): choose another folder."
        ) from error
    return target


def _check_packages(name: ExportFormat) -> None:
    missing = [package for package in _PACKAGES[name] if not _is_installed(package)]
    if missing:
        raise ExportError(
            f"The export to {name} needs {' and '.join(missing)}, not installed here: "
            'python -m pip install "specimen-unet[export]".'
        )


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # of its parent
        return False


def _check_target(target: Path, *, replace: bool) -> None:
    """Refuse what is there already; with `replace`, all but an earlier export."""
    if not target.exists():
        return
    if not replace:
        raise ExportError(
            f"{target} exists: choose another folder, or have an earlier export "
            "replaced (--force)."
        )
    if not _is_export(target):
        raise ExportError(
            f"{target} is no export of specimen-unet, so it is not replaced: choose "
            "another folder, or remove it first."
        )


def _is_export(folder: Path) -> bool:
    """Whether a folder is one that `export_model` wrote."""
    return any(
        (folder / name).is_file() and MARK in (folder / name).read_text("utf-8")
        for name in _READMES
    )
