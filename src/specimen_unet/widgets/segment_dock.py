"""The Segment dock: an image layer and a model in, a labels layer out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari.layers
import napari.viewer
from magicgui.widgets import Container, PushButton, Widget

from specimen_unet.domain.errors import PlanError, SpecimenUnetError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.viewer.model_fit import check_model_fits
from specimen_unet.viewer.segmentation_layers import segmentation_layers
from specimen_unet.widgets.case_work_panel import CaseWorkPanel
from specimen_unet.widgets.channel_choice import ChannelChoice
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.compare_dock import CompareDock
from specimen_unet.widgets.dock_opening import open_dock
from specimen_unet.widgets.field_grid import FieldGrid
from specimen_unet.widgets.form import SettingsForm
from specimen_unet.widgets.job import Job
from specimen_unet.widgets.layer_choice import layer_choice, layer_list_events
from specimen_unet.widgets.model_choice import ModelChoice, ModelDrop
from specimen_unet.widgets.model_export import ModelExport
from specimen_unet.widgets.note import MAIN, Note
from specimen_unet.widgets.question_panel import QuestionPanel
from specimen_unet.widgets.segmentation_work import (
    Result,
    SegmentationWork,
    remove_old_copies,
)
from specimen_unet.widgets.tile_progress import TileProgress

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.files.chosen_cases import ChosenCases


class SegmentDock(Container[Widget]):
    """Segment an image layer with a model; layers are added, none is changed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Where the layers are.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="segment_dock")
        remove_old_copies()
        self._viewer = viewer
        self._asked: tuple[Any, Path, ModelCard] | None = None
        self._made: napari.layers.Labels | None = None
        self.job = Job()
        self.model = ModelChoice()
        self.image = layer_choice(
            viewer,
            napari.layers.Image,
            name="image",
            label="Image",
            tooltip="The image layer to segment",
        )
        self._choices = FieldGrid("choices", [self.image, self.model.box])
        self.questions = QuestionPanel(viewer)
        self.cases = CaseWorkPanel(self.job)
        self.channels = ChannelChoice(viewer)
        self.form = SettingsForm(SegmentationSettings)
        self.problem = Note("problem", "problem")
        self.remarks = Note("remarks", "caution")
        self.segment = PushButton(
            name="segment", text="Segment", tooltip="Add a labels layer to this image"
        )
        self.segment.native.setStyleSheet(MAIN)
        self.progress = TileProgress()
        self.result = Note("result", tooltip="What was added")
        self.compare = PushButton(
            name="compare",
            text="Compare with ground truth",
            tooltip="Open the Compare dock with this result",
            visible=False,
        )
        self._parts: list[Widget] = [self.cases, self._choices, self.channels]
        self._parts += [self.model, self.problem, self.remarks]
        self._parts += [self.form, self.segment, self.progress, self.result]
        self.export = ModelExport(self.job)
        fill_column(self, [self.questions, *self._parts, self.compare, self.export])
        self._work = SegmentationWork(self.job, self.native)
        self._drop = ModelDrop(self.native, self.model)
        self._closing = Closing(self.native, self._leave)
        self._connect()
        self._show_model()
        self._check()

    def choose_model(self, path: Path | str) -> None:
        """Choose a model file or a study, as if a person had."""
        self.model.choose(path)

    def choose_cases(self, chosen: ChosenCases) -> None:
        """Work on cases of a folder; a segmentation that is under way goes on."""
        if self.is_active:
            self.problem.tell("A segmentation is under way: let it end, or stop it.")
            return
        self.cases.choose(chosen)

    @property
    def is_active(self) -> bool:
        """Whether a segmentation is under way."""
        return self._work.is_active or self.cases.work.is_active

    def _connect(self) -> None:
        for event in layer_list_events(self._viewer):
            event.connect(self._check, position="last")  # after the box of images
        self.model.model_changed.connect(self._check)
        self.model.model_changed.connect(self._show_model)
        self.export.active_changed.connect(self._check)
        self.cases.changed_cases.connect(self._check)
        self.cases.active_changed.connect(self._show_case_work)
        self.image.changed.connect(self._check)
        self.questions.answered.connect(self._check)
        self.channels.chosen.connect(self._check)
        self.form.settings_changed.connect(self._check)
        self.segment.changed.connect(self._segment)
        self.progress.cancelled.connect(self._work.cancel)
        self.compare.changed.connect(self._open_compare_dock)
        self._work.progressed.connect(self.progress.show_tile)
        self._work.warned.connect(self.remarks.tell)
        self._work.done.connect(self._add)
        self._work.ended.connect(self._end)

    def _check(self, _: Any = None) -> None:
        """Tell wrong choices where they are, before anything starts."""
        remarks: list[str] = []
        problem = ""
        is_layer = self.cases.cases is None
        self.questions.visible = is_layer
        self._choices.show_row(self.image, is_layer)
        self.form.show_field("probabilities", is_layer)
        card = self.model.card if is_layer else None
        self.channels.show_model(card, self.image.value)
        try:
            if card is not None:
                remarks = check_model_fits(card, *self._layers())
        except SpecimenUnetError as error:
            problem = str(error)
        self.problem.tell(problem)
        self.remarks.tell("\n".join(remarks))
        has_model = self.model.path is not None and not self.export.is_active
        self.segment.text = "Segment" if is_layer else "Segment these cases"
        self.segment.enabled = has_model and not problem

    def _show_model(self) -> None:
        """Offer the export of one model; a study has no file of its own."""
        self.export.show_model(self.model.file, self.model.card)

    def _layers(self) -> tuple[Any, ...]:
        """Return the layer of every channel."""
        return (self.image.value, *self.channels.layers)

    def _segment(self, _: Any = None) -> None:
        """Start with what is chosen."""
        self._check()
        path, card, layer = self.model.path, self.model.card, self.image.value
        if not self.segment.enabled or path is None or card is None:
            return
        try:
            settings = self.form.settings
        except PlanError:  # the form tells it
            return
        if self.cases.cases is not None:
            self.cases.start(path, settings)
            return
        self._asked = layer, path, card
        self._made = None
        self._show_working(True)
        self._work.start(self._layers(), path, settings)

    def _add(self, result: Result) -> None:
        """Add what came of it to the viewer."""
        if self._asked is None:
            return
        layer, path, card = self._asked
        try:
            made, maps = segmentation_layers(
                result.labels,
                result.probabilities,
                layer,
                card=card,
                model=path,
                beside=self._viewer.layers,
            )
        except SpecimenUnetError as error:  # the layer holds another image by now
            self._end(str(error))
            return
        for one in (*maps, made):
            self._viewer.add_layer(one)
        self._made = made
        self._end("")
        self.result.tell(f"Added {made.name!r}.")
        self.compare.visible = hasattr(self._viewer, "window")

    def _end(self, message: str) -> None:
        """Let the person choose again, and tell what went wrong, if anything."""
        self._asked = None
        self._show_working(False)
        if message:
            self.problem.tell(message)

    def _show_working(self, is_working: bool) -> None:
        for part in (self._choices, self.channels, self.model, self.form, self.export):
            part.enabled = not is_working
        self.segment.visible = not is_working
        self.result.tell("")
        self.compare.visible = False
        if is_working:
            self.progress.begin()
        else:
            self.progress.end()

    def _show_case_work(self) -> None:
        """Let a person choose, or not, as long as cases are segmented."""
        is_working = self.cases.work.is_active
        for part in (self._choices, self.model, self.form, self.export):
            part.enabled = not is_working
        self.segment.visible = not is_working

    def _open_compare_dock(self, _: Any = None) -> None:
        """Open the Compare dock with the result as its prediction."""
        dock = open_dock(self._viewer, CompareDock, "Compare")
        if self._made is not None and self._made in self._viewer.layers:
            dock.choose_prediction(self._made)

    def _leave(self) -> None:
        """End the child, and leave nothing behind: the dock was closed."""
        for event in layer_list_events(self._viewer):
            event.disconnect(self._check)
        self._work.leave(viewer_goes=self._closing.viewer_goes)
        self.cases.leave(viewer_goes=self._closing.viewer_goes)
        self.job.shutdown()
