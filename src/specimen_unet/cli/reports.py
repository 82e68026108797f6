"""``specimen-unet report``: what was trained or compared, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.cli.command import add_command
from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.runs.options import (
    OptionError,
    add_case_options,
    add_options,
    case_options,
    chosen,
)

if TYPE_CHECKING:
    import argparse

    from specimen_unet.runs.answers import Answer


def add_report(commands: Any) -> None:
    """Add the command ``report``."""
    summary = "Write a report of a run or of a comparison: one HTML file, and CSVs."
    parser = add_command(commands, "report", summary, _report)
    parser.add_argument(
        "source", type=Path, help="run or study; or label file or folder of predictions"
    )
    parser.add_argument(
        "truth",
        type=Path,
        nargs="*",
        help="of predictions: label file of each observer, or folders; none for a run",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the HTML (default: report.html, in the run or here)",
    )
    parser.add_argument(
        "--model", type=Path, help="model file that predicted: tells the methods"
    )
    add_case_options(parser)
    add_options(parser, ComparisonSettings)


def _report(parsed: argparse.Namespace) -> Answer:
    settings, options = chosen(parsed, ComparisonSettings), case_options(parsed)
    if parsed.model is not None and not parsed.truth:
        raise OptionError("--model belongs to predictions: a run knows its model.")
    from specimen_unet.runs.report_files import report_of_files
    from specimen_unet.runs.reporting import report_of_folder

    if not parsed.truth:
        return report_of_folder(parsed.source, parsed.out, settings)
    return report_of_files(
        parsed.source,
        parsed.truth,
        parsed.out,
        settings,
        options,
        model=parsed.model,
    )
