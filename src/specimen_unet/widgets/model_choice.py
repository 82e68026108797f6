"""Which model: one of the library, or a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QWidget

from specimen_unet.domain.errors import ModelFileError
from specimen_unet.files.library import SUFFIX, models, read_card
from specimen_unet.widgets.card_words import card_caution, card_summary
from specimen_unet.widgets.elision import elide_in_the_middle
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard

_NONE_YET = (
    "There is no model yet. Train one first (Plugins ▸ Specimen U‑Net ▸ Train), or "
    "choose a model file."
)


class ModelChoice(Container[Widget]):
    """Offers models and says what the chosen one is and how well it did.

    Attributes
    ----------
    box : ComboBox
        The models; to be shown beside other choices, by whoever owns this.
    model_changed : Signal
        Another model is chosen, or none.
    """

    model_changed = Signal()

    def __init__(self) -> None:
        super().__init__(labels=False, name="model_choice")
        self._files: list[Path] = []
        self.card: ModelCard | None = None
        self.box = ComboBox(
            name="model",
            label="Model",
            tooltip="The models of the library, the newest first",
            choices=self._choices,
        )
        elide_in_the_middle(self.box)
        self.open = PushButton(
            name="open_model",
            text="From file…",
            tooltip=f"Choose a model file ({SUFFIX}); it may also be dropped here",
        )
        self.refresh = PushButton(
            name="refresh", text="Refresh", tooltip="Look for new models in the library"
        )
        self.summary = Note("model_summary", tooltip="What the model says of itself")
        self.caution = Note("model_caution", "caution")
        self.problem = Note("model_problem", "problem")
        buttons = Container(
            widgets=[self.open, self.refresh], layout="horizontal", labels=False
        )
        self.extend([buttons, self.problem, self.summary, self.caution])
        self.margins = buttons.margins = (0, 0, 0, 0)
        self.box.changed.connect(self._show)
        self.open.changed.connect(self._ask_file)
        self.refresh.changed.connect(self._look)
        self._show()

    @property
    def path(self) -> Path | None:
        """The chosen model; None when there is none, or its card is unreadable."""
        path: Path | None = self.box.value
        return path if self.card is not None else None

    def choose(self, path: Path | str) -> None:
        """Choose a model file; one that is none is told, and the choice stays."""
        path = Path(path).absolute()
        try:
            read_card(path)
        except ModelFileError as error:
            self.problem.tell(str(error))
            return
        self.problem.tell("")
        if path not in self._files:
            self._files.insert(0, path)
        self.box.reset_choices()
        self.box.value = path
        self._show()

    def _choices(self, _: Any = None) -> list[tuple[str, Path]]:
        """List the library, and the files that were chosen besides."""
        library = [path.absolute() for path in models()]
        paths = [path for path in self._files if path not in library] + library
        paths = [path for path in paths if path.is_file()]
        twice = Counter(path.stem for path in paths)
        return [
            (
                path.stem if twice[path.stem] < 2 else f"{path.stem} ({path.parent})",
                path,
            )
            for path in paths
        ]

    def _look(self, _: Any = None) -> None:
        self.box.reset_choices()
        self._show()

    def _show(self, _: Any = None) -> None:
        """Say what the chosen model is."""
        path: Path | None = self.box.value
        self.card = None
        self.problem.tell("" if path else _NONE_YET)
        if path is not None:
            try:
                self.card = read_card(path)
            except ModelFileError as error:
                self.problem.tell(str(error))
        self.summary.tell(card_summary(self.card) if self.card else "")
        self.caution.tell(card_caution(self.card) if self.card else "")
        self.model_changed.emit()

    def _ask_file(self, _: Any = None) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self.native, "Choose a model", "", f"Model (*{SUFFIX})"
        )
        if chosen:
            self.choose(chosen)


class ModelDrop(QObject):
    """Lets model files be dropped on a widget.

    Parameters
    ----------
    widget : QWidget
        On which, or on whose parts, they are dropped.
    choice : ModelChoice
        Told of the file.
    """

    def __init__(self, widget: QWidget, choice: ModelChoice) -> None:
        super().__init__(widget)
        self._choice = choice
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Take one local file; napari opens whatever is no model."""
        if not isinstance(event, QDropEvent):  # entering and moving are such, too
            return False
        path = _dropped_model(event)
        if path is None:
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._choice.choose(path)
        return True


def _dropped_model(event: QDropEvent) -> Path | None:
    """Return the one model file that is dragged, if it is one."""
    data = event.mimeData()
    urls = data.urls() if data is not None else []
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix == SUFFIX else None
