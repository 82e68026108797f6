"""The buttons that train on the cases of the dock, or segment them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton, Widget

from specimen_unet.widgets.button_row import button_row
from specimen_unet.widgets.crossvalidate_dock import CrossvalidateDock
from specimen_unet.widgets.dock_opening import open_dock
from specimen_unet.widgets.note import MAIN
from specimen_unet.widgets.segment_dock import SegmentDock
from specimen_unet.widgets.train_dock import TrainDock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari.viewer import Viewer

    from specimen_unet.files.case_table import CaseTable, Row
    from specimen_unet.files.predictions import Prediction

    TakePrediction = Callable[[Path, Path, Prediction], object]


class CaseWorkBar(Container[Widget]):
    """Opens the other docks with the cases that are chosen.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Without a window there are no docks to open.
    take : callable
        Told of the folder, the file and what it is, for each case that is segmented.
    """

    def __init__(self, viewer: Viewer, take: TakePrediction) -> None:
        super().__init__(labels=False, name="case_work_bar")
        self.margins = (0, 0, 0, 0)
        self._viewer = viewer
        self._take = take
        self._table: CaseTable | None = None
        self._rows: Sequence[Row] = ()
        self.train = PushButton(
            name="train_cases", text="", tooltip="Open the Train dock with these cases"
        )
        self.segment = PushButton(
            name="segment_cases",
            text="",
            tooltip="Open the Segment dock with these cases",
        )
        self.validate = PushButton(
            name="cross_validate",
            text="Cross-validate…",
            tooltip="Score every case by a model that has not seen it: open the "
            "Cross-validate dock with these cases",
        )
        self.train.native.setStyleSheet(MAIN)
        self.extend([button_row(self.train, self.segment), self.validate])
        self.train.changed.connect(self._train)
        self.segment.changed.connect(self._segment)
        self.validate.changed.connect(self._validate)
        self.show_chosen(None, ())

    def show_chosen(self, table: CaseTable | None, rows: Sequence[Row]) -> None:
        """Say how many cases would be worked on."""
        self._table, self._rows = table, rows
        drawn = sum(bool(row.files.labels) for row in rows)
        has_window = hasattr(self._viewer, "window")
        self.train.text = f"Train on {_cases(drawn)}…"
        self.segment.text = f"Segment {_cases(len(rows))}…"
        self.train.enabled = has_window and drawn > 0
        self.segment.enabled = has_window and bool(rows)
        self.validate.enabled = has_window and drawn > 1

    def _train(self, _: Any = None) -> None:
        if self._table is not None:
            dock: TrainDock = open_dock(self._viewer, TrainDock, "Train")
            dock.learn_from(self._table.chosen(self._rows).drawn)

    def _segment(self, _: Any = None) -> None:
        """Open the Segment dock, and hear what comes of it."""
        if self._table is not None:
            dock: SegmentDock = open_dock(self._viewer, SegmentDock, "Segment")
            dock.choose_cases(self._table.chosen(self._rows))
            dock.cases.written.disconnect(self._take, missing_ok=True)
            dock.cases.written.connect(self._take)

    def _validate(self, _: Any = None) -> None:
        if self._table is not None:
            dock: CrossvalidateDock = open_dock(
                self._viewer, CrossvalidateDock, "Cross-validate"
            )
            dock.choose_cases(self._table.chosen(self._rows).drawn)


def _cases(count: int) -> str:
    return f"{count} case{'s' * (count != 1)}"
