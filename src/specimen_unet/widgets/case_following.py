"""While a training on a folder runs, its cases come and go in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    QTimer,
    Signal,
)

from specimen_unet.viewer.pairing import pairs_of_cases
from specimen_unet.widgets.layer_choice import layers_of_type

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.viewer.pairing import Pair

_SETTLE_MS = 200  # image and observers of a case are added one after the other


class CaseFollowing(QObject):
    """Finds the cases of a run among the open layers, and again when one is opened.

    Signals
    -------
    opened : list of Pair
        Cases of the run that are open now.
    """

    opened = Signal(list)

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._run: RunFolder | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._tell)

    def pairs_of(self, run: RunFolder) -> list[Pair]:
        """Find the cases of a run that are open as layers."""
        images = layers_of_type(self._viewer, Image)
        names = {str(image.name) for image in images}
        drawn = layers_of_type(self._viewer, Labels)
        return pairs_of_cases(run.cases(named=names), images, drawn)

    def start(self, run: RunFolder) -> None:
        """Tell whenever another case of this run is opened."""
        self.stop()
        self._run = run
        self._viewer.layers.events.inserted.connect(self._wait)

    def stop(self) -> None:
        """Tell nothing any more."""
        self._settle.stop()
        if self._run is not None:
            self._viewer.layers.events.inserted.disconnect(self._wait)
        self._run = None

    def _wait(self, event: Any) -> None:
        if not isinstance(event.value, Image | Labels) or event.value.name == "preview":
            return
        self._settle.start()

    def _tell(self) -> None:
        if self._run is not None:
            self.opened.emit(self.pairs_of(self._run))
