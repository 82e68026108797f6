"""``specimen-unet crossvalidate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.cli.command import add_command, add_scheduler
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.runs.options import (
    OptionError,
    add_case_options,
    add_options,
    case_options,
    changes,
    chosen,
)

if TYPE_CHECKING:
    import argparse

    from specimen_unet.runs.answers import Answer

# How many folds there are is the study's; which one is held out, too.
_SETTINGS = [name for name in TrainingSettings.model_fields if name[:4] != "fold"]


def add_crossvalidate(commands: Any) -> None:
    """Add the command ``crossvalidate``."""
    summary = (
        "Train on all folds but one, in turn, and score every case with the model that "
        "has not seen it."
    )
    parser = add_command(commands, "crossvalidate", summary, _crossvalidate)
    parser.add_argument(
        "folder", type=Path, help="folder of cases, or a study to go on with"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="STUDY",
        help="the study (default: NAME-study, here)",
    )
    parser.add_argument(
        "--folds",
        dest="study_folds",  # not those of the settings
        type=int,
        metavar="K",
        help="how many models are trained (default: 5)",
    )
    side_by_side = parser.add_mutually_exclusive_group()
    side_by_side.add_argument(
        "--devices",
        nargs="+",
        metavar="DEVICE",
        help="train folds side by side, one on each: cuda:0 cuda:1",
    )
    side_by_side.add_argument(
        "--at-once",
        type=int,
        metavar="N",
        help="train so many folds side by side, all on the device of the settings",
    )
    add_scheduler(side_by_side, "train the folds")
    add_case_options(parser)
    add_options(parser, TrainingSettings, _SETTINGS)


def _crossvalidate(parsed: argparse.Namespace) -> Answer:
    settings, options = chosen(parsed, TrainingSettings), case_options(parsed)
    if parsed.study_folds is not None and parsed.study_folds < 2:
        raise OptionError(f"--folds {parsed.study_folds}: 2 or more were expected.")
    if parsed.at_once is not None and parsed.at_once < 1:
        raise OptionError(f"--at-once {parsed.at_once}: 1 or more were expected.")
    from specimen_unet.runs.crossvalidation import check_reachable
    from specimen_unet.runs.study import StudyFolder
    from specimen_unet.runs.study_commands import crossvalidate, open_study
    from specimen_unet.runs.study_making import Asked, study_of

    if StudyFolder.is_study(parsed.folder):
        is_said = case_options(parsed) != AS_FOUND or parsed.study_folds or parsed.out
        is_chosen = bool(is_said or changes(parsed, TrainingSettings))
        study = open_study(parsed.folder, is_chosen=is_chosen)
    else:
        check_reachable(settings, parsed.devices or (), parsed.scheduler)
        asked = Asked(parsed.folder, options, settings, parsed.study_folds)
        study = study_of(asked, parsed.out)
    devices = parsed.devices or [study.record.settings.device] * (parsed.at_once or 0)
    return crossvalidate(study, devices=devices, scheduler=parsed.scheduler)
