"""The Train dock: choose, see the plan, watch it learn, take the model along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import Container, PushButton, Widget

from specimen_unet.widgets.case_following import CaseFollowing
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.dock_opening import open_dock
from specimen_unet.widgets.draft import remove_old_drafts
from specimen_unet.widgets.failures import failure_text
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.live_preview import LivePreview
from specimen_unet.widgets.more_time import MoreTime
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.painting import LivePainting
from specimen_unet.widgets.result_view import ResultView
from specimen_unet.widgets.run_report import RunReport
from specimen_unet.widgets.segment_dock import SegmentDock
from specimen_unet.widgets.set_up import SetUp
from specimen_unet.widgets.training_view import TrainingView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.events import Event, Failed, Finished
    from specimen_unet.files.chosen_cases import ChosenCases
    from specimen_unet.runs.folder import RunFolder
    from specimen_unet.viewer.pairing import Pair


class TrainDock(Container[Widget]):
    """Train a U-Net on the images and ground truths that are open.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layers are.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="train_dock")
        remove_old_drafts()
        self._viewer = viewer
        self._run: RunFolder | None = None
        self._last: RunFolder | None = None
        self._is_left = False
        self.job = Job()
        self.set_up = SetUp(viewer, self.job)
        self.training = TrainingView(viewer.theme)
        self.problem = Note("training_problem", "problem")
        self.result = ResultView(can_segment=hasattr(viewer, "window"))
        self.again = PushButton(
            name="resume_this",
            text="Resume this training",
            tooltip="Go on from the last checkpoint",
        )
        self.report = RunReport(self.job)
        self.more = MoreTime()
        self.back = PushButton(
            name="back", text="Set up another training", tooltip="Back to the choices"
        )
        self._preview = LivePreview(viewer, self.job)
        self._painting = LivePainting(viewer)
        self._following = CaseFollowing(viewer)
        parts = [self.training, self.problem, self.result, self.report]
        parts += [self.more, self.again, self.back]
        fill_column(self, [self.set_up, *parts])
        self._connect()
        self._show_set_up()
        self._closing = Closing(self.native, self._leave)

    def learn_from(self, chosen: ChosenCases) -> None:
        """Set up a training on cases of a folder; one that is under way goes on."""
        if self._run is not None:
            self.problem.tell(
                f"A training is under way: end it before you train on {chosen.title}."
            )
            return
        self._show_set_up()
        self.set_up.learn_from(chosen)

    @property
    def run(self) -> RunFolder | None:
        """The run that is trained just now."""
        return self._run

    def _connect(self) -> None:
        self.set_up.begun.connect(self._begin)
        self.set_up.interrupted.resumed.connect(self._resume)
        self.set_up.interrupted.ended.connect(self._show_ended)
        self.training.paused.connect(self.job.pause)
        self.training.resumed.connect(self.job.go_on)
        self.training.stopped.connect(self.job.stop)
        self.job.heard.connect(self._hear)
        self.job.finished.connect(self._finish)
        self.job.failed.connect(self._fail)
        self.result.segment_asked.connect(self._open_segment_dock)
        self._following.opened.connect(self._follow)
        self.again.changed.connect(self._resume_last)
        self.more.asked.connect(self._prolong_last)
        self.back.changed.connect(self._show_set_up)
        self._viewer.events.theme.connect(self._follow_theme)

    def _show_set_up(self, _: Any = None) -> None:
        """Show the choices, and nothing of a training."""
        for part in (self.training, self.more, self.again, self.back):
            part.visible = False
        self.problem.tell("")
        self._show_result(None)
        self.set_up.set_active(True)

    def _begin(self, run: RunFolder, pairs: Sequence[Pair] | None) -> None:
        """Start a training that was set up."""
        if pairs is None:
            self._following.start(run)
        self._watch(run, self._following.pairs_of(run) if pairs is None else pairs)
        self.job.train(run.path)

    def _resume(self, run: RunFolder, more_minutes: float | None = None) -> None:
        """Let a training go on, with the layers it was begun with if they are open."""
        self._following.start(run)
        self._watch(run, self._following.pairs_of(run))
        self.job.train(run.path, resume=True, more_minutes=more_minutes)

    def _follow(self, pairs: list[Pair]) -> None:
        """Preview and learn from cases of the run that were opened meanwhile."""
        if self._run is not None:
            self._preview.follow(pairs)
            self._painting.start(self._run, pairs)

    def _show_ended(self, run: RunFolder) -> None:
        """Show a training of some other day as it was when it ended."""
        self.set_up.set_active(False)
        self.training.visible = self.back.visible = self.more.visible = True
        self.training.begin(run.name, run.events())
        self.training.end("Finished.")
        self._last = run
        self._show_result(run.model_path)

    def _watch(self, run: RunFolder, pairs: Sequence[Pair]) -> None:
        """Show a training, preview it, and let it learn from what is painted."""
        self._run = run
        self.set_up.set_active(False)
        for part in (self.more, self.again, self.back):
            part.visible = False
        self.problem.tell("")
        self._show_result(None)
        self.training.visible = True
        self.training.begin(run.name, run.events())
        self._preview.start(pairs)
        self._painting.start(run, pairs)

    def _hear(self, event: Event) -> None:
        if self._run is None:
            return
        self._preview.hear(event)
        self.training.hear(event)

    def _finish(self, finished: Finished) -> None:
        if self._run is None:
            return
        self._end("Stopped early." if finished.stopped_early else "Finished.")
        self._show_result(Path(finished.path))
        self.more.visible = True

    def _show_result(self, model: Path | None) -> None:
        """Show the model of the run that ended, and what can be written of it."""
        self.result.show_model(model)
        self.report.show_run(self._last if model is not None else None)

    def _fail(self, failed: Failed) -> None:
        """Show why there is no model; a run that was begun can go on."""
        if self._run is None:
            return
        self.again.visible = self._run.has_checkpoint
        self._end("")
        self.problem.tell(failure_text(failed))

    def _end(self, text: str) -> None:
        self._preview.stop()
        self._painting.stop()
        self._following.stop()
        self.training.end(text)
        self._last, self._run = self._run, None
        self.back.visible = True

    def _resume_last(self, _: Any = None) -> None:
        if self._last is not None:
            self._resume(self._last)

    def _prolong_last(self, minutes: float) -> None:
        if self._last is not None:
            self._resume(self._last, minutes)

    def _open_segment_dock(self, model: Path) -> None:
        """Open the Segment dock with the model chosen."""
        open_dock(self._viewer, SegmentDock, "Segment").choose_model(model)

    def _follow_theme(self, _: Any = None) -> None:
        self.training.curves.set_theme(self._viewer.theme)

    def _leave(self) -> None:
        """End the child, which saves where it stands, and leave nothing behind."""
        if self._is_left:
            return
        self._is_left = True
        if self._run is not None:
            self._preview.stop(keep_layer=self._closing.viewer_goes)
            self._painting.stop()
            self._following.stop()
            self._run = None
        self.set_up.leave()
        self._viewer.events.theme.disconnect(self._follow_theme)
        self.job.shutdown()
