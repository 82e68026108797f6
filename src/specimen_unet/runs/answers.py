"""What a command of the terminal answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class Status(IntEnum):
    """Exit codes. What argparse refuses is 2."""

    OK = 0
    BAD_INPUT = 1
    SOME_FILES_FAILED = 3
    BELOW_BOUND = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: for people, for machines, and how it ended."""

    text: str
    content: Any
    status: Status = Status.OK


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a table into rows that JSON can hold; what is undefined becomes None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
