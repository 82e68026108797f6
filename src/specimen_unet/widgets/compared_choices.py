"""What is compared with what: prediction, ground truth, and what 0 means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from magicgui.widgets import ComboBox
from napari.layers import Image, Labels
from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Signal,
)
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from specimen_unet.domain.case import Annotation
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.viewer.pairing import truths_of
from specimen_unet.widgets.layer_choice import (
    drawn_labels,
    labels_choice,
    layer_list_events,
    layers_of_type,
    narrowed,
)
from specimen_unet.widgets.observer_list import ObserverList

if TYPE_CHECKING:
    import napari.viewer


class ComparedChoices(QWidget):
    """The three choices; prefilled from the layers that are open.

    Signals
    -------
    choice_changed
        By a person, or because layers came, went or were renamed.
    """

    choice_changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.prediction = labels_choice(
            viewer,
            name="prediction",
            label="Prediction",
            tooltip="The labels layer that is judged: a model's, or an observer's.",
        )
        self.truths = ObserverList()
        self.annotation = _annotation_choice()
        self._lay_out()
        self.prediction.changed.connect(self._offer_truths)
        self.annotation.changed.connect(self._tell)
        self.truths.ticks_changed.connect(self.choice_changed)
        for event in layer_list_events(viewer):
            event.connect(self._offer_truths, position="last")  # after the box
        self._judged: Labels | None = None
        self._offer_truths()

    @property
    def chosen(self) -> tuple[Labels | None, list[Labels]]:
        """The prediction and the ground truths that are ticked."""
        prediction: Labels | None = self.prediction.value
        return prediction, self.truths.ticked

    def release(self) -> None:
        """Hear nothing of the viewer any more."""
        for event in layer_list_events(self._viewer):
            event.disconnect(self._offer_truths)

    def _offer_truths(self, event: Any = None) -> None:
        """Offer every labels layer but the prediction; tick those of its image."""
        prediction = self.prediction.value
        others = [
            layer for layer in drawn_labels(self._viewer) if layer is not prediction
        ]
        images = layers_of_type(self._viewer, Image)
        likely = truths_of(prediction, others, images) if prediction else []
        # Ticks were set for the prediction before, which may show another specimen.
        self.truths.offer(others, likely, anew=prediction is not self._judged)
        self._judged = prediction
        self.choice_changed.emit()

    def _tell(self) -> None:
        self.choice_changed.emit()

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, control in (
            (self.prediction.label, self.prediction.native),
            ("Ground truth", self.truths),
            (self.annotation.label, self.annotation.native),
        ):
            text = QLabel(label)
            text.setToolTip(control.toolTip())
            form.addRow(text, control)


def _annotation_choice() -> ComboBox:
    """Offer what 0 may mean, in the words of the training form."""
    field = TrainingSettings.model_fields["annotation"]
    extra: Any = field.json_schema_extra
    return narrowed(
        ComboBox(
            name="annotation",
            label=field.title,
            tooltip=field.description,
            choices=[(extra["words"][value], value) for value in get_args(Annotation)],
            value=field.default,
        )
    )
