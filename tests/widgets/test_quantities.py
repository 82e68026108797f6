from __future__ import annotations

import math

import pytest

from specimen_unet.widgets.quantities import (
    score_text,
    size_text,
    size_unit,
    without_common_words,
)


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.9, "0.900"), (1.0, "1.000"), (0.12345, "0.123"), (math.nan, "–")],
)
def test_scores_have_three_decimals_and_a_dash_where_undefined(score, text):
    assert score_text(score) == text


@pytest.mark.parametrize(
    ("unit", "dimensions", "largest", "factor", "name"),
    [
        ("mm", 3, 999, 1, "mm³"),
        ("mm", 3, 1000, 1000, "cm³"),
        ("mm", 2, 100, 100, "cm²"),
        ("um", 3, 5e5, 1, "µm³"),
        ("um", 3, 2e9, 1e9, "mm³"),
        ("um", 3, 2e12, 1e12, "cm³"),
        ("pixel", 3, 9999, 1, "voxels"),
        ("pixel", 2, 10_000, 1000, "1000 pixels"),
        ("pixel", 3, 1e8, 1e6, "million voxels"),
        ("inch", 3, 1e9, 1, "inch³"),
        ("mm", 3, math.nan, 1, "mm³"),
    ],
)
def test_the_unit_is_the_one_in_which_the_largest_reads_easily(
    unit, dimensions, largest, factor, name
):
    assert size_unit(unit, dimensions, largest) == (factor, name)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (1.2345, "1.23"),
        (12.345, "12.3"),
        (999.4, "999"),
        (12345.6, "12,346"),
        (-3.21, "-3.21"),
        (math.nan, "–"),
    ],
)
def test_sizes_have_about_three_digits(size, text):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["specimen 11 EA", "specimen 11 MG"], ["EA", "MG"]),
        (["EA", "MG"], ["EA", "MG"]),
        (["032 EA", "032"], ["EA", "032"]),
        (["specimen 11 EA"], ["specimen 11 EA"]),
        ([], []),
    ],
)
def test_words_that_all_names_begin_with_are_left_out(names, short):
    assert list(without_common_words(names).values()) == short
