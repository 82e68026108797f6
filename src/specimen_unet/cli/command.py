"""What every command of the terminal has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from specimen_unet.runs.answers import Answer


def add_command(
    commands: Any, name: str, summary: str, answer: Callable[..., Answer]
) -> argparse.ArgumentParser:
    """Add a command that ends with an answer."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary
    )
    parser.add_argument("--json", action="store_true", help="print for machines")
    parser.set_defaults(answer=answer)
    return parser


def add_scheduler(parser: argparse._ActionsContainer, what: str) -> None:
    """Let a command spread its work over machines."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"let the workers of a Dask scheduler {what} (tcp://host:8786). They and "
        "this machine must see the same folders under the same names; start them with "
        "`dask worker ADDRESS --nthreads 1`. The extra `distributed` installs Dask",
    )
