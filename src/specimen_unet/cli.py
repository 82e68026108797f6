"""The terminal's face: ``specimen-unet plan | train | segment | compare | ...``.

Nothing here imports torch before a command needs it, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet import __version__
from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.domain.settings import SegmentationSettings, TrainingSettings
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.options import (
    OptionError,
    add_case_options,
    add_options,
    case_options,
    changes,
    chosen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_CODES = """\
exit codes:
  0  done
  1  something is wrong with the input; the message says what to do
  2  the command was not understood
  3  some of the files could not be read, segmented or compared
  4  the demo's model is worse than it should be
  130  interrupted: Ctrl-C once stops and keeps the model, twice leaves a run
       that `specimen-unet train RUN --resume` goes on with
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the terminal.

    Parameters
    ----------
    arguments : sequence of str, optional
        What was typed; by default, of this process.

    Returns
    -------
    int
        The exit code.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help(sys.stderr)
        parser.exit(2, "\nspecimen-unet: say what to do, as in `specimen-unet demo`\n")
    if parsed.command == "worker":
        from specimen_unet.runs.child import main as work

        return work()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _run(parser, parsed)


def _run(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    try:
        answer: Answer = parsed.answer(parsed)
    except SpecimenUnetError as error:
        print(f"specimen-unet: {error}", file=sys.stderr)
        return Status.BAD_INPUT
    except OptionError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    print(json.dumps(answer.content, indent=2) if parsed.json else answer.text)
    return answer.status


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


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


def _segment(parsed: argparse.Namespace) -> Answer:
    settings, options = chosen(parsed, SegmentationSettings), case_options(parsed)
    from specimen_unet.runs.segment_files import segment_files

    return segment_files(parsed.images, parsed.model, parsed.out, settings, options)


def _compare(parsed: argparse.Namespace) -> Answer:
    settings, options = chosen(parsed, ComparisonSettings), case_options(parsed)
    from specimen_unet.runs.compare_files import compare_files

    return compare_files(parsed.predicted, parsed.truth, settings, options)


def _cases(parsed: argparse.Namespace) -> Answer:
    options = case_options(parsed)
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.runs.case_commands import Export, cases, export

    folder = CaseFolder.open(parsed.folder, options)
    if parsed.export is None:
        return cases(folder)
    return export(folder, Export(parsed.export, parsed.format, parsed.observer))


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


def _training_settings(parsed: argparse.Namespace) -> TrainingSettings:
    return chosen(parsed, TrainingSettings)


def _is_chosen(parsed: argparse.Namespace) -> bool:
    """Tell whether anything was said that a run already knows."""
    is_said = case_options(parsed) != AS_FOUND
    return is_said or bool(changes(parsed, TrainingSettings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="specimen-unet",
        description="Train and run 2D and 3D U-Nets on specimen volumes.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_cases(commands)
    for add in (_add_plan, _add_train, _add_segment, _add_compare, _add_info):
        add(commands)
    _add_export(commands)
    _add_demo(commands)
    commands.add_parser("worker", description="The engine behind the docks.")
    return parser


def _command(
    commands: Any, name: str, summary: str, answer: Callable[..., Answer]
) -> argparse.ArgumentParser:
    """Add a command that ends with an answer."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary
    )
    parser.add_argument("--json", action="store_true", help="print for machines")
    parser.set_defaults(answer=answer)
    return parser


def _add_plan(commands: Any) -> None:
    parser = _command(commands, "plan", "Say what training would do, and why.", _plan)
    parser.add_argument("folder", type=Path, help="folder of cases, or a run")
    add_case_options(parser)
    add_options(parser, TrainingSettings)


def _add_train(commands: Any) -> None:
    parser = _command(commands, "train", "Train a model.", _train)
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


def _add_segment(commands: Any) -> None:
    parser = _command(commands, "segment", "Segment images with a model.", _segment)
    parser.add_argument("images", type=Path, help="image file, or folder of them")
    parser.add_argument("model", type=Path, help=".safetensors file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the labels")
    add_case_options(parser, has_groups=False)
    add_options(parser, SegmentationSettings)


def _add_compare(commands: Any) -> None:
    summary = "Score labels against what observers drew."
    parser = _command(commands, "compare", summary, _compare)
    parser.add_argument("predicted", type=Path, help="label file, or folder of them")
    parser.add_argument(
        "truth", type=Path, nargs="+", help="label file of each observer, or a folder"
    )
    add_case_options(parser, has_groups=False)
    add_options(parser, ComparisonSettings)


def _add_cases(commands: Any) -> None:
    summary = "Show what is paired with what in a folder; write it for other tools."
    parser = _command(commands, "cases", summary, _cases)
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


def _add_export(commands: Any) -> None:
    summary = "Write a model for other tools: MONAI, ONNX, bioimage.io."
    parser = _command(commands, "export", summary, _export)
    parser.add_argument("model", type=Path, help=".safetensors file")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder to be made (default: NAME-FORMAT, here)",
    )
    add_options(parser, ExportSettings)


def _add_info(commands: Any) -> None:
    summary = "Describe a model, a run or a folder of cases."
    parser = _command(commands, "info", summary, _info)
    parser.add_argument("path", type=Path, help="model file, run or folder of cases")


def _add_demo(commands: Any) -> None:
    summary = "Make phantoms, train on them and segment others: see it work."
    parser = _command(commands, "demo", summary, _demo)
    parser.add_argument("folder", type=Path, help="where everything is written")
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="of each training (default: 1)"
    )
