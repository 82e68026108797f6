"""``specimen-unet plan`` and ``train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.cli.command import add_command
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.runs.options import (
    add_case_options,
    add_options,
    case_options,
    changes,
    chosen,
)

if TYPE_CHECKING:
    import argparse

    from specimen_unet.runs.answers import Answer


def add_plan(commands: Any) -> None:
    """Add the command ``plan``."""
    parser = add_command(
        commands, "plan", "Say what training would do, and why.", _plan
    )
    parser.add_argument("folder", type=Path, help="folder of cases, or a run")
    add_case_options(parser)
    add_options(parser, TrainingSettings)


def add_train(commands: Any) -> None:
    """Add the command ``train``."""
    parser = add_command(commands, "train", "Train a model.", _train)
    parser.add_argument("folder", type=Path, help="folder of cases, or a run")
    parser.add_argument("--out", type=Path, metavar="RUNS", help="where runs are kept")
    parser.add_argument("--name", help="name of the run (default: of the folder)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    parser.add_argument(
        "--more-minutes",
        type=float,
        metavar="MINUTES",
        help="prolong a run, ended or not",
    )
    parser.add_argument(
        "--start-from", type=Path, metavar="MODEL", help="fine-tune this model"
    )
    add_case_options(parser)
    add_options(parser, TrainingSettings)


def _plan(parsed: argparse.Namespace) -> Answer:
    settings, options = _training_settings(parsed), case_options(parsed)
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.runs.training_commands import open_run, plan, plan_again

    if RunFolder.is_run(parsed.folder):
        return plan_again(open_run(parsed.folder, is_chosen=_is_chosen(parsed)))
    return plan(parsed.folder, settings, options)


def _train(parsed: argparse.Namespace) -> Answer:
    settings, options = _training_settings(parsed), case_options(parsed)
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.runs.training_commands import new_run, open_run, train

    is_begun = parsed.resume or parsed.more_minutes is not None
    if is_begun or RunFolder.is_run(parsed.folder):
        run = open_run(parsed.folder, is_chosen=_is_chosen(parsed))
        return train(run, resume=parsed.resume, more_minutes=parsed.more_minutes)
    run = new_run(
        parsed.folder,
        settings,
        options,
        parent=parsed.out,
        name=parsed.name,
        start_from=parsed.start_from,
    )
    return train(run)


def _training_settings(parsed: argparse.Namespace) -> TrainingSettings:
    return chosen(parsed, TrainingSettings)


def _is_chosen(parsed: argparse.Namespace) -> bool:
    """Tell whether anything was said that a run already knows."""
    is_said = case_options(parsed) != AS_FOUND
    return is_said or bool(changes(parsed, TrainingSettings))
