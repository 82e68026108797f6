"""What came of a training: where the model is and what its score is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication

from specimen_unet.files.library import read_card
from specimen_unet.widgets.card_words import reached_text
from specimen_unet.widgets.note import MAIN, Note

if TYPE_CHECKING:
    from pathlib import Path


class ResultView(Container[Widget]):
    """Names the model, its score, and what can be done with it next.

    Parameters
    ----------
    can_segment : bool
        Whether there is a window in which the Segment dock can be opened.

    Attributes
    ----------
    segment_asked : Signal
        One wants to segment with this model: its path.
    """

    segment_asked = Signal(object)

    def __init__(self, *, can_segment: bool) -> None:
        super().__init__(labels=False, name="result", visible=False)
        self.model = Note("model", tooltip="The file of the model")
        self.score = Note("model_score", tooltip="On labels it was not trained on")
        self.caution = Note("model_caution", "caution")
        self.segment = PushButton(
            name="segment_with_it",
            text="Segment with this model",
            tooltip="Open the Segment dock with this model chosen",
            visible=can_segment,
        )
        self.segment.native.setStyleSheet(MAIN)
        self.open = PushButton(
            name="open_folder", text="Open folder", tooltip="Show the file of the model"
        )
        self.copy = PushButton(
            name="copy_path", text="Copy path", tooltip="Copy where the model is"
        )
        self._buttons = Container(
            widgets=[self.open, self.copy], layout="horizontal", labels=False
        )
        self.extend([self.model, self.score, self.caution, self.segment, self._buttons])
        self.margins = self._buttons.margins = (0, 0, 0, 0)
        self._can_segment = can_segment
        self._path: Path | None = None
        self.segment.changed.connect(self._ask_segment)
        self.open.changed.connect(self._open_folder)
        self.copy.changed.connect(self._copy_path)

    @property
    def path(self) -> Path | None:
        """Where the model is; None while there is none."""
        return self._path

    def show_model(self, path: Path | None) -> None:
        """Show a model, or nothing."""
        self._path = path
        self.visible = path is not None
        if path is None:
            return
        card = read_card(path)
        self.model.tell(f"The model is saved:\n{path.name}\nin {path.parent}")
        self.score.tell(reached_text(card))
        self.caution.tell(card.metrics.caution if card.metrics else "")
        self.segment.visible = self._can_segment

    def _ask_segment(self) -> None:
        self.segment_asked.emit(self._path)

    def _open_folder(self) -> None:
        if self._path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path.parent)))

    def _copy_path(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(str(self._path))
