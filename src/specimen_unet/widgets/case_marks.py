"""Group and split of the selected cases, given by hand or made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, LineEdit, PushButton, Widget
from psygnal import Signal

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.files.group_table import MARKS
from specimen_unet.files.split_making import SplitSettings
from specimen_unet.widgets.field_grid import FieldGrid
from specimen_unet.widgets.form import SettingsForm
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.files.case_table import Row

_WORDS = {"": "let the plan decide"}


class CaseMarks(Container[Widget]):
    """Fields for the cases that are selected; what is typed is set by Enter.

    Attributes
    ----------
    group_given : Signal
        A group for the selected cases; "": each is one of its own.
    split_given : Signal
        What the selected cases are to be used for.
    """

    group_given = Signal(str)
    split_given = Signal(str)

    def __init__(self) -> None:
        super().__init__(labels=False, name="case_marks")
        self.margins = (0, 0, 0, 0)
        self.selected = Note("selected_cases")
        self.group = LineEdit(
            name="group",
            label="Group",
            tooltip="Patient, specimen, near-duplicates: cases of one group are never "
            "on both sides of a split. Press Enter to set it for all selected cases; "
            "empty: each is a group of its own",
        )
        self.split = ComboBox(
            name="split",
            label="Split",
            choices=[(_WORDS.get(mark, mark), mark) for mark in MARKS],
            tooltip="What the selected cases are to be used for. Test cases are "
            "neither learnt from nor validated on",
        )
        self._fields = FieldGrid("mark_fields", [self.group, self.split])
        self.extend([self.selected, self._fields])
        self.group.native.returnPressed.connect(self._give_group)
        # Also where it is the choice already: several cases may differ.
        self.split.native.activated.connect(self._give_split)
        self.show_selected([])

    def show_selected(self, rows: Sequence[Row]) -> None:
        """Show what the selected cases have in common."""
        groups = {row.group if row.group != row.name else "" for row in rows}
        splits = {row.split for row in rows}
        count = len(rows)
        name = rows[0].name if count == 1 else f"{count} cases"
        self.selected.tell(f"{name} selected" if rows else "No case selected")
        self._fields.enabled = bool(rows)
        self.split.value = splits.pop() if len(splits) == 1 else ""
        self.group.value = groups.pop() if len(groups) == 1 else ""
        several = "several" if len(groups) > 1 or (groups and count > 1) else ""
        self.group.native.setPlaceholderText(several or "a group of its own")

    def _give_group(self) -> None:
        self.group_given.emit(self.group.value)

    def _give_split(self, number: int) -> None:
        self.split_given.emit(MARKS[number])


class SplitMaking(Container[Widget]):
    """How splits are made, unfolded by a button; what cannot be made is told.

    Attributes
    ----------
    asked : Signal
        Settings with which splits are to be made.
    """

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__(labels=False, name="split_making", visible=False)
        self.margins = (0, 0, 0, 0)
        self.told = Note("split_making_told")
        self.told.tell(
            "Whole groups are dealt to parts that are alike in cases, labels and size. "
            "Each part in turn as validation is a cross-validation."
        )
        self.form = SettingsForm(SplitSettings)
        self.problem = Note("split_problem", "problem")
        self.make = PushButton(
            name="make", text="Make", tooltip="Mark all cases; earlier marks go"
        )
        self.extend([self.told, self.form, self.problem, self.make])
        self.make.changed.connect(self._ask)

    def _ask(self, _: Any = None) -> None:
        try:
            settings = self.form.settings
        except SpecimenUnetError:  # the form tells it
            return
        self.problem.tell("")
        self.asked.emit(settings)
