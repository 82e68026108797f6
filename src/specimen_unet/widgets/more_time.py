"""More minutes for a training that has ended."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, FloatSpinBox, Label, PushButton, Widget
from psygnal import Signal

_USUAL = 10.0
_FEWEST, _MOST = 0.5, 100_000


class MoreTime(Container[Widget]):
    """Lets a training that has ended go on for some minutes.

    Attributes
    ----------
    asked : Signal
        A person wants so many minutes more.
    """

    asked = Signal(float)

    def __init__(self) -> None:
        super().__init__(labels=False, layout="horizontal", name="more_time")
        self.longer = PushButton(
            name="train_longer",
            text="Train longer",
            tooltip="Go on from where it ended; the model it made stays",
        )
        self.minutes = FloatSpinBox(
            name="more_minutes",
            value=_USUAL,
            min=_FEWEST,
            max=_MOST,
            step=1,
            tooltip="How much longer",
        )
        self.extend([self.longer, self.minutes, Label(value="min")])
        self.margins = (0, 0, 0, 0)
        self.longer.changed.connect(self._ask)

    def _ask(self, _: Any = None) -> None:
        self.asked.emit(self.minutes.value)
