"""The Cross-validate dock: cases in, scores of models on cases not seen out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import Container, PushButton, Widget

from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.crossvalidation_panel import CrossvalidationPanel
from specimen_unet.widgets.crossvalidation_set_up import CrossvalidationSetUp
from specimen_unet.widgets.dock_opening import open_dock
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.segment_dock import SegmentDock

if TYPE_CHECKING:
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.runs.study import StudyFolder


class CrossvalidateDock(Container[Widget]):
    """Cross-validate cases of a folder, or go on with a study.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose Cases dock shows the labels that come of it.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="crossvalidate_dock")
        self._viewer = viewer
        self._study: StudyFolder | None = None
        self.job = Job()
        self.set_up = CrossvalidationSetUp()
        self.problem = Note("crossvalidate_problem", "problem")
        self.panel = CrossvalidationPanel(self.job)
        self.together = Note("ensemble", tooltip="How the models are used")
        self.predictions = PushButton(
            name="show_predictions",
            text="Show predictions in the table",
            tooltip="Each case's labels by the model that has not seen it, with their "
            "Dice, in the Cases dock",
        )
        self.segment = PushButton(
            name="segment_with_study",
            text="Segment with all models",
            tooltip="Open the Segment dock: the models of the folds segment together",
        )
        self.back = PushButton(
            name="other_study",
            text="Set up another cross-validation",
            tooltip="Back to the choices; this study stays as it is",
        )
        parts: list[Widget] = [self.set_up, self.problem, self.panel, self.together]
        fill_column(self, [*parts, self.predictions, self.segment, self.back])
        self._connect()
        self._show_set_up()
        self._closing = Closing(self.native, self._leave)

    def choose_cases(self, chosen: ChosenCases) -> None:
        """Set up a study of these cases; one that is under way goes on."""
        if self.is_active:
            self.problem.tell(
                "A cross-validation is under way: stop it before you set up one of "
                f"{chosen.title}."
            )
            return
        self._show_set_up()
        self.set_up.choose_cases(chosen)

    @property
    def is_active(self) -> bool:
        """Whether cases are read, or models trained."""
        return self.panel.is_running or self.set_up.making.is_active

    @property
    def study(self) -> StudyFolder | None:
        """The study that is shown."""
        return self._study

    def _connect(self) -> None:
        self.set_up.made.connect(self._run)
        self.set_up.chosen.connect(self._show_study)
        # The panel has connected before, and so knows by then what has come.
        self.panel.start.changed.connect(self._look)
        self.job.finished.connect(self._look)
        self.job.failed.connect(self._look)
        self.predictions.changed.connect(self._show_predictions)
        self.segment.changed.connect(self._open_segment_dock)
        self.back.changed.connect(self._show_set_up)

    def _show_set_up(self, _: Any = None) -> None:
        """Show the choices, and nothing of a study."""
        self._study = None
        self.panel.visible = False
        self.set_up.visible = True
        self._look()

    def _show_study(self, study: StudyFolder) -> None:
        """Show a study: its table, or what there is to go on with."""
        self._study = study
        self.set_up.visible = False
        self.panel.show_study(study)
        self._look()

    def _run(self, study: StudyFolder) -> None:
        self._show_study(study)
        self.panel.run()
        self._look()

    def _look(self, _: Any = None) -> None:
        """Show what can be done now."""
        study = self._study
        self.problem.tell("")
        self.back.visible = study is not None and not self.panel.is_running
        is_finished = self.back.visible and study is not None and study.is_finished
        for button in (self.predictions, self.segment):
            button.visible = is_finished and hasattr(self._viewer, "window")
        self.together.tell(_together(study) if is_finished and study else "")

    def _show_predictions(self, _: Any = None) -> None:
        """Have the Cases dock show the labels of cases not seen."""
        # That dock imports this one.
        from specimen_unet.widgets.cases_dock import CasesDock

        if self._study is not None:
            cases: CasesDock = open_dock(self._viewer, CasesDock, "Cases")
            cases.study.show(self._study)

    def _open_segment_dock(self, _: Any = None) -> None:
        if self._study is not None:
            dock: SegmentDock = open_dock(self._viewer, SegmentDock, "Segment")
            dock.choose_model(self._study.path)

    def _leave(self) -> None:
        """End the child, which saves where it stands: the dock was closed."""
        self.set_up.making.leave(viewer_goes=self._closing.viewer_goes)
        self.job.shutdown()


def _together(study: StudyFolder) -> str:
    """Say how its models are used."""
    return (
        "All models together segment other images, here or in the terminal:\n"
        f"specimen-unet segment IMAGES '{study.path}' --out LABELS"
    )
