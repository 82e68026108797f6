"""What files leave open, asked where a person can answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, LineEdit, PushButton, Widget
from psygnal import Signal
from qtpy.QtWidgets import QSizePolicy

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.viewer.answering import answer_question
from specimen_unet.viewer.open_questions import (
    answering,
    leave_as_taken,
    open_questions,
)
from specimen_unet.widgets.layer_choice import layer_list_events
from specimen_unet.widgets.layer_watch import LayerWatch
from specimen_unet.widgets.note import Note

if TYPE_CHECKING:
    import napari.viewer

    from specimen_unet.viewer.open_questions import OpenQuestion


class QuestionPanel(Container[Widget]):
    """Asks one question at a time about the layers; takes no room without any.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose layers are asked about.

    Attributes
    ----------
    answered : Signal
        Layers have another scale, or are others.
    """

    answered = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="questions")
        self._viewer = viewer
        self._asked: OpenQuestion | None = None
        self.text = Note("question", "caution")
        self.spacing = LineEdit(
            name="answer_spacing",
            tooltip="A number an axis, or one for all, and a unit: 0.5 0.1 0.1 mm",
        )
        # napari resets the choices of all it holds: they are asked for anew then.
        self.choice = ComboBox(
            name="answer_choice",
            choices=lambda _: self._choices(),
            tooltip="What the file holds",
        )
        self.choice.native.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
        self.choice.native.setMinimumWidth(60)
        self.answer = PushButton(
            name="answer", text="Set", tooltip="Take this for all of these layers"
        )
        self.leave = PushButton(
            name="leave_as_taken", text="Leave it", tooltip="Go on with what was taken"
        )
        for button in (self.answer, self.leave):
            button.native.setSizePolicy(
                QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed
            )
        self.problem = Note("answer_problem", "problem")
        controls: list[Widget] = [self.spacing, self.choice, self.answer, self.leave]
        self._line: Container[Widget] = Container(
            widgets=controls, layout="horizontal", labels=False
        )
        self.extend([self.text, self._line, self.problem])
        self.margins = self._line.margins = (0, 0, 0, 0)
        self._watch = LayerWatch(viewer, self.native)
        self._watch.changed.connect(self._ask)
        self.answer.changed.connect(self._answer)
        self.leave.changed.connect(self._leave_as_taken)
        for event in layer_list_events(viewer):
            # Held weakly by napari: a panel that is gone hears nothing more.
            event.connect(self._ask)
        answering.left.connect(self._ask)
        self._show(None)
        self._ask()

    def _ask(self, _: Any = None) -> None:
        """Show the first question that is open."""
        found = open_questions(self._viewer.layers)
        self._watch.watch(layer for asked in found for layer in asked.layers)
        asked = found[0] if found else None
        if asked != self._asked:
            self._show(asked)

    def _show(self, asked: OpenQuestion | None) -> None:
        """Ask this, or take no room."""
        self._asked = asked
        self.problem.tell("")
        self.text.tell(asked.text if asked else "")
        self._line.visible = asked is not None
        if asked is not None:
            self._offer(asked)

    def _offer(self, asked: OpenQuestion) -> None:
        """Show the field that the question is answered in."""
        is_choice = bool(asked.question.choices)
        self.spacing.visible, self.choice.visible = not is_choice, is_choice
        self.choice.reset_choices()
        if is_choice:
            self.choice.value = asked.question.taken
        else:
            self.spacing.value = asked.question.taken

    def _choices(self) -> list[tuple[str, str]]:
        choices = self._asked.question.choices if self._asked else {}
        return [(f"{key}: {what}", key) for key, what in choices.items()]

    def _answer(self, _: Any = None) -> None:
        if self._asked is None:
            return
        by_choice = bool(self._asked.question.choices)
        answer = self.choice.value if by_choice else self.spacing.value
        try:
            answer_question(self._viewer, self._asked, str(answer))
        except SpecimenUnetError as error:
            self.problem.tell(str(error))
            return
        self._ask()
        self.answered.emit()

    def _leave_as_taken(self, _: Any = None) -> None:
        if self._asked is not None:
            leave_as_taken(self._asked)
