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
