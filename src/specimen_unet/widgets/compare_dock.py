"""The dock that compares a labels layer with ground truth while one paints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import Container, Widget
from napari.layers import Image, Labels

from specimen_unet.domain.comparison import Comparison, Scores, score
from specimen_unet.viewer.comparison import check_compared_layers, check_surfaces
from specimen_unet.viewer.open_cases import show_case
from specimen_unet.widgets.agreement_panel import AgreementPanel
from specimen_unet.widgets.cases_panel import CasesPanel
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.compared_choices import ComparedChoices
from specimen_unet.widgets.error_panel import ErrorPanel
from specimen_unet.widgets.folded import Folded
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.layer_choice import layers_of_type
from specimen_unet.widgets.layer_watch import LayerWatch
from specimen_unet.widgets.made_layers import MadeLayers
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.question_panel import QuestionPanel
from specimen_unet.widgets.report_content import ReportedLayers
from specimen_unet.widgets.report_writing import ReportWriting
from specimen_unet.widgets.score_panel import ScorePanel
from specimen_unet.widgets.slice_panel import SlicePanel
from specimen_unet.widgets.surface_panel import SurfacePanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from specimen_unet.domain.case import Annotation
    from specimen_unet.files.consensus import ConsensusMethod
    from specimen_unet.viewer.open_cases import OpenCase


class CompareDock(Container[Widget]):
    """Compare a labels layer with ground truth; the scores follow the brush.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose labels layers are compared. None of them is ever changed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="compare")
        self._viewer = viewer
        self.questions = QuestionPanel(viewer)
        self.choices = ComparedChoices(viewer)
        self.problem = Note("problem", "problem")
        self.remarks = Note("remarks", "caution")
        self.scores = ScorePanel()
        self.slices = SlicePanel(viewer)
        self.errors = ErrorPanel()
        self.agreement = AgreementPanel()
        self.surfaces = SurfacePanel()
        self.cases = CasesPanel(viewer)
        self.report = ReportWriting(self._reported_layers)
        self.folds = _folds(self.agreement, self.surfaces, self.cases)
        self._results = (
            self.scores,
            self.slices,
            self.errors,
            *self.folds,
            self.report,
        )
        told = (self.problem, self.remarks)
        fill_column(self, [self.questions, self.choices, *told, *self._results])
        self._scoring = LatestTask(self.native)
        self._made = MadeLayers(viewer, self.native)
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
        """Whether anything is being worked out."""
        parts = (self._scoring, self._made, self.surfaces, self.cases, self.report)
        return any(part.is_busy for part in parts)

    def _connect(self) -> None:
        self.questions.answered.connect(self._compare_anew)
        self.choices.choice_changed.connect(self._compare_anew)
        self._watch.changed.connect(self._follow)
        self._scoring.answered.connect(self._show)
        self._scoring.refused.connect(self._show_problem)
        self._made.refused.connect(self._tell_refusal)
        self._made.merged.connect(self._tell_consensus)
        self.errors.asked.connect(self._ask_errors)
        self.agreement.votes_asked.connect(self._ask_votes)
        self.agreement.consensus_asked.connect(self._ask_consensus)
        self.surfaces.asked.connect(self._measure_surfaces)
        self.cases.asked.connect(self._compare_cases)
        self.cases.compared.connect(self._watch_layers)
        self.cases.case_chosen.connect(self._go_to_case)
        self.surfaces.tolerance_changed.connect(self.report.take_tolerance)
        self._viewer.events.theme.connect(self.cases.take_theme)

    def _compare_anew(self) -> None:
        """Compare other layers than before: what was asked of those is dropped."""
        self._scoring.drop()
        self.surfaces.forget()
        self.cases.mark_stale()
        self._compare()

    def _follow(self) -> None:
        """Compare what somebody paints; what takes longer is only marked as old."""
        self.surfaces.mark_stale()
        self.cases.mark_stale()
        self._compare()

    def _compare(self) -> None:
        """Ask for scores of the layers as they are now."""
        self._watch_layers()
        prediction, truths = self.choices.chosen
        annotation = self.choices.annotation.value
        self._scoring.ask(partial(_score, prediction, truths, annotation))
        self._made.renew(annotation)

    def _watch_layers(self) -> None:
        """Hear of strokes on whatever is compared, shown or counted."""
        prediction, truths = self.choices.chosen
        others = [*self._made.sources, *self.cases.layers]
        self._watch.watch([prediction, *truths, *others])

    def _show(self, answer: _Answer) -> None:
        """Show scores that were worked out."""
        self.problem.tell("")
        self.remarks.tell("\n".join(answer.remarks))
        self._show_results(True)
        self.scores.show_scores(answer.scores)
        self.slices.show_scores(answer.scores, answer.prediction)
        several = answer.scores.table["label"].nunique() > 1
        self.errors.offer(answer.truths, several_labels=several)
        self.agreement.offer(len(answer.truths))
        self.surfaces.offer(answer.scores.grid)

    def _show_problem(self, message: str) -> None:
        """Say why nothing can be compared, in place of results."""
        self.problem.tell(message)
        self.remarks.tell("")
        self._show_results(False)

    def _show_results(self, visible: bool) -> None:
        for part in self._results:
            part.setVisible(visible)

    def _tell_refusal(self, message: str) -> None:
        self.agreement.note.tell("")
        self.remarks.tell(message)

    def _tell_consensus(self, name: str) -> None:
        self.agreement.note.tell(f"Added {name!r}.")

    def _ask_errors(self, truth: Labels) -> None:
        """Ask for the errors of the prediction against one observer."""
        prediction, _ = self.choices.chosen
        if prediction is not None:
            self._made.show_errors(prediction, truth, self.choices.annotation.value)

    def _ask_votes(self, with_prediction: bool) -> None:
        prediction, truths = self.choices.chosen
        counted = prediction if with_prediction else None
        self._made.show_votes(truths, counted, self.choices.annotation.value)

    def _ask_consensus(self, method: ConsensusMethod) -> None:
        self._made.add_consensus(self.choices.chosen[1], method)

    def _measure_surfaces(self) -> None:
        chosen = self.choices.chosen
        annotation = self.choices.annotation.value
        self.surfaces.measure(partial(_surface_comparison, *chosen, annotation))

    def _compare_cases(self) -> None:
        prediction, _ = self.choices.chosen
        self.cases.compare(prediction, self.choices.annotation.value)

    def _go_to_case(self, case: OpenCase) -> None:
        """Show one of the cases that were compared, and its scores above."""
        found = self.cases.found
        if found is not None:
            show_case(self._viewer, case, found.cases.values())
        with self.cases.unchanged():
            self.choose_prediction(case.prediction)

    def _reported_layers(self) -> ReportedLayers:
        return ReportedLayers(
            *self.choices.chosen,
            images=layers_of_type(self._viewer, Image),
            labels=layers_of_type(self._viewer, Labels),
            annotation=self.choices.annotation.value,
        )

    def _release(self) -> None:
        """Leave the viewer alone: the dock was closed."""
        viewer_goes = self._closing.viewer_goes
        if not viewer_goes:  # otherwise Qt has deleted the timers
            for part in (self._scoring, self._made, self.cases):
                part.drop()
        for measuring in (self.surfaces.work, self.report):
            measuring.leave(viewer_goes=viewer_goes)
        self._watch.watch([])
        self.choices.release()
        self.slices.release()
        self._viewer.events.theme.disconnect(self.cases.take_theme)


def _folds(
    agreement: AgreementPanel, surfaces: SurfacePanel, cases: CasesPanel
) -> tuple[Folded, ...]:
    """Hide what is not needed every time behind its title."""
    titles: tuple[tuple[str, str, str, QWidget], ...] = (
        (
            "show_agreement",
            "Disagreement and consensus",
            "Where the observers differ, and what they say together.",
            agreement,
        ),
        (
            "show_surfaces",
            "Surface distances",
            "How far outlines lie apart: HD95, mean distance, surface Dice.",
            surfaces,
        ),
        (
            "show_cases",
            "All open cases",
            "The worst case first, plots, and Williams' index.",
            cases,
        ),
    )
    folds = []
    for name, title, tip, part in titles:
        fold = Folded(name, title, tip)
        fold.fill([part])
        folds.append(fold)
    return tuple(folds)


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


def _surface_comparison(
    prediction: Labels | None, truths: Sequence[Labels], annotation: Annotation
) -> Comparison:
    """Check what surfaces are measured of; runs beside the viewer's thread."""
    check_surfaces(annotation)
    return check_compared_layers(prediction, truths).comparison(annotation)
