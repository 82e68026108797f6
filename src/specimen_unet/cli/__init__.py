"""The terminal's face: ``specimen-unet plan | train | segment | compare | ...``.

Nothing here imports torch before a command needs it, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from typing import TYPE_CHECKING, Any

from specimen_unet import __version__
from specimen_unet.cli.images import add_cases, add_compare, add_segment
from specimen_unet.cli.models import add_demo, add_export, add_info, add_phantoms
from specimen_unet.cli.reports import add_report
from specimen_unet.cli.studies import add_crossvalidate
from specimen_unet.cli.training import add_plan, add_train
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.runs.answers import Answer, Status
from specimen_unet.runs.options import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_CODES = """\
exit codes:
  0  done
  1  something is wrong with the input; the message says what to do
  2  the command was not understood
  3  some of the files could not be read, segmented or compared
  4  the demo's model is worse than it should be
  130  interrupted: Ctrl-C once stops and keeps the model, twice leaves a run
       that `specimen-unet train RUN --resume` goes on with; a study is kept
       as it is, and goes on when the command is given again
"""


_COMMANDS = (
    add_cases,
    add_plan,
    add_train,
    add_crossvalidate,
    add_segment,
    add_compare,
    add_report,
    add_info,
    add_export,
    add_demo,
    add_phantoms,
)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="specimen-unet",
        description="Train and run 2D and 3D U-Nets on specimen volumes.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    commands.add_parser("worker", description="The engine behind the docks.")
    return parser
