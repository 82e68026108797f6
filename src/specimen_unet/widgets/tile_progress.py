"""How far a segmentation is, and the button that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, ProgressBar, PushButton, Widget
from psygnal import Signal

from specimen_unet.widgets.amounts import time_text
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.domain.events import TileDone


class TileProgress(Container[Widget]):
    """A bar with the time left; shown while there is work.

    Attributes
    ----------
    cancelled : Signal
        A person wants no result any more.
    """

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__(labels=False, name="progress", visible=False)
        self.bar = ProgressBar(name="tiles", min=0, max=1, tooltip="How much is done")
        self.status = Note("segment_status", tooltip="What is done, and what is left")
        self.cancel = PushButton(
            name="cancel", text="Cancel", tooltip="End it and keep nothing"
        )
        self.extend([self.bar, self.status, self.cancel])
        self.margins = (0, 0, 0, 0)
        self.cancel.changed.connect(self._cancel)

    def begin(self) -> None:
        """Show that the work begins."""
        self.visible = self.bar.visible = self.cancel.visible = True
        self.cancel.enabled = True
        self.bar.max, self.bar.value = 1, 0
        self.status.tell("Getting ready…")

    def show_tile(self, event: TileDone) -> None:
        """Show how far it is."""
        if not self.cancel.enabled:
            return
        self.bar.max = event.of
        self.bar.value = event.tile
        self.status.tell(
            f"Part {event.tile} of {event.of} · {time_text(event.seconds_left)} left"
            if event.tile < event.of
            else "Finishing…"
        )

    def end(self) -> None:
        """Show nothing any more."""
        self.visible = False

    def _cancel(self, _: Any = None) -> None:
        self.cancel.enabled = False
        self.status.tell("Cancelling…")
        self.cancelled.emit()
