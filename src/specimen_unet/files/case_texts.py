"""What stands in a cell of a table of cases, once it was read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specimen_unet.files.case_table import Row

UNKNOWN = "–"


def _size(row: Row) -> str:
    facts = row.image
    if facts is None or facts.problem:
        return "unreadable"
    channels = f", {facts.channels} ch" if facts.channels > 1 else ""
    return " × ".join(map(str, facts.shape)) + channels


def _spacing(row: Row) -> str:
    facts = row.image
    if facts is None or facts.problem or facts.unit == "pixel":
        return UNKNOWN
    steps = [f"{step:.3g}" for step in facts.spacing]
    same = len(set(steps)) == 1
    return f"{steps[0] if same else ' × '.join(steps)} {facts.unit}"


def _dice(row: Row) -> str:
    dice = row.score.dice if row.score else math.nan
    return UNKNOWN if math.isnan(dice) else f"{dice:.3f}"


TEXTS = {
    "case": lambda row: row.name,
    "size": _size,
    "spacing": _spacing,
    "observers": lambda row: ", ".join(row.files.labels),
    "group": lambda row: "" if row.group == row.name else row.group,
    "split": lambda row: row.split,
    "dice": _dice,
}
"""Column -> what it says of a row."""
