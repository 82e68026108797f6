"""The Cases dock: a folder of cases as a table to look at, mark, train and segment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import Container, LineEdit, PushButton, Widget
from qtpy.QtCore import QTimer

from specimen_unet.widgets.button_row import button_row
from specimen_unet.widgets.case_marks import CaseMarks, SplitMaking
from specimen_unet.widgets.case_opening import CaseOpening
from specimen_unet.widgets.case_shelf import CaseShelf
from specimen_unet.widgets.case_work_bar import CaseWorkBar
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.dock_opening import put_back
from specimen_unet.widgets.folded_list import FoldedList
from specimen_unet.widgets.folder_bar import FolderBar
from specimen_unet.widgets.mark_making import MarkMaking
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.study_labels import StudyLabels
from specimen_unet.widgets.window_question import WindowQuestion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtWidgets import QWidget

    from specimen_unet.files.case_table import CaseTable, Row
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.predictions import Prediction


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
        self.bar = FolderBar()
        self.problem = Note("cases_problem", "problem")
        self.filter = LineEdit(name="filter", tooltip="Words to look for")
        self.filter.native.setPlaceholderText("Filter by name, group, split, observer")
        self.filter.native.setClearButtonEnabled(True)
        self.shelf = CaseShelf(self.native)
        self.status = Note("cases_status")
        self.marks = CaseMarks()
        self.find = PushButton(
            name="find_near_duplicates",
            text="Find near-duplicates",
            tooltip="Compare all images; those that show nearly the same become one "
            "group",
        )
        self.make_splits = PushButton(
            name="make_splits",
            text="Make splits…",
            tooltip="Deal cases to training, validation and test",
        )
        self.splits = SplitMaking()
        self.save = PushButton(
            name="save_marks",
            text="Save groups and splits",
            tooltip="Write them into groups.csv in the folder",
        )
        self.save_labels = PushButton(
            name="save_labels",
            text="Save labels",
            tooltip="Write what was painted on the case in the viewer into its files",
        )
        self.unpaired = FoldedList("unpaired", "Not paired")
        self.work = CaseWorkBar(viewer, self.take_prediction)
        self.opening = CaseOpening(viewer, self.native)
        self.making = MarkMaking(self.shelf, self.native)
        self.study = StudyLabels(self.shelf, self.native)
        making = button_row(self.find, self.make_splits)
        saving = button_row(self.save, self.save_labels)
        self._button_rows = making, saving  # Qt owns their windows, nobody else them
        parts: list[Widget | QWidget] = [self.bar, self.problem, self.filter]
        parts += [self.shelf.view, self.status]
        parts += [self.marks, making, self.splits, saving, self.unpaired, self.work]
        fill_column(self, parts, fills=self.shelf.view)
        self._connect()
        self._show_table(None)
        self._closing = Closing(self.native, self._leave)
        self._question = WindowQuestion(
            self.native, lambda: self.opening.settle() != "stay"
        )

    @property
    def table(self) -> CaseTable | None:
        """The cases."""
        return self.shelf.table

    def show_folder(self, path: Path | str) -> None:
        """Open a folder of cases, if a person leaves what is open."""
        answer = self.making.ask_about_marks(self.native)
        if answer == "stay" or (answer == "save" and not self._save_marks()):
            return
        if self.opening.close():
            self.bar.open(Path(path))

    def chosen_rows(self) -> list[Row]:
        """Return the cases to work on: those selected, if several, or all shown."""
        selected = self.shelf.view.selected_rows()
        return selected if len(selected) > 1 else self.shelf.view.order.shown_rows()

    def take_prediction(self, root: Path, path: Path, made: Prediction) -> None:
        """Show that a model has segmented a case of this folder."""
        if self.table is not None and root == self.table.folder.listing.root:
            self._update(self.shelf.show_predictions({made.case: (path, made)}))

    def _connect(self) -> None:
        self.bar.asked.connect(self.show_folder)
        self.bar.found.connect(self._show_table)
        self.filter.native.textChanged.connect(self.shelf.view.show_matching)
        self.shelf.view.chosen.connect(self._show_chosen)
        self.shelf.view.clicked_case.connect(self._open_case)
        self.shelf.told.connect(self.status.tell)
        self.shelf.seen.connect(lambda: self.bar.show_questions(self.table))
        self.opening.stayed.connect(self._stay)
        self.opening.saved.connect(self._take_saved)
        self.opening.refused.connect(self.problem.tell)
        self.study.folder_wanted.connect(self.show_folder)
        self.study.shown.connect(self._update)
        self.study.told.connect(self.status.tell)
        self.study.refused.connect(self.problem.tell)
        self.marks.group_given.connect(lambda group: self._mark(group=group))
        self.marks.split_given.connect(lambda split: self._mark(split=split))
        self.find.changed.connect(self.making.find_duplicates)
        self.make_splits.changed.connect(self._unfold_splits)
        self.splits.asked.connect(self.making.make_splits)
        self.making.made.connect(self._show_marks)
        self.making.told.connect(self.status.tell)
        self.making.refused.connect(self.splits.problem.tell)
        self.save.changed.connect(self._save_marks)
        self.save_labels.changed.connect(self.opening.save)

    def _show_table(self, table: CaseTable | None) -> None:
        self.making.stop()
        self.shelf.show_table(table)
        self.unpaired.show_reasons(table.unpaired if table is not None else {})
        has_cases = table is not None and bool(table.rows)
        buttons = (self.find, self.make_splits, self.save_labels)
        for part in (self.filter, self.marks, *buttons):
            part.enabled = has_cases
        self.status.tell("")
        self.problem.tell("")
        self._show_marks()
        self.study.take()

    def _show_marks(self) -> None:
        """Show groups and splits as they are now."""
        table = self.table
        self.bar.show_table(table)
        if table is not None:
            self.shelf.model.tell_changed(table.rows)
        self.save.enabled = table is not None and table.is_marked
        self._show_chosen()

    def _show_chosen(self) -> None:
        """Say which cases are selected, and what would be worked on."""
        self.marks.show_selected(self.shelf.view.selected_rows())
        self.work.show_chosen(self.table, self.chosen_rows())

    def _unfold_splits(self, _: Any = None) -> None:
        self.splits.visible = not self.splits.visible

    def _mark(self, **marks: Any) -> None:
        if self.table is not None:
            self.table.mark(self.shelf.view.selected_rows(), **marks)
            self._show_marks()

    def _save_marks(self, _: Any = None) -> bool:
        """Write groups and splits; False if they cannot be written."""
        message = self.making.save()
        self.problem.tell(message)
        self._show_marks()
        return not message

    def _open_case(self, row: Row) -> None:
        if self.table is not None:
            self.opening.open(self.table, row)

    def _update(self, rows: Iterable[Row]) -> None:
        """Show other labels of a model on the case that is open."""
        for row in rows:
            self.opening.update_prediction(row)

    def _stay(self, name: str) -> None:
        """Select the case again that a person did not want to leave."""
        self.shelf.view.select_only(self.shelf.row_of(name))

    def _take_saved(self, name: str, files: CaseFiles) -> None:
        """Read what was painted and saved."""
        row = self.shelf.row_of(name)
        if row is not None and self.table is not None:
            self.table.note_drawn(row, files)
            self.shelf.look()
            self.unpaired.show_reasons(self.table.unpaired)
            self._show_marks()
        self.status.tell(f"The labels of {name} are saved.")

    def _leave(self) -> None:
        """Do nothing any more, once it is clear what becomes of the paint."""
        if self._closing.viewer_goes:  # Qt has deleted the timers
            return
        if self.opening.has_edits:
            QTimer.singleShot(0, self._ask_after_closing)  # napari is not done yet
        else:
            self._end()

    def _ask_after_closing(self) -> None:
        """Ask about paint; who wants to stay gets the dock back as it was."""
        if self._closing.viewer_goes:
            return
        answer = self.opening.settle()
        if answer == "stay" and hasattr(self._viewer, "window"):
            put_back(self._viewer, self, "Cases")
            return
        if answer == "discard":
            self.opening.discard()
        self._end()

    def _end(self) -> None:
        """Read no more; layers stay in the viewer."""
        self.bar.leave()
        self.making.stop()
        self.shelf.leave()
        self.opening.leave()
