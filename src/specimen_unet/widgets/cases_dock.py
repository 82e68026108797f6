"""The Cases dock: a folder of cases as a table to look at, mark, train and segment."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import Container, LineEdit, PushButton, Widget
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QWidget

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_table import CaseTable
from specimen_unet.files.predictions import newest_predictions, places_of_predictions
from specimen_unet.widgets.case_marks import CaseMarks, SplitMaking
from specimen_unet.widgets.case_opening import CaseOpening
from specimen_unet.widgets.case_shelf import CaseShelf
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.dock_opening import open_dock
from specimen_unet.widgets.folded_list import FoldedList
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.mark_making import MarkMaking
from specimen_unet.widgets.note import MAIN, Note
from specimen_unet.widgets.segment_dock import SegmentDock
from specimen_unet.widgets.train_dock import TrainDock

if TYPE_CHECKING:
    from specimen_unet.files.case_table import Row
    from specimen_unet.files.predictions import Prediction

_NOTHING = (
    "Open a folder of images and labels. How it may be laid out is told in Your own "
    "data; `specimen-unet demo FOLDER` makes one to try."
)


_SAVE_LABELS = (
    "Write what was painted on the case in the viewer into the files it was read from"
)


class CasesDock(Container[Widget]):
    """A folder of cases; nothing of it is read before it is looked at.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the case that is clicked on is shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="cases_dock")
        self._viewer = viewer
        self.open_folder = _button("open_folder", "Open folder…", "A folder of cases")
        self.again = _button("look_again", "Look again", "Look for files that are new")
        self.title = Note("folder_title")
        self.problem = Note("cases_problem", "problem")
        self.filter = LineEdit(name="filter", tooltip="Words in name, group, split …")
        self.filter.native.setPlaceholderText("Filter by name, group, split, observer")
        self.filter.native.setClearButtonEnabled(True)
        self.shelf = CaseShelf(self.native)
        self.marks = CaseMarks()
        self.splits = SplitMaking()
        self.opening = CaseOpening(viewer, self.native)
        self.making = MarkMaking(self.shelf, self.native)
        self.find = _button(
            "find_near_duplicates",
            "Find near-duplicates",
            "Compare all images; those that show nearly the same become one group",
        )
        self.make_splits = _button(
            "make_splits", "Make splits…", "Deal cases to training, validation and test"
        )
        self.save = _button(
            "save_marks", "Save groups and splits", "Write them into groups.csv there"
        )
        self.save_labels = _button(
            "save_labels",
            "Save labels",
            _SAVE_LABELS,
        )
        self.status = Note("cases_status")
        self.unpaired = FoldedList("unpaired", "Not paired")
        self.train = _button("train_cases", "Train", "Learn from these cases")
        self.segment = _button("segment_cases", "Segment", "Segment these cases")
        self.validate = _button("cross_validate", "Cross-validate…", "Train on folds")
        self.validate.visible = False  # until there is a panel for it
        self.train.native.setStyleSheet(MAIN)
        self._looking = LatestTask(self.native)
        self._arrange()
        self._connect()
        self._show_table(None)
        self._closing = Closing(self.native, self._leave)

    def show_folder(self, path: Path | str) -> None:
        """Open a folder of cases, if a person leaves what is open."""
        if not self._may_leave():
            return
        self.problem.tell("")
        self.title.tell("Looking for cases…")
        self._looking.ask(partial(_table_of, Path(path)))

    @property
    def table(self) -> CaseTable | None:
        """The cases."""
        return self.shelf.table

    def chosen_rows(self) -> list[Row]:
        """Return the cases to work on: those selected, if several, or all shown."""
        selected = self.shelf.view.selected_rows()
        return selected if len(selected) > 1 else self.shelf.view.order.shown_rows()

    def _arrange(self) -> None:
        """Put the parts below one another; the table takes the room that is left."""
        first = _row(self.open_folder, self.again)
        making = _row(self.find, self.make_splits)
        saving = _row(self.save, self.save_labels)
        work = _row(self.train, self.segment, self.validate)
        above: list[Widget | QWidget] = [
            first,
            self.title,
            self.problem,
            self.filter,
            self.shelf.view,
        ]
        below = [self.status, self.marks, making, self.splits, saving, self.unpaired]
        self._rows = (first, making, saving, work)  # Qt owns their windows only
        fill_column(self, [*above, *below, work], fills=self.shelf.view)
        self.native.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding
        )

    def _connect(self) -> None:
        self.open_folder.changed.connect(self._ask_folder)
        self.again.changed.connect(self._look_again)
        self._looking.answered.connect(self._show_table)
        self._looking.refused.connect(self._refuse)
        self.filter.native.textChanged.connect(self.shelf.view.show_matching)
        self.shelf.view.chosen.connect(self._show_chosen)
        self.shelf.view.clicked_case.connect(self._open_case)
        self.opening.opened.connect(self._tell_opened)
        self.opening.stayed.connect(self._stay)
        self.opening.saved.connect(self._take_saved)
        self.opening.refused.connect(self.problem.tell)
        self.marks.group_given.connect(lambda group: self._mark(group=group))
        self.marks.split_given.connect(lambda split: self._mark(split=split))
        self.find.changed.connect(self.making.find_duplicates)
        self.make_splits.changed.connect(self._show_making)
        self.splits.asked.connect(self.making.make_splits)
        self.making.made.connect(self._show_marks)
        self.making.told.connect(self.status.tell)
        self.making.refused.connect(self.splits.problem.tell)
        self.save.changed.connect(self._save_marks)
        self.save_labels.changed.connect(self.opening.save)
        self.shelf.told.connect(self.status.tell)
        self.train.changed.connect(self._train)
        self.segment.changed.connect(self._segment)

    def _ask_folder(self, _: Any = None) -> None:
        start = str(self.table.folder.listing.root) if self.table else ""
        chosen = QFileDialog.getExistingDirectory(
            self.native, "Choose a folder of cases", start
        )
        if chosen:
            self.show_folder(chosen)

    def _look_again(self, _: Any = None) -> None:
        if self.table is not None:
            self.show_folder(self.table.folder.listing.root)

    def _show_table(self, table: CaseTable | None) -> None:
        self.making.stop()
        self.shelf.show_table(table)
        folder = table.folder if table else None
        reasons = dict(folder.pairing.reasons) if folder else {}
        reasons |= dict.fromkeys(folder.others, "it is no image") if folder else {}
        self.unpaired.show_reasons(reasons)
        has_cases = table is not None and bool(table.rows)
        parts = (self.filter, self.again, self.marks, self.find, self.make_splits)
        for part in (*parts, self.save_labels):
            part.enabled = has_cases
        self.status.tell("")
        self._show_marks()

    def _refuse(self, message: str) -> None:
        self._show_marks()
        self.problem.tell(message)

    def _show_marks(self) -> None:
        """Show groups and splits as they are now."""
        table = self.table
        if table is None:
            self.title.tell(_NOTHING)
        else:
            self.title.tell(f"{table.folder.listing.root}\n{table.summary()}")
            self.shelf.model.tell_changed(table.rows)
        self.save.enabled = table is not None and table.is_marked
        self._show_chosen()

    def _show_chosen(self) -> None:
        """Say which cases are selected, and what the buttons would work on."""
        self.marks.show_selected(self.shelf.view.selected_rows())
        rows = self.chosen_rows()
        drawn = sum(bool(row.files.labels) for row in rows)
        self.train.text = f"Train on {drawn} case{'s' * (drawn != 1)}…"
        self.segment.text = f"Segment {len(rows)} case{'s' * (len(rows) != 1)}…"
        has_window = hasattr(self._viewer, "window")
        self.train.enabled = has_window and drawn > 0
        self.segment.enabled = has_window and bool(rows)

    def _show_making(self, _: Any = None) -> None:
        self.splits.visible = not self.splits.visible

    def _mark(self, **marks: Any) -> None:
        if self.table is not None:
            self.table.mark(self.shelf.view.selected_rows(), **marks)
            self._show_marks()

    def _save_marks(self, _: Any = None) -> bool:
        """Write groups and splits; False if they cannot be written."""
        if self.table is None:
            return True
        message = self.making.save()
        self.problem.tell(message)
        self._show_marks()
        return not message

    def _open_case(self, row: Row) -> None:
        if self.table is not None:
            self.opening.open(self.table, row)

    def _tell_opened(self, name: str) -> None:
        self.save_labels.tooltip = f"{_SAVE_LABELS} ({name})"

    def _stay(self, name: str) -> None:
        """Select the case again that a person did not want to leave."""
        self.shelf.view.select_only(self.shelf.row_of(name))

    def _take_saved(self, name: str) -> None:
        """Read what was painted and saved."""
        row = self.shelf.row_of(name)
        if row is not None:
            row.labels = row.score = None
            self.shelf.look()
        self.status.tell(f"The labels of {name} are saved.")

    def _train(self, _: Any = None) -> None:
        """Open the Train dock with these cases."""
        if self.table is not None:
            chosen = self.table.chosen(self.chosen_rows()).drawn
            dock: TrainDock = open_dock(self._viewer, TrainDock, "Train")
            dock.learn_from(chosen)

    def _segment(self, _: Any = None) -> None:
        """Open the Segment dock with these cases, and hear what comes of it."""
        if self.table is not None:
            dock: SegmentDock = open_dock(self._viewer, SegmentDock, "Segment")
            dock.choose_cases(self.table.chosen(self.chosen_rows()))
            dock.cases.written.disconnect(self.take_prediction, missing_ok=True)
            dock.cases.written.connect(self.take_prediction)

    def take_prediction(self, root: Path, path: Path, made: Prediction) -> None:
        """Show that a model has segmented a case of this folder."""
        row = self.shelf.row_of(made.case)
        if row is None or self.table is None or root != self.table.folder.listing.root:
            return
        row.predicted, row.score = (path, made), None
        self.shelf.look()
        self.opening.update_prediction(row)

    def _may_leave(self) -> bool:
        """Ask about marks and labels that are not saved."""
        answer = self.making.ask_about_marks(self.native)
        if answer == "stay" or (answer == "save" and not self._save_marks()):
            return False
        return self.opening.close()

    def _leave(self) -> None:
        """Do nothing any more: the dock was closed. Its layers stay."""
        if not self._closing.viewer_goes:  # otherwise Qt has deleted the timers
            self._looking.drop()
            self.making.stop()
            self.shelf.leave()
            self.opening.leave()


def _table_of(path: Path) -> CaseTable:
    """List a folder of cases and what models wrote there; reads no image."""
    folder = CaseFolder.open(path)
    return CaseTable(folder, newest_predictions(places_of_predictions(path)))


def _button(name: str, text: str, tooltip: str) -> PushButton:
    return PushButton(name=name, text=text, tooltip=tooltip)


def _row(*buttons: PushButton) -> Container[PushButton]:
    """Put buttons beside one another."""
    row = Container(widgets=list(buttons), layout="horizontal", labels=False)
    row.margins = (0, 0, 0, 0)
    return row
