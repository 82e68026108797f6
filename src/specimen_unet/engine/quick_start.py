"""MONAI in half the time, for a process that needs its networks and losses only."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# ``import monai`` imports all of MONAI, and that imports these where they are there.
_EXTRAS = ("ignite", "matplotlib", "nibabel", "requests", "skimage", "scipy.signal")


def import_monai_without_extras() -> None:
    """Import MONAI as if what it only may use were not installed.

    For the worker, which people wait for; MONAI's own readers, handlers and pictures do
    not work in it. Everybody else imports these packages as ever, also after this.
    """
    try:
        with _hidden(_EXTRAS):
            import monai
    except ImportError:
        # A release that cannot do without one of them.
        import monai  # noqa: F401


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Let packages that nobody has imported yet seem to be missing."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
