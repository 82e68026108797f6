"""The dock that measures labels, and the margin between a specimen and its tumour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import napari.viewer  # noqa: TC002  # napari finds the viewer by this very name
from magicgui.widgets import ComboBox, Container, Widget
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from specimen_unet.viewer.margin_layer import MarginLayers, picture_of
from specimen_unet.viewer.measured_labels import measure_layer, measure_margin
from specimen_unet.viewer.provenance import kind_of_layer
from specimen_unet.viewer.slice_position import show_place
from specimen_unet.widgets.closing import Closing
from specimen_unet.widgets.column import fill_column
from specimen_unet.widgets.latest_task import LatestTask
from specimen_unet.widgets.layer_choice import (
    drawn_labels,
    labels_choice,
    layer_list_events,
)
from specimen_unet.widgets.layer_watch import LayerWatch
from specimen_unet.widgets.margin_panel import MarginPanel
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.size_panel import SizePanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels

    from specimen_unet.viewer.margin_layer import MarginPicture
    from specimen_unet.viewer.measured_labels import LayerSizes, MeasuredMargin


class MeasureDock(Container[Widget]):
    """Measure a labels layer and the margin in it; the numbers follow the brush.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose labels layers are measured. None of them is ever changed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False, name="measure")
        self._viewer = viewer
        self.layer = _measured_choice(viewer)
        self.problem = Note("problem", "problem")
        self.sizes = SizePanel()
        self.margin = MarginPanel()
        fill_column(self, [_row(self.layer), self.problem, self.sizes, self.margin])
        self._sizing, self._measuring, self._drawing = (
            LatestTask(self.native) for _ in range(3)
        )
        self._layers = MarginLayers(viewer)
        self._watch = LayerWatch(viewer, self.native)
        self._closing = Closing(self.native, self._release)
        self._connect()
        self._show_results(False)
        self._measure_anew()

    @property
    def is_busy(self) -> bool:
        """Whether sizes, a margin or its layers are being worked out."""
        tasks = (self._sizing, self._measuring, self._drawing)
        return any(task.is_busy for task in tasks)

    def _connect(self) -> None:
        self.layer.changed.connect(self._measure_anew)
        for event in layer_list_events(self._viewer):
            event.connect(self._measure_anew, position="last")  # after the box
        self._watch.changed.connect(self._measure)
        self._sizing.answered.connect(self._show_sizes)
        self._sizing.refused.connect(self._show_problem)
        self._measuring.answered.connect(self._show_margin)
        self._measuring.refused.connect(self.margin.show_problem)
        self._drawing.answered.connect(self._show_layers)
        self.margin.choices.label_changed.connect(self._measure_margin)
        self.margin.choices.threshold_changed.connect(self._layers.show_threshold)
        self.margin.place_asked.connect(self._go)
        self.margin.layers_asked.connect(self._draw)

    def _measure_anew(self, event: Any = None) -> None:
        """Measure other layers than before: what was asked of those is dropped."""
        if kind_of_layer(getattr(event, "value", None)) == "margins":
            return  # those were made here, and hold nothing to measure
        self._drop()
        self._measure()

    def _measure(self) -> None:
        """Ask for sizes of the layer as it is now; its margin comes after them."""
        others = drawn_labels(self._viewer)
        self._watch.watch(others)
        self._sizing.ask(partial(_sizes, self.layer.value, others))

    def _show_sizes(self, answer: _Answer) -> None:
        """Show sizes that were worked out, and go on to the margin."""
        self.problem.tell("")
        self._show_results(True)
        self.sizes.show_sizes(answer.sizes)
        self.margin.choices.offer(answer.sizes, answer.layer)
        self._measure_margin()

    def _show_problem(self, message: str) -> None:
        """Say why nothing can be measured, in place of results."""
        self.problem.tell(message)
        self.margin.show_problem("")
        self._show_results(False)

    def _show_results(self, visible: bool) -> None:
        self.sizes.setVisible(visible)
        self.margin.setVisible(visible)

    def _measure_margin(self) -> None:
        self._measuring.ask(partial(measure_margin, *self.margin.choices.chosen))

    def _show_margin(self, measured: MeasuredMargin) -> None:
        """Show a margin, also in the layers if they are there."""
        self.margin.show_margin(measured)
        if self._layers.are_shown:
            self._draw()

    def _go(self) -> None:
        """Take the viewer to the narrowest place."""
        measured = self.margin.measured
        if measured and measured.specimen.layer in self._viewer.layers:
            show_place(self._viewer, measured.specimen.layer, measured.margin.where)

    def _draw(self) -> None:
        """Ask for the layers of the margin that is shown."""
        if self.margin.measured:
            self._drawing.ask(partial(picture_of, self.margin.measured))

    def _show_layers(self, picture: MarginPicture) -> None:
        self._layers.show(picture, self.margin.choices.threshold.value())

    def _drop(self) -> None:
        for task in (self._sizing, self._measuring, self._drawing):
            task.drop()

    def _release(self) -> None:
        """Leave the viewer alone: the dock was closed."""
        if not self._closing.viewer_goes:  # otherwise Qt has deleted the timers
            self._drop()
        self._watch.watch([])
        self._layers.release()
        for event in layer_list_events(self._viewer):
            event.disconnect(self._measure_anew)


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """Sizes, and of which layer."""

    sizes: LayerSizes
    layer: Labels


def _sizes(layer: Labels, others: Sequence[Any]) -> _Answer:
    """Measure a layer; runs beside the viewer's thread and only reads."""
    return _Answer(measure_layer(layer, others), layer)


def _measured_choice(viewer: napari.viewer.Viewer) -> ComboBox:
    """Offer what may be measured; first of all what is selected."""
    box = labels_choice(
        viewer,
        name="labels",
        label="Labels",
        tooltip="The labels layer whose labels are measured.",
    )
    active = viewer.layers.selection.active
    if active in box.choices:
        box.value = active
    return box


def _row(box: ComboBox) -> QWidget:
    """Put a choice behind its name."""
    row = QWidget()
    form = QFormLayout(row)
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    name = QLabel(box.label)
    name.setToolTip(box.tooltip)
    form.addRow(name, box.native)
    return row
