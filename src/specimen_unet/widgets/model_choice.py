"""Which model: one of the library, a file, or all models of a study together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QWidget

from specimen_unet.domain.errors import ModelFileError, RunFolderError
from specimen_unet.files.library import SUFFIX, models, read_card
from specimen_unet.files.model_files import model_name
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_models import models_at, unseen_dice, whole_studies
from specimen_unet.widgets.card_words import card_caution, card_summary, study_summary
from specimen_unet.widgets.elision import elide_in_the_middle
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard

_NONE_YET = (
    "There is no model yet. Train one first (Plugins ▸ Specimen U‑Net ▸ Train), or "
    "choose a model file or a study."
)


class ModelChoice(Container[Widget]):
    """Offers models and says what the chosen one is and how well it did.

    A study stands for the models of all its folds, which segment together.

    Attributes
    ----------
    box : ComboBox
        The models and studies; to be shown beside other choices, by whoever owns this.
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
            tooltip="The models of the library, the newest first, then studies, whose "
            "models segment together",
            choices=self._choices,
        )
        elide_in_the_middle(self.box)
        self.open = PushButton(
            name="open_model",
            text="From file…",
            tooltip=f"Choose a model file ({SUFFIX}); it may also be dropped here",
        )
        self.open_study = PushButton(
            name="open_study",
            text="Study…",
            tooltip="Choose the folder of a cross-validation: its models segment "
            "together; it may also be dropped here",
        )
        self.refresh = PushButton(
            name="refresh", text="Refresh", tooltip="Look for new models and studies"
        )
        self.summary = Note("model_summary", tooltip="What the model says of itself")
        self.caution = Note("model_caution", "caution")
        self.problem = Note("model_problem", "problem")
        buttons = Container(
            widgets=[self.open, self.open_study, self.refresh],
            layout="horizontal",
            labels=False,
        )
        self.extend([buttons, self.problem, self.summary, self.caution])
        self.margins = buttons.margins = (0, 0, 0, 0)
        self.box.changed.connect(self._show)
        self.open.changed.connect(self._ask_file)
        self.open_study.changed.connect(self._ask_study)
        self.refresh.changed.connect(self._look)
        self._show()

    @property
    def path(self) -> Path | None:
        """The chosen file or study; None when there is none, or it is unreadable."""
        path: Path | None = self.box.value
        return path if self.card is not None else None

    @property
    def file(self) -> Path | None:
        """The chosen model file; None for a study, too."""
        path = self.path
        return None if path is None or path.is_dir() else path

    def choose(self, path: Path | str) -> None:
        """Choose a model file or a study; what is neither is told, the choice stays."""
        path = Path(path).absolute()
        try:
            _card_at(path)
        except (ModelFileError, RunFolderError) as error:
            self.problem.tell(str(error))
            return
        self.problem.tell("")
        if path not in self._files:
            self._files.insert(0, path)
        self.box.reset_choices()
        self.box.value = path
        self._show()

    def _choices(self, _: Any = None) -> list[tuple[str, Path]]:
        """List library and studies, and what was chosen besides."""
        known = [path.absolute() for path in (*models(), *whole_studies())]
        paths = [path for path in self._files if path not in known] + known
        titles = {path: _title(path) for path in paths if path.exists()}
        twice = Counter(titles.values())
        return [
            (title if twice[title] < 2 else f"{title} ({path.parent})", path)
            for path, title in titles.items()
        ]

    def _look(self, _: Any = None) -> None:
        self.box.reset_choices()
        self._show()

    def _show(self, _: Any = None) -> None:
        """Say what the chosen model is."""
        path: Path | None = self.box.value
        self.card = None
        summary = caution = ""
        problem = "" if path else _NONE_YET
        if path is not None:
            try:
                self.card = _card_at(path)
                summary, caution = _told(path, self.card)
            except (ModelFileError, RunFolderError) as error:
                problem = str(error)
        for note, text in (
            (self.problem, problem),
            (self.summary, summary),
            (self.caution, caution),
        ):
            note.tell(text)
        self.model_changed.emit()

    def _ask_file(self, _: Any = None) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self.native, "Choose a model", "", f"Model (*{SUFFIX})"
        )
        if chosen:
            self.choose(chosen)

    def _ask_study(self, _: Any = None) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self.native, "Folder of the study", str(runs_folder())
        )
        if chosen:
            self.choose(chosen)


def _card_at(path: Path) -> ModelCard:
    """Read the card of a model, or of the first model of a study."""
    return read_card(models_at(path).paths[0])


def _title(path: Path) -> str:
    """Return what people call a model, or a study and how many models it has."""
    if not path.is_dir():
        return model_name(path)
    # A study that was damaged meanwhile is told once it is chosen.
    count = len(list(path.glob("fold-*/model.safetensors")))
    return f"Study {path.name}: {count} models together"


def _told(path: Path, card: ModelCard) -> tuple[str, str]:
    """Say what a model or a study is, and what its score is worth."""
    if not path.is_dir():
        return card_summary(card), card_caution(card)
    count = len(models_at(path).paths)
    return study_summary(card, count, unseen_dice(path)), ""


class ModelDrop(QObject):
    """Lets model files and studies be dropped on a widget.

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
        """Take one local file or study; napari opens whatever is no model."""
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
    """Return the one model file or study that is dragged, if it is one."""
    data = event.mimeData()
    urls = data.urls() if data is not None else []
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix == SUFFIX or StudyFolder.is_study(path) else None
