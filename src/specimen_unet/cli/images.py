"""``specimen-unet segment``, ``compare`` and ``cases``: folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.cli.command import add_command, add_scheduler
from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.segmentation_settings import SegmentationSettings
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


def add_cases(commands: Any) -> None:
    """Add the command ``cases``."""
    summary = "Show what is paired with what in a folder; write it for other tools."
    parser = add_command(commands, "cases", summary, _cases)
    parser.add_argument("folder", type=Path, help="folder of images and labels")
    add_case_options(parser)
    parser.add_argument(
        "--export", type=Path, metavar="OUT", help="write the cases into this folder"
    )
    parser.add_argument(
        "--format",
        choices=["nnunet", "folders"],
        default="nnunet",
        help="of what is written: nnU-Net raw (default), or images/ and labels/",
    )
    parser.add_argument(
        "--observer",
        help="whose labels are written, or: majority, union, intersection, staple "
        "(default for nnunet, where several drew: majority)",
    )
    parser.add_argument(
        "--near-duplicates",
        action="store_true",
        help="look for images that show nearly the same, and put them in one group",
    )
    parser.add_argument(
        "--save-groups",
        action="store_true",
        help="with --near-duplicates: write the groups into FOLDER/groups.csv",
    )


def add_segment(commands: Any) -> None:
    """Add the command ``segment``."""
    parser = add_command(commands, "segment", "Segment images with a model.", _segment)
    parser.add_argument("images", type=Path, help="image file, or folder of them")
    parser.add_argument(
        "model",
        type=Path,
        nargs="+",
        help=".safetensors file, or the folder of a study (all its models); several "
        "models segment together, by the mean of their probabilities",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the labels")
    parser.add_argument(
        "--again",
        action="store_true",
        help="segment also what the same models have segmented before, in the same way",
    )
    add_scheduler(parser, "segment the images")
    add_case_options(parser, has_groups=False)
    add_options(parser, SegmentationSettings)


def add_compare(commands: Any) -> None:
    """Add the command ``compare``."""
    summary = "Score labels against what observers drew."
    parser = add_command(commands, "compare", summary, _compare)
    parser.add_argument("predicted", type=Path, help="label file, or folder of them")
    parser.add_argument(
        "truth", type=Path, nargs="+", help="label file of each observer, or a folder"
    )
    add_case_options(parser, has_groups=False)
    add_options(parser, ComparisonSettings)


def _cases(parsed: argparse.Namespace) -> Answer:
    options = case_options(parsed)
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.runs.case_commands import Export, cases, export

    folder = CaseFolder.open(parsed.folder, options)
    if parsed.near_duplicates:
        from specimen_unet.runs.duplicate_command import near_duplicates

        return near_duplicates(folder, saves=parsed.save_groups)
    if parsed.save_groups:
        raise OptionError("--save-groups goes with --near-duplicates.")
    if parsed.export is None:
        return cases(folder)
    return export(folder, Export(parsed.export, parsed.format, parsed.observer))


def _segment(parsed: argparse.Namespace) -> Answer:
    settings, options = chosen(parsed, SegmentationSettings), case_options(parsed)
    from specimen_unet.runs.segment_files import Where, segment_files

    where = Where(parsed.again, parsed.scheduler)
    return segment_files(
        parsed.images, parsed.model, parsed.out, settings, options, where
    )


def _compare(parsed: argparse.Namespace) -> Answer:
    settings, options = chosen(parsed, ComparisonSettings), case_options(parsed)
    from specimen_unet.runs.compare_files import compare_files

    return compare_files(parsed.predicted, parsed.truth, settings, options)
