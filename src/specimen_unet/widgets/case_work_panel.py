"""Segmenting cases of a folder: where the labels go, how far it is, what failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, ProgressBar, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog

from specimen_unet.widgets.amounts import time_text
from specimen_unet.widgets.case_segmentation import CaseSegmentation, Order
from specimen_unet.widgets.chosen_panel import ChosenPanel
from specimen_unet.widgets.field_grid import FieldGrid
from specimen_unet.widgets.folded_list import FoldedList
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.files.predictions import Prediction
    from specimen_unet.widgets.case_segmentation import Report
    from specimen_unet.widgets.job import Job

_BESIDE, _OTHER = "beside the images", "in a folder…"
_TILES = 1000  # steps of the bar for each case


class CaseWorkPanel(Container[Widget]):
    """What the Segment dock shows while it has cases of a folder to work on.

    Parameters
    ----------
    job : Job
        In whose process the engine works.

    Attributes
    ----------
    changed_cases : Signal
        Other cases are chosen, or none.
    active_changed : Signal
        A segmentation begins or ends.
    written : Signal
        The folder of the cases, the file of new labels, and what they are.
    """

    changed_cases = Signal()
    active_changed = Signal()
    written = Signal(Path, Path, object)

    def __init__(self, job: Job) -> None:
        super().__init__(labels=False, name="case_work", visible=False)
        self.margins = (0, 0, 0, 0)
        self.chosen = ChosenPanel("Segment an open layer instead")
        self.place = ComboBox(
            name="labels_place",
            label="Labels go",
            choices=[_BESIDE, _OTHER],
            tooltip="Beside the images as NAME_MODEL, or into a folder as NAME; a file "
            "that no model wrote is never overwritten",
        )
        self._folder: Path | None = None
        self._fields = FieldGrid("labels_fields", [self.place])
        self.told_place = Note("labels_folder")
        self.bar = ProgressBar(name="cases_done", min=0, max=1, visible=False)
        self.status = Note("cases_work_status")
        self.stop = PushButton(
            name="stop_cases",
            text="Stop",
            tooltip="Labels that are written stay; Segment goes on with the others",
            visible=False,
        )
        self.failed = FoldedList("failed_cases", "Not segmented")
        self.extend([self.chosen, self._fields, self.told_place, self.bar])
        self.extend([self.status, self.stop, self.failed])
        self.work = CaseSegmentation(job, self.native)
        self._connect()

    @property
    def cases(self) -> ChosenCases | None:
        """The cases to work on; None: an open layer."""
        return self.chosen.cases

    @property
    def out(self) -> Path | None:
        """Where labels go; None: beside the images."""
        return self._folder

    def choose(self, chosen: ChosenCases | None) -> None:
        """Work on these cases."""
        self.chosen.show_cases(chosen)

    def choose_folder(self, folder: Path | None) -> None:
        """Write labels into this folder; None: beside the images."""
        self._folder = folder
        with self.place.changed.blocked():
            self.place.value = _BESIDE if folder is None else _OTHER
        self.told_place.tell("" if folder is None else f"Labels go into {folder}.")

    def start(self, model: Path, settings: SegmentationSettings) -> None:
        """Segment the cases that this model has not segmented yet."""
        if self.cases is None or self.work.is_active:
            return
        self.failed.show_reasons({})
        self._show_working(True)
        self.status.tell("Getting ready…")
        self.bar.max, self.bar.value = len(self.cases.files) * _TILES, 0
        self.work.start(Order(self.cases, model, settings, self._folder))
        self.active_changed.emit()

    def leave(self, *, viewer_goes: bool) -> None:
        """End it: the dock was closed."""
        self.work.leave(viewer_goes=viewer_goes)

    def _connect(self) -> None:
        self.chosen.changed_cases.connect(self._show_chosen)
        self.place.native.activated.connect(self._ask_folder)
        self.stop.changed.connect(self._stop)
        self.work.progressed.connect(self._show_progress)
        self.work.written.connect(self._tell_written)
        self.work.ended.connect(self._show_end)

    def _show_chosen(self) -> None:
        self.visible = self.cases is not None
        self.status.tell("")
        self.failed.show_reasons({})
        self.changed_cases.emit()

    def _ask_folder(self, number: int) -> None:
        """Ask for a folder; without one the labels go where they went."""
        if number == 0:
            self.choose_folder(None)
            return
        folder = QFileDialog.getExistingDirectory(self.native, "Folder for the labels")
        self.choose_folder(Path(folder) if folder else self._folder)

    def _stop(self, _: Any = None) -> None:
        self.stop.enabled = False
        self.status.tell("Stopping…")
        self.work.stop()

    def _show_progress(self, report: Report) -> None:
        self.bar.value = int((report.done + report.part) * _TILES)
        if not self.stop.enabled:
            return
        left = report.seconds_left
        rest = f" · {time_text(left)} left" if left is not None else ""
        failed = f" · {len(report.failed)} failed" if report.failed else ""
        self.status.tell(f"{report.done} of {report.count} cases{rest}{failed}")

    def _tell_written(self, path: Path, made: Prediction) -> None:
        order = self.work.order
        if order is not None:
            self.written.emit(order.chosen.folder.listing.root, path, made)

    def _show_end(self, report: Report) -> None:
        self._show_working(False)
        self.status.tell(_summary(report))
        self.failed.show_reasons(report.failed, is_unfolded=True)
        self.active_changed.emit()

    def _show_working(self, is_working: bool) -> None:
        self.bar.visible = self.stop.visible = is_working
        self.stop.enabled = True
        self.chosen.layers.enabled = self._fields.enabled = not is_working


def _summary(report: Report) -> str:
    """Say what came of it."""
    parts = [f"{len(report.written)} of {report.count} cases segmented"]
    if report.earlier:
        parts.append(f"{len(report.earlier)} segmented before by this model")
    left = report.count - report.done
    if left:
        parts.append(f"stopped with {left} left; Segment goes on with them")
    if report.failed:
        parts.append(f"{len(report.failed)} not segmented, for the reasons below")
    return "; ".join(parts) + "."
