"""What one model sees in an image, or several together: the mean of what each sees."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING

import torch

from specimen_unet.domain.events import TileDone
from specimen_unet.engine.cpu_norms import laid_out_as_usual
from specimen_unet.engine.precision import fastest_precision
from specimen_unet.engine.prediction import predict_into
from specimen_unet.engine.sinks import Labels, MeanProbabilities, Probabilities

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.segmentation_settings import SegmentationSettings
    from specimen_unet.engine.model import Model
    from specimen_unet.engine.sinks import Part, Sink


class Seen:
    """Labels, and the probabilities only where they are wanted.

    Attributes
    ----------
    labels : Labels
    probabilities : Probabilities, MeanProbabilities or None
    """

    def __init__(self, case: Case, plan: Plan, *, is_sure_wanted: bool) -> None:
        self.labels = Labels(case.shape, plan.label_values)
        self.probabilities: Probabilities | MeanProbabilities | None = (
            Probabilities(len(plan.label_values), case.shape)
            if is_sure_wanted
            else None
        )

    def add(self, part: Part, probabilities: torch.Tensor) -> None:
        """Take the probabilities (K, *part) of a part."""
        self.labels.add(part, probabilities)
        if self.probabilities is not None:
            self.probabilities.add(part, probabilities)

    def finish(self) -> None:
        """Wait for what is under way."""
        self.labels.finish()
        if self.probabilities is not None:
            self.probabilities.finish()


def seen_by(
    models: Sequence[Model],
    case: Case,
    settings: SegmentationSettings,
    device: torch.device,
    control: Control | None,
) -> Generator[TileDone, None, Seen]:
    """Let one or several models see an image.

    Yields
    ------
    TileDone
        Those of all models counted together.

    Returns
    -------
    Seen
        By one model, or the mean of the probabilities of several.
    """
    if len(models) > 1:
        return (yield from _averaged(case, models, settings, device, control))
    (model,) = models
    seen = Seen(case, model.plan, is_sure_wanted=settings.probabilities)
    yield from _predicted(seen, case, model, settings, device, control)
    return seen


def _predicted(
    sink: Sink,
    case: Case,
    model: Model,
    settings: SegmentationSettings,
    device: torch.device,
    control: Control | None,
) -> Generator[TileDone, None, None]:
    """Hand what one model sees to a sink."""
    return predict_into(
        sink,
        case.image,
        case.grid,
        _on_device(model.network, device),
        _with_precision_of(device, model.plan),
        settings=settings,
        device=device,
        control=control,
    )


def _averaged(
    case: Case,
    models: Sequence[Model],
    settings: SegmentationSettings,
    device: torch.device,
    control: Control | None,
) -> Generator[TileDone, None, Seen]:
    """Let one model after the other see the image, and average."""
    plan, of = models[0].plan, len(models)
    mean = MeanProbabilities(len(plan.label_values), case.shape, of)
    for number, model in enumerate(models):
        start = time.perf_counter()
        for tile in _predicted(mean, case, model, settings, device, control):
            spent = time.perf_counter() - start
            others = (of - 1 - number) * (spent + tile.seconds_left)
            # As if all models had as many tiles: nobody knows before they begin.
            yield TileDone(
                number * tile.of + tile.tile, of * tile.of, tile.seconds_left + others
            )
    seen = Seen(case, plan, is_sure_wanted=False)
    for index in range(case.shape[0]):
        part = slice(index, index + 1)
        seen.add((part,), torch.from_numpy(mean.values[:, part]))
    seen.finish()
    seen.probabilities = mean if settings.probabilities else None
    return seen


def _on_device(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Return the network on the device; the model's own stays where it is."""
    if device.type == "cpu":
        return network
    return laid_out_as_usual(copy.deepcopy(network)).to(device)


def _with_precision_of(device: torch.device, plan: Plan) -> Plan:
    """Keep the precision of training, unless this is another kind of device."""
    if device.type == plan.device.partition(":")[0]:
        return plan
    return plan.model_copy(update={"precision": fastest_precision(device)})
