"""What is chosen before a cross-validation: cases, settings, and where it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, ProgressBar, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog

from specimen_unet.domain.errors import PlanError, RunFolderError
from specimen_unet.domain.study_choices import NOT_ASKED, StudyChoices
from specimen_unet.runs.folder import runs_folder
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_making import check_chosen, new_study_path
from specimen_unet.widgets.amounts import time_text
from specimen_unet.widgets.form import SettingsForm
from specimen_unet.widgets.note import MAIN, QUIET, Note
from specimen_unet.widgets.study_making import StudyMaking

if TYPE_CHECKING:
    from specimen_unet.files.chosen_cases import ChosenCases

_NO_CASES = (
    "Choose cases in the Cases dock and press Cross-validate…, or go on with a study."
)


class CrossvalidationSetUp(Container[Widget]):
    """The choices, told wrong where they are; cases are read once Start is pressed.

    Attributes
    ----------
    made : Signal
        This `StudyFolder` was made, to be run.
    chosen : Signal
        A person wants to see this `StudyFolder`, or to go on with it.
    """

    made = Signal(object)
    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(labels=False, name="crossvalidation_set_up")
        self._cases: ChosenCases | None = None
        self._parent: Path | None = None
        self.told = Note("crossvalidation_cases", tooltip="What is dealt out to folds")
        self.form = SettingsForm(StudyChoices, without=NOT_ASKED)
        self.time = Note("crossvalidation_time")
        self.place = Note("study_place", tooltip="Models, labels and tables go there")
        self.elsewhere = PushButton(
            name="study_elsewhere",
            text="Keep it elsewhere…",
            tooltip="Choose the folder in which the study gets a folder of its own",
        )
        self.start = PushButton(
            name="start_study",
            text="Start",
            tooltip="Copy the cases, train a model for each fold and score it",
        )
        self.problem = Note("study_problem", "problem")
        self.bar = ProgressBar(name="cases_read", min=0, max=1, visible=False)
        self.status = Note("study_status")
        self.stop = PushButton(
            name="stop_reading", text="Stop", tooltip="Keep nothing", visible=False
        )
        self.go_on = PushButton(
            name="go_on_with_study",
            text="Go on with a study…",
            tooltip="Choose the folder of a study that was begun before",
        )
        self.start.native.setStyleSheet(MAIN)
        for button in (self.elsewhere, self.go_on):
            button.native.setStyleSheet(QUIET)
        self.extend([self.told, self.form, self.time, self.place, self.elsewhere])
        self.extend([self.problem, self.start, self.bar, self.status, self.stop])
        self.append(self.go_on)
        self.margins = (0, 0, 0, 0)
        self.making = StudyMaking(self.native)
        self._connect()
        self._show_working(False)

    def choose_cases(self, chosen: ChosenCases) -> None:
        """Deal out these cases."""
        self._cases = chosen
        self._check()

    def keep_in(self, folder: Path | None) -> None:
        """Keep the next study in this folder; None: where runs are kept."""
        self._parent = folder
        self._check()

    def open_study(self, path: Path) -> None:
        """Go on with the study in a folder, or say why that cannot be."""
        try:
            study = StudyFolder.open(path)
        except RunFolderError as error:
            self.problem.tell(str(error))
            return
        self._check()
        self.chosen.emit(study)

    def _connect(self) -> None:
        self.form.settings_changed.connect(self._check)
        self.elsewhere.changed.connect(self._ask_place)
        self.start.changed.connect(self._start)
        self.stop.changed.connect(self._stop)
        self.go_on.changed.connect(self._ask_study)
        self.making.progressed.connect(self._show_progress)
        self.making.made.connect(self._hand_over)
        self.making.refused.connect(self._refuse)

    def _check(self, _: Any = None) -> None:
        """Tell wrong choices at once, as far as names tell."""
        choices = self._choices()
        self.told.tell(_summary(self._cases) if self._cases else _NO_CASES)
        self.time.tell(_time(choices) if choices else "")
        self.place.tell(f"It is kept in {self._parent or runs_folder()}")
        problem = ""
        if self._cases is not None and choices is not None:
            try:
                check_chosen(self._cases, choices.study_folds)
            except PlanError as error:
                problem = str(error)
        self.problem.tell(problem)
        is_sound = self._cases is not None and choices is not None
        self.start.enabled = is_sound and not problem

    def _choices(self) -> StudyChoices | None:
        try:
            return self.form.settings
        except PlanError:  # the form tells it
            return None

    def _start(self, _: Any = None) -> None:
        self._check()
        choices = self._choices()
        if self._cases is None or choices is None or not self.start.enabled:
            return
        self._show_working(True)
        path = new_study_path(self._cases.place, self._parent)
        self.making.make(self._cases, choices, path)

    def _stop(self, _: Any = None) -> None:
        self.making.leave()
        self._show_working(False)

    def _show_progress(self, read: int, count: int) -> None:
        self.bar.max, self.bar.value = max(count, 1), read
        self.status.tell(f"Copying: {read} of {count} cases…")

    def _hand_over(self, study: StudyFolder) -> None:
        self._show_working(False)
        self.made.emit(study)

    def _refuse(self, message: str) -> None:
        self._show_working(False)
        self.problem.tell(message)

    def _show_working(self, is_working: bool) -> None:
        self.bar.visible = self.stop.visible = is_working
        self.start.visible = not is_working
        for part in (self.form, self.elsewhere, self.go_on):
            part.enabled = not is_working
        self.status.tell("")
        self._check()

    def _ask_place(self, _: Any = None) -> None:
        folder = QFileDialog.getExistingDirectory(self.native, "Keep the study in")
        if folder:
            self.keep_in(Path(folder))

    def _ask_study(self, _: Any = None) -> None:
        folder = QFileDialog.getExistingDirectory(
            self.native, "Folder of the study", str(self._parent or runs_folder())
        )
        if folder:
            self.open_study(Path(folder))


def _summary(chosen: ChosenCases) -> str:
    """Name the cases, and say how many take no part."""
    tests = sum(chosen.folder.split(files) == "test" for files in chosen.files)
    if not tests:
        return chosen.summary
    told = "is marked for test: it takes" if tests == 1 else "are for test: they take"
    return f"{chosen.summary}\n{tests} of them {told} no part."


def _time(choices: StudyChoices) -> str:
    """Say how long it takes."""
    folds, minutes = choices.study_folds, choices.minutes_in_all
    if minutes is None:
        return f"{folds} models of {choices.steps} steps each, one after the other."
    most = " at most" if choices.ending == "no improvement" else ""
    return f"{folds} models, one after the other: {time_text(60 * minutes)}{most}."
