"""Times and memory as people read them."""

from __future__ import annotations


def time_text(seconds: float) -> str:
    """Write a time with the two units that count.

    Examples
    --------
    >>> time_text(0.043), time_text(0.43), time_text(5.2)
    ('0.043 s', '0.4 s', '5 s')
    >>> time_text(200), time_text(2000), time_text(7300)
    ('3 min 20 s', '33 min', '2 h 2 min')
    """
    if seconds < 3:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, left = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    return f"{hours} h {left} min" if left else f"{hours} h"


def memory_text(size: float) -> str:
    """Write an amount of memory, in bytes, as MB or GB.

    Examples
    --------
    >>> memory_text(300_000), memory_text(42e6), memory_text(1.26e9)
    ('0.3 MB', '42 MB', '1.3 GB')
    """
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"


def count_text(number: int) -> str:
    """Write a count with its thousands apart.

    Examples
    --------
    >>> count_text(1500)
    '1,500'
    """
    return f"{number:,}"
