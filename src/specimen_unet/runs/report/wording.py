"""Numbers, sizes and lists as sentences have them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def counted(count: int, one: str, several: str | None = None) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> counted(1, "case"), counted(1200, "case"), counted(2, "axis", "axes")
    ('1 case', '1,200 cases', '2 axes')
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def listed(names: Iterable[str]) -> str:
    """Write names as a sentence does.

    Examples
    --------
    >>> listed(["EA"]), listed(["EA", "MG", "JK"])
    ('EA', 'EA, MG and JK')
    """
    *first, last = [*names] or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def shape_words(shapes: Sequence[tuple[int, ...]]) -> str:
    """Say how large images are, all of them."""
    each = "of" if len(set(shapes)) == 1 else "each of"
    columns = [sorted(set(column)) for column in zip(*shapes, strict=False)]
    if len({len(shape) for shape in shapes}) > 1:
        return "of several shapes"
    unit = "pixels" if len(columns) == 2 else "voxels"
    return f"{each} {' × '.join(span(column, '{:d}') for column in columns)} {unit}"


def spacing_words(spacings: Sequence[tuple[float, ...]]) -> str:
    """Say how large voxels are, all of them."""
    if len({len(spacing) for spacing in spacings}) > 1:
        return "several spacings in"
    columns = [sorted(set(column)) for column in zip(*spacings, strict=True)]
    return f"a spacing of {' × '.join(span(column, '{:.4g}') for column in columns)}"


def span(values: Sequence[float], form: str) -> str:
    """Write the first and the last of sorted values, once where they are the same."""
    low, high = form.format(values[0]), form.format(values[-1])
    return low if low == high else f"{low}–{high}"


def between(values: Sequence[float], form: str) -> str:
    """Write the least and the greatest of values."""
    return span(sorted(values), form)


def size_words(numbers: Iterable[float]) -> str:
    """Write a length along each axis."""
    return " × ".join(f"{number:.4g}" for number in numbers)


def unit_words(unit: str) -> str:
    """Write a unit of length."""
    return "pixels" if unit == "pixel" else unit.replace("um", "µm")


def step_words(levels: Sequence[tuple[int, ...]]) -> str:
    """Write a tuple a level, those that repeat once."""
    texts = ["×".join(map(str, level)) for level in levels]
    runs: list[list[str]] = [[texts[0]]]
    for before, text in pairwise(texts):
        if text == before:
            runs[-1].append(text)
        else:
            runs.append([text])
    return ", ".join(
        run[0] if len(run) == 1 else f"{run[0]} ({len(run)} levels)" for run in runs
    )


def rounded(value: float, digits: int = 3) -> str:
    """Write a number; a dash where it is undefined.

    Examples
    --------
    >>> rounded(0.87654), rounded(float("nan")), rounded(1234.5)
    ('0.877', '–', '1,234')
    """
    if not math.isfinite(value):
        return "–"
    decimals = max(digits - max(math.floor(math.log10(abs(value) or 1)) + 1, 0), 0)
    return f"{value:,.{decimals}f}"
