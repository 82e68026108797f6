"""``specimen-unet export``, ``info`` and ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.cli.command import add_command
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.runs.options import add_options, chosen

if TYPE_CHECKING:
    import argparse

    from specimen_unet.runs.answers import Answer


def add_export(commands: Any) -> None:
    """Add the command ``export``."""
    summary = "Write a model for other tools: MONAI, ONNX, bioimage.io."
    parser = add_command(commands, "export", summary, _export)
    parser.add_argument("model", type=Path, help=".safetensors file")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder to be made (default: NAME-FORMAT, here)",
    )
    add_options(parser, ExportSettings)


def add_info(commands: Any) -> None:
    """Add the command ``info``."""
    summary = "Describe a model, a run, a study or a folder of cases."
    parser = add_command(commands, "info", summary, _info)
    parser.add_argument(
        "path", type=Path, help="model file, run, study or folder of cases"
    )


def add_demo(commands: Any) -> None:
    """Add the command ``demo``."""
    summary = "Make phantoms, train on them and segment others: see it work."
    parser = add_command(commands, "demo", summary, _demo)
    parser.add_argument("folder", type=Path, help="where everything is written")
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="of each training (default: 1)"
    )


def _export(parsed: argparse.Namespace) -> Answer:
    settings = chosen(parsed, ExportSettings)
    from specimen_unet.runs.export_file import export_file

    return export_file(parsed.model, parsed.out, settings)


def _info(parsed: argparse.Namespace) -> Answer:
    from specimen_unet.runs.description import describe

    return describe(parsed.path)


def _demo(parsed: argparse.Namespace) -> Answer:
    from specimen_unet.runs.demo import demo

    return demo(parsed.folder, parsed.minutes)
