"""How well a network does on what it does not learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from specimen_unet.domain.annotation import IGNORED, classes_of
from specimen_unet.domain.card import Metrics
from specimen_unet.domain.overlap import compare
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.prediction import DEFAULTS
from specimen_unet.engine.resampling import resampled_shape, spacing_for
from specimen_unet.engine.segmentation import labels_of
from specimen_unet.engine.tiling import tile_image
from specimen_unet.engine.views import View

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.events import TileDone
    from specimen_unet.domain.plan import Plan

# A forward pass is about a third of a training step.
_PASSES_PER_STEP = 3
# Voxels whose loss is computed at once.
_CHUNK = 2_000_000


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one validation; NaN is undefined and left out of means.

    Attributes
    ----------
    dice, iou : dict of int to float
        By label value, pooled over each volume, then averaged over observers of a
        case, then over cases.
    by_observer : dict of str to float
        Mean Dice against each observer.
    loss : float
        As in training, over all that is annotated.
    """

    dice: dict[int, float]
    iou: dict[int, float]
    by_observer: dict[str, float]
    loss: float

    @property
    def mean_dice(self) -> float:
        """Mean over the labels."""
        return _mean(self.dice.values())

    @property
    def mean_iou(self) -> float:
        """Mean over the labels."""
        return _mean(self.iou.values())

    def metrics(self, step: int, plan: Plan) -> Metrics:
        """Return them as a card has them."""
        return Metrics(
            step=step,
            mean_dice=_or_none(self.mean_dice),
            mean_iou=_or_none(self.mean_iou),
            dice={label: _or_none(dice) for label, dice in self.dice.items()},
            by_observer={
                observer: _or_none(dice) for observer, dice in self.by_observer.items()
            },
            caution=plan.split.caution,
        )


class Validation:
    """The cases, or the slices of the only case, that a model is scored on.

    Parameters
    ----------
    cases : sequence of Case
        All cases of the plan.
    plan : Plan
        Names those held out.
    device : torch.device
        Where to segment.
    """

    def __init__(self, cases: Sequence[Case], plan: Plan, device: torch.device) -> None:
        self._plan = plan
        self._device = device
        self._loss = build_loss(plan)
        self._views = [
            View(case, plan.split.held_out or (0, case.shape[0]), plan)
            for case in cases
            if case.name in plan.split.validation and case.labels
        ]

    @property
    def is_possible(self) -> bool:
        """Whether anything is held out."""
        return bool(self._views)

    @property
    def cost(self) -> float:
        """Training steps that take as long as a validation, told from sizes alone."""
        tiles = sum(map(_tile_count, self._views))
        return tiles / (_PASSES_PER_STEP * self._plan.batch)

    def scoring(self, network: torch.nn.Module) -> Generator[TileDone, None, Scores]:
        """Segment everything held out and score it.

        Parameters
        ----------
        network : torch.nn.Module
            On the device.

        Yields
        ------
        TileDone
            Of each case; between two of them it can be left.

        Returns
        -------
        Scores
        """
        rows, losses = [], []
        for number, view in enumerate(self._views):
            probabilities = yield from view.segmenting(network, self._device)
            for observer, drawn in view.case.labels.items():
                classes = self._classes(drawn, view)
                table = self._compared(probabilities, classes)
                rows.append(table.assign(case=number, observer=observer))
                losses.append(self._mean_loss(probabilities, classes))
        return _summary(pd.concat(rows), _mean(losses))

    def _classes(self, drawn: Array, view: View) -> Array:
        """Return the true classes of what is scored."""
        classes = classes_of(
            np.asarray(drawn),
            self._plan.label_values,
            self._plan.annotation,
            self._plan.painted_background,
        )
        return classes[slice(*view.wanted)]

    def _compared(self, probabilities: Array, classes: Array) -> pd.DataFrame:
        """Score every label over the annotated voxels."""
        is_annotated = classes != IGNORED
        values = np.array(self._plan.label_values)
        predicted = labels_of(probabilities, self._plan.label_values)[is_annotated]
        truth = values[classes[is_annotated]]
        names = dict(zip(values.tolist(), self._plan.label_names, strict=True))
        table = compare(predicted[np.newaxis], truth[np.newaxis], label_names=names)
        return table[["label", "dice", "iou"]]

    def _mean_loss(self, probabilities: Array, classes: Array) -> float:
        """Return the loss, chunk by chunk; NaN where nothing is annotated."""
        total, weight = 0.0, 0
        thickness = max(1, _CHUNK // math.prod(classes.shape[1:]))
        for start in range(0, len(classes), thickness):
            part = slice(start, start + thickness)
            annotated = int((classes[part] != IGNORED).sum())
            if annotated:
                total += annotated * self._chunk_loss(
                    probabilities[:, part], classes[part]
                )
                weight += annotated
        return total / weight if weight else math.nan

    def _chunk_loss(self, probabilities: Array, classes: Array) -> float:
        """Return the loss of a chunk; log p are logits whose softmax is p."""
        share = torch.from_numpy(np.ascontiguousarray(probabilities))
        truth = torch.from_numpy(classes.astype(np.int64))
        return float(self._loss(share.clamp(min=1e-7).log()[None], truth[None]))


def _tile_count(view: View) -> int:
    """Count the tiles a view is segmented in."""
    plan = view.plan
    shape = (view.read[1] - view.read[0], *view.case.shape[1:])
    slices = math.prod(shape[: -plan.dimensions])
    spacing = spacing_for(plan, view.case.grid, view.case.shape)
    shape = resampled_shape(shape[-plan.dimensions :], spacing, plan.spacing)
    return slices * len(tile_image(shape, plan.patch, DEFAULTS.overlap).tiles)


def _summary(table: pd.DataFrame, loss: float) -> Scores:
    """Average over observers, then over cases; what is undefined is left out."""
    scores = table.groupby(["case", "label"])[["dice", "iou"]].mean()
    by_label = scores.groupby("label").mean()
    by_observer = table.groupby(["observer", "case"])["dice"].mean()
    return Scores(
        dice={int(str(label)): dice for label, dice in by_label["dice"].items()},
        iou={int(str(label)): iou for label, iou in by_label["iou"].items()},
        by_observer={
            str(observer): dice
            for observer, dice in by_observer.groupby("observer").mean().items()
        },
        loss=loss,
    )


def _mean(scores: Iterable[float]) -> float:
    """Return the mean of what is defined; NaN if nothing is."""
    return float(pd.Series(list(scores), dtype=float).mean())


def _or_none(score: float) -> float | None:
    return None if math.isnan(score) else score
