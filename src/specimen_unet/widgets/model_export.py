"""The chosen model for other tools: a folded part of the Segment dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.export_settings import ExportSettings
from specimen_unet.runs.storage import file_name
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.form import SettingsForm
from specimen_unet.widgets.note import QUIET, Note

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.events import Failed, Finished
    from specimen_unet.widgets.job import Job

_FOLDED, _UNFOLDED = "▸ Export the model", "▾ Export the model"


class ModelExport(Container[Widget]):
    """Has the chosen model written as a folder that another tool opens.

    Attributes
    ----------
    active_changed : Signal
        An export began or ended.

    Parameters
    ----------
    job : Job
        The engine, which nobody else may use meanwhile.
    """

    active_changed = Signal()

    def __init__(self, job: Job) -> None:
        super().__init__(labels=False, name="model_export")
        self._job = job
        self._model: Path | None = None
        self._name = ""
        self.is_active = False
        self.fold = PushButton(
            name="show_export",
            text=_FOLDED,
            tooltip="Write the model for MONAI, onnxruntime or bioimage.io",
        )
        self.fold.native.setStyleSheet(QUIET)
        self.form = SettingsForm(ExportSettings)
        self.export = PushButton(
            name="export", text="Export…", tooltip="Choose where, and write the folder"
        )
        self.problem = Note("export_problem", "problem")
        self.result = Note("export_result", tooltip="Where the export is")
        self._folded = Container(widgets=[self.form, self.export], labels=False)
        self._folded.visible = False
        self.extend([self.fold, self._folded, self.problem, self.result])
        self.margins = self._folded.margins = (0, 0, 0, 0)
        self.fold.changed.connect(self._fold)
        self.export.changed.connect(self._ask_folder)
        job.finished.connect(self._finish)
        job.failed.connect(self._fail)

    def show_model(self, path: Path | None, card: ModelCard | None) -> None:
        """Offer to export another model, or none."""
        self._model = path
        self._name = card.name if card is not None else ""
        self.visible = path is not None
        self.problem.tell("")
        self.result.tell("")

    def export_into(self, parent: Path) -> None:
        """Write the model into a new folder of `parent`, as the form says."""
        if self._model is None or self.is_active:
            return
        try:
            settings = self.form.settings
        except PlanError:  # the form tells it
            return
        target = parent / f"{file_name(self._name)}-{settings.to}"
        self._set_active(True)
        self.result.tell(f"Writing {target.name} …")
        self._job.export(self._model, target, settings)

    def _fold(self, _: Any = None) -> None:
        self._folded.visible = not self._folded.visible
        self.fold.text = _UNFOLDED if self._folded.visible else _FOLDED

    def _ask_folder(self, _: Any = None) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self.native, "Choose where the export's folder is made"
        )
        if chosen:
            self.export_into(Path(chosen))

    def _finish(self, finished: Finished) -> None:
        if self.is_active:
            self._set_active(False)
            self.result.tell(
                f"Written to {finished.path}. Its readme says how to go on."
            )

    def _fail(self, failed: Failed) -> None:
        if self.is_active:
            self._set_active(False)
            self.problem.tell(failure_text(failed))

    def _set_active(self, is_active: bool) -> None:
        self.is_active = is_active
        self._folded.enabled = not is_active
        self.problem.tell("")
        self.result.tell("")
        self.active_changed.emit()
