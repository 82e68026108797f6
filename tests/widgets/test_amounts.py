"""Times, memory and counts are written with the digits that count."""

from __future__ import annotations

import pytest

from specimen_unet.widgets.amounts import count_text, memory_text, time_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0432, "0.043 s"),
        (0.43, "0.4 s"),
        (5.2, "5 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (600, "10 min"),
        (2000, "33 min"),
        (3600, "1 h"),
        (7300, "2 h 1 min"),
    ],
)
def test_a_time_has_the_two_units_that_count(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(3e5, "0.3 MB"), (4.2e7, "42 MB"), (1.26e9, "1.3 GB")]
)
def test_memory_is_told_in_mb_or_gb(size: float, text: str) -> None:
    assert memory_text(size) == text


def test_thousands_stand_apart() -> None:
    assert count_text(1500) == "1,500"
