"""The dock that compares a labels layer with ground truth while one paints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import Container, Widget

from specimen_unet.domain.comparison import Scores, score
from specimen_unet.viewer.comparison import check_compared_layers
from specimen_unet.viewer.error_layer import ErrorLayer, errors_between
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.compared_choices import ComparedChoices
from specimen_unet.widgets.error_panel import ErrorPanel
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.layer_watch import LayerWatch
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.question_panel import QuestionPanel
from specimen_unet.widgets.score_panel import ScorePanel
from specimen_unet.widgets.slice_panel import SlicePanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels

    from specimen_unet.domain.case import Annotation, Array


class CompareDock(Container[Widget]):
    """Compare a labels layer with ground truth; the scores follow the brush.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose labels layers are compared. None of them is ever changed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="compare")
        self.questions = QuestionPanel(viewer)
        self.choices = ComparedChoices(viewer)
        self.problem = Note("problem", "problem")
        self.remarks = Note("remarks", "caution")
        self.scores = ScorePanel()
        self.slices = SlicePanel(viewer)
        self.errors = ErrorPanel()
        self._results = (self.scores, self.slices, self.errors)
        told = (self.problem, self.remarks)
        fill_column(self, [self.questions, self.choices, *told, *self._results])
        self._scoring = LatestTask(self.native)
        self._mapping = LatestTask(self.native)
        self._error_layer = ErrorLayer(viewer)
        self._watch = LayerWatch(viewer, self.native)
        self._closing = Closing(self.native, self._release)
        self._connect()
        self._show_results(False)
        self._compare_anew()

    def choose_prediction(self, layer: Labels) -> None:
        """Compare this layer, as if a person had chosen it."""
        self.choices.prediction.value = layer

    @property
    def is_busy(self) -> bool:
        """Whether scores or errors are being worked out."""
        return self._scoring.is_busy or self._mapping.is_busy

    def _connect(self) -> None:
        self.questions.answered.connect(self._compare_anew)
        self.choices.choice_changed.connect(self._compare_anew)
        self._watch.changed.connect(self._compare)
        self._scoring.answered.connect(self._show)
        self._scoring.refused.connect(self._show_problem)
        self._mapping.answered.connect(self._show_errors)
        self._mapping.refused.connect(self.remarks.tell)
        self.errors.asked.connect(self._ask_errors)

    def _compare_anew(self) -> None:
        """Compare other layers than before: what was asked of those is dropped."""
        self._scoring.drop()
        self._compare()

    def _compare(self) -> None:
        """Ask for scores of the layers as they are now."""
        prediction, truths = self.choices.chosen
        shown = self._error_layer.sources or ()
        self._watch.watch([prediction, *truths, *shown])
        annotation = self.choices.annotation.value
        self._scoring.ask(partial(_score, prediction, truths, annotation))
        if shown:
            self._mapping.ask(partial(_map_errors, *shown, annotation))

    def _show(self, answer: _Answer) -> None:
        """Show scores that were worked out."""
        self.problem.tell("")
        self.remarks.tell("\n".join(answer.remarks))
        self._show_results(True)
        self.scores.show_scores(answer.scores)
        self.slices.show_scores(answer.scores, answer.prediction)
        several = answer.scores.table["label"].nunique() > 1
        self.errors.offer(answer.truths, several_labels=several)

    def _show_problem(self, message: str) -> None:
        """Say why nothing can be compared, in place of results."""
        self.problem.tell(message)
        self.remarks.tell("")
        self._show_results(False)

    def _show_results(self, visible: bool) -> None:
        for part in self._results:
            part.setVisible(visible)

    def _ask_errors(self, truth: Labels) -> None:
        """Ask for the errors of the prediction against one observer."""
        prediction, _ = self.choices.chosen
        if prediction is None:
            return
        annotation = self.choices.annotation.value
        self._mapping.drop()
        self._mapping.ask(partial(_map_errors, prediction, truth, annotation))

    def _show_errors(self, answer: tuple[Array, Labels, Labels]) -> None:
        self._error_layer.show(*answer)

    def _release(self) -> None:
        """Leave the viewer alone: the dock was closed."""
        if not self._closing.viewer_goes:  # otherwise Qt has deleted the timers
            self._scoring.drop()
            self._mapping.drop()
        self._watch.watch([])
        self.choices.release()
        self.slices.release()


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """What a comparison found, and for which layers."""

    scores: Scores
    prediction: Labels
    truths: Sequence[Labels]
    remarks: Sequence[str]


def _score(
    prediction: Labels | None, truths: Sequence[Labels], annotation: Annotation
) -> _Answer:
    """Check and score layers; runs beside the viewer's thread and only reads."""
    compared = check_compared_layers(prediction, truths)
    scores = score(compared.comparison(annotation))
    return _Answer(scores, compared.prediction, compared.truths, compared.remarks)


def _map_errors(
    prediction: Labels, truth: Labels, annotation: Annotation
) -> tuple[Array, Labels, Labels]:
    """Find the errors of a layer against another."""
    return errors_between(prediction, truth, annotation), prediction, truth
