"""``specimen-unet export``, ``info``, ``demo`` and ``phantoms``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.cli.command import add_command
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.runs.options import add_options, chosen

if TYPE_CHECKING:
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


def add_phantoms(commands: Any) -> None:
    """Add the command ``phantoms``."""
    summary = "Write phantom specimens with two observers, to try everything on."
    parser = add_command(commands, "phantoms", summary, _phantoms)
    parser.add_argument("folder", type=Path, help="folder to be made")
    parser.add_argument(
        "--cases", type=int, default=12, help="how many specimens (default: 12)"
    )
    parser.add_argument(
        "--shape",
        type=_shape,
        metavar="Z,Y,X",
        help="voxels of each along Z, Y and X (default: 39,221,200)",
    )


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} was given, but whole numbers are expected, as in 39,221,200"
        ) from None


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


def _phantoms(parsed: argparse.Namespace) -> Answer:
    from specimen_unet.runs.phantom_files import SHAPE, phantoms

    return phantoms(parsed.folder, parsed.cases, parsed.shape or SHAPE)
