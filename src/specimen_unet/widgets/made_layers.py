"""Layers that a comparison makes: errors, disagreement, consensus."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    QObject,
    Signal,
)

from specimen_unet.viewer.consensus_layer import consensus_layer, consensus_of
from specimen_unet.viewer.disagreement_layer import DisagreementLayer, votes_of
from specimen_unet.viewer.error_layer import ErrorLayer, errors_between
from specimen_unet.viewer.renewed_layer import add_beside
from specimen_unet.widgets.latest_task import LatestTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Labels

    from specimen_unet.domain.case import Annotation, Array
    from specimen_unet.files.consensus import ConsensusMethod

# A layer that gets new voxels is drawn anew as a whole, which strokes have to wait for.
_REST_MS = 250


class MadeLayers(QObject):
    """Computes layers beside the viewer's thread, adds them, and renews them.

    Signals
    -------
    refused : str
        Why one of them cannot be made.
    merged : str
        Name of a consensus that was added.
    """

    refused = Signal(str)
    merged = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._errors = ErrorLayer(viewer)
        self._votes = DisagreementLayer(viewer)
        self._with_prediction = False
        self._mapping, self._counting, self._merging = (
            LatestTask(self, rest_ms=_REST_MS) for _ in range(3)
        )
        self._mapping.answered.connect(lambda answer: self._errors.show(*answer))
        self._counting.answered.connect(lambda answer: self._votes.show(*answer))
        self._merging.answered.connect(self._add_consensus)
        for task in self._tasks:
            task.refused.connect(self.refused)

    @property
    def sources(self) -> list[Any]:
        """The layers that those are computed from which are shown."""
        return [*(self._errors.sources or ()), *(self._votes.sources or ())]

    @property
    def is_busy(self) -> bool:
        """Whether a layer is being computed."""
        return any(task.is_busy for task in self._tasks)

    def show_errors(
        self, prediction: Labels, truth: Labels, annotation: Annotation
    ) -> None:
        """Show the errors of a prediction against one observer."""
        self._mapping.drop()
        self._mapping.ask(partial(_mapped, prediction, truth, annotation))

    def show_votes(
        self,
        truths: Sequence[Labels],
        prediction: Labels | None,
        annotation: Annotation,
    ) -> None:
        """Show how many of the observers, and of the prediction, marked a voxel."""
        self._with_prediction = prediction is not None
        self._counting.drop()
        self._counting.ask(partial(_counted, truths, prediction, annotation))

    def add_consensus(self, truths: Sequence[Labels], method: ConsensusMethod) -> None:
        """Add a layer of what the observers say together."""
        self._merging.ask(partial(_merged, truths, method))

    def renew(self, annotation: Annotation) -> None:
        """Compute the layers that are shown anew: what they are of has changed."""
        if self._errors.sources:
            prediction, truth = self._errors.sources
            self._mapping.ask(partial(_mapped, prediction, truth, annotation))
        if self._votes.sources:
            layers = list(self._votes.sources)
            prediction = layers.pop() if self._with_prediction else None
            self._counting.ask(partial(_counted, layers, prediction, annotation))

    def drop(self) -> None:
        """Forget what was asked."""
        for task in self._tasks:
            task.drop()

    @property
    def _tasks(self) -> tuple[LatestTask, ...]:
        return self._mapping, self._counting, self._merging

    def _add_consensus(
        self, answer: tuple[Array, Sequence[Labels], ConsensusMethod]
    ) -> None:
        layer = consensus_layer(*answer)
        add_beside(self._viewer, layer)
        self.merged.emit(str(layer.name))


def _mapped(
    prediction: Labels, truth: Labels, annotation: Annotation
) -> tuple[Array, Labels, Labels]:
    return errors_between(prediction, truth, annotation), prediction, truth


def _counted(
    truths: Sequence[Labels], prediction: Labels | None, annotation: Annotation
) -> tuple[Array, list[Labels]]:
    layers = [*truths] if prediction is None else [*truths, prediction]
    return votes_of(truths, prediction, annotation), layers


def _merged(
    truths: Sequence[Labels], method: ConsensusMethod
) -> tuple[Array, Sequence[Labels], ConsensusMethod]:
    return consensus_of(truths, method), truths, method
