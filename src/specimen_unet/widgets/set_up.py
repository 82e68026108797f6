"""What is chosen before a training: cases, settings, and the plan they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from psygnal import Signal
from qtpy.QtCore import QTimer

from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.library import models
from specimen_unet.viewer.layer_checks import grid_of_layer
from specimen_unet.widgets.case_pairs import CasePairs
from specimen_unet.widgets.chosen_panel import ChosenPanel
from specimen_unet.widgets.draft import Draft
from specimen_unet.widgets.draft_choice import Choice
from specimen_unet.widgets.form import SettingsForm
from specimen_unet.widgets.layer_watch import LayerWatch
from specimen_unet.widgets.note import MAIN, Note
from specimen_unet.widgets.plan_view import PlanView
from specimen_unet.widgets.question_panel import QuestionPanel
from specimen_unet.widgets.resume_choice import ResumeChoice

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from specimen_unet.domain.plan import Plan
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.widgets.job import Job

_PAINTED_MS = 400
_TRAIN, _PREPARING = "Train", "Preparing…"
_SHOW_PLAN, _PLAN_AGAIN = "Show the plan", "Plan again"
_NOTHING = "It is made once there is something to learn from."
_WRONG = "It is made once what is marked above is put right."


class SetUp(Container[Widget]):
    """The choices, told wrong where they are, and their plan in plain words.

    Attributes
    ----------
    begun : Signal
        A person pressed Train: the run, and its pairs if it learns from layers.
    """

    begun = Signal(object, object)

    def __init__(self, viewer: Viewer, job: Job) -> None:
        super().__init__(labels=False, name="set_up")
        self._is_active = True
        self.questions = QuestionPanel(viewer)
        self.cases = CasePairs(viewer)
        self.chosen = ChosenPanel("Learn from open layers instead")
        self.start_from = ComboBox(
            name="start_from",
            label="Start from",
            choices=lambda _: [
                ("a new network", None),
                *((path.stem, path) for path in models()),
            ],
            tooltip="Fine-tune this model of the library instead of beginning anew",
        )
        self.form = SettingsForm(TrainingSettings, more=[self.start_from])
        self.plan = PlanView()
        self.show_plan = PushButton(
            name="show_plan",
            text=_SHOW_PLAN,
            tooltip="Copy the images and plan the training without starting it",
            visible=False,
        )
        self.train = PushButton(
            name="train", text=_TRAIN, tooltip="Train a network on these cases"
        )
        self.train.native.setStyleSheet(MAIN)
        self.interrupted = ResumeChoice()
        self.extend([self.questions, _heading("Learn from")])
        self.extend([self.chosen, self.cases, self.form])
        self.extend([_heading("Plan"), self.plan, self.show_plan, self.train])
        self.append(self.interrupted)
        self.margins = (0, 0, 0, 0)
        self.draft = Draft(job, self.native)
        self._painted = LayerWatch(viewer, self.native)
        self._replaced = LayerWatch(viewer, self.native, is_painted_on=False)
        self._stamp = 0
        self._repainted = QTimer(self.native)
        self._repainted.setSingleShot(True)
        self._repainted.setInterval(_PAINTED_MS)
        self._is_sound = False
        self._connect()
        self._choose_cases()

    def set_active(self, is_active: bool) -> None:
        """Follow layers and choices, or let them be while a training runs."""
        self._is_active = self.visible = is_active
        if is_active:
            self.start_from.reset_choices()
            self.interrupted.look()
            self._choose_cases()
        else:
            self.draft.choose(None)
            self._painted.watch(())
            self._replaced.watch(())

    def learn_from(self, chosen: ChosenCases | None) -> None:
        """Learn from cases of a folder; None: from open layers."""
        self.chosen.show_cases(chosen)

    def leave(self) -> None:
        """Do nothing any more: the dock was closed."""
        self._is_active = False
        self._repainted.stop()
        self._painted.watch(())
        self._replaced.watch(())
        self.cases.leave()
        self.draft.leave()

    def _connect(self) -> None:
        self.questions.answered.connect(self._choose_cases)
        self.cases.edited.connect(self._choose_cases)
        self.chosen.changed_cases.connect(self._choose_cases)
        self.form.settings_changed.connect(self._choose)
        self.start_from.changed.connect(self._choose)
        self.train.changed.connect(self._train)
        self.show_plan.changed.connect(self.draft.make)
        self.draft.planned.connect(self._show_plan)
        self.draft.told.connect(self.plan.show_status)
        self.draft.refused.connect(self._refuse)
        self.draft.taken.connect(self._begin)
        self._painted.changed.connect(self._repainted.start)
        self._replaced.changed.connect(self._take_image)
        self._repainted.timeout.connect(self._take_paint)

    def _choose_cases(self) -> None:
        """Check the layers, and watch the ground truths being painted on."""
        if not self._is_active:
            return
        is_folder = self.chosen.cases is not None
        self.cases.visible = self.questions.visible = not is_folder
        pairs = () if is_folder else self.cases.pairs
        self._painted.watch(t for pair in pairs for t in pair.truths)
        self._replaced.watch(layer for pair in pairs for layer in pair.channels)
        self._is_sound = is_folder or self.cases.check()
        self._choose()

    def _choose(self, _: Any = None) -> None:
        """Have the choices planned when nothing is wrong with them."""
        if not self._is_active:
            return
        choice = self._choice()
        self.train.text, self.train.enabled = _TRAIN, choice is not None
        self.draft.choose(choice)
        self.show_plan.text = _SHOW_PLAN
        self.show_plan.visible = self.draft.is_large
        if choice is None:
            self.plan.show_plan(None)
            has_some = self.chosen.cases is not None or self.cases.pairs
            self.plan.show_status(_WRONG if has_some else _NOTHING)

    def _choice(self) -> Choice | None:
        """Return what is chosen; None when anything is wrong, which is told there."""
        try:
            settings = self.form.settings
        except PlanError:  # the form tells it
            return None
        if not self._is_sound:
            return None
        chosen = self.chosen.cases
        if chosen is not None:
            start = self.start_from.value
            return Choice((), settings, start, chosen=chosen, stamp=chosen.stamp)
        # A layer whose scale was changed is copied anew, and one of other data.
        pairs, start = self.cases.pairs, self.start_from.value
        grids = tuple(grid_of_layer(pair.image) for pair in pairs)
        return Choice(pairs, settings, start, grids, stamp=self._stamp)

    def _take_image(self) -> None:
        """Check images of which a script has replaced the data, and copy them anew."""
        self._stamp += 1
        self._choose_cases()

    def _take_paint(self) -> None:
        """Check labels that were painted on, and take them over into the draft."""
        was_sound, self._is_sound = self._is_sound, self.cases.check()
        if was_sound and self._choice() is not None:
            self.draft.painted()
        else:
            self._choose()

    def _train(self, _: Any = None) -> None:
        self.train.text, self.train.enabled = _PREPARING, False
        if self.chosen.cases is not None:  # labels may have been saved meanwhile
            self.draft.choose(self._choice())
        self.draft.take()

    def _refuse(self, text: str) -> None:
        """Say why there is no plan; training would end the same way."""
        self.train.text, self.train.enabled = _TRAIN, False
        self.plan.show_problem(text)
        self.show_plan.text, self.show_plan.visible = _PLAN_AGAIN, True

    def _show_plan(self, plan: Plan) -> None:
        self.train.enabled = True
        self.plan.show_plan(plan)
        self.show_plan.visible = False

    def _begin(self, run: RunFolder) -> None:
        self.train.text = _TRAIN
        self.begun.emit(run, None if self.chosen.cases else self.cases.pairs)


def _heading(text: str) -> Note:
    """Make the heading of a section."""
    note = Note(f"heading_{text.lower().replace(' ', '_')}")
    note.native.setStyleSheet("font-weight: bold;")
    note.tell(text)
    return note
