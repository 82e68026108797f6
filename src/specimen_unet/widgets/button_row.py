"""Buttons beside one another."""

from __future__ import annotations

from magicgui.widgets import Container, PushButton


def button_row(*buttons: PushButton) -> Container[PushButton]:
    """Put buttons beside one another; who has the row must keep it alive."""
    row = Container(widgets=list(buttons), layout="horizontal", labels=False)
    row.margins = (0, 0, 0, 0)
    return row
