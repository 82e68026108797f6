"""Turn images into labels with a model, and say how sure it is."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.case import Case
from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import GridMismatchError, ModelFileError
from specimen_unet.domain.events import TileDone, Warned
from specimen_unet.domain.gray_values import check_gray_values
from specimen_unet.domain.settings import SegmentationSettings
from specimen_unet.engine.components import keep_largest
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.narration import duration
from specimen_unet.engine.precision import fastest_precision
from specimen_unet.engine.prediction import DEFAULTS, predict_into
from specimen_unet.engine.probabilities import uncertainty_of
from specimen_unet.engine.sinks import Labels, Probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import torch

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model
    from specimen_unet.engine.sinks import Part

# Tiles are told some twenty times in a segmentation.
_LINES = 20

__all__ = ["Segmentation", "segment", "segmenting"]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a model sees in an image, on the grid of the image.

    Attributes
    ----------
    labels : ndarray of uint8 (uint16 above label 255), shape (*spatial)
        The most probable label of every voxel; 0 is background.
    probabilities : ndarray of float32, shape (K, *spatial), or None
        Of every class, background first; None where they were not asked for.
    uncertainty : ndarray of float32, shape (*spatial), or None
        Entropy of the probabilities as a share of the largest there can be: 0 where
        the model is sure, 1 where all classes are alike.
    grid : Grid
        Where the voxels lie.
    name : str
        Case and model.
    """

    labels: Array = field(repr=False)
    probabilities: Array | None = field(repr=False)
    uncertainty: Array | None = field(repr=False)
    grid: Grid
    name: str


def segmenting(
    case: Case,
    model: Model,
    settings: SegmentationSettings = DEFAULTS,
    *,
    control: Control | None = None,
) -> Generator[TileDone | Warned, None, Segmentation]:
    """Segment a case, and tell how far it is.

    Parameters
    ----------
    case : Case
        Its labels, if any, are not looked at.
    model : Model
        Stays on the CPU as it is.
    settings : SegmentationSettings, optional
        Device, engine, overlap, mirrored copies, largest parts, probabilities.
    control : Control, optional
        Asks to pause or stop.

    Yields
    ------
    TileDone, Warned

    Returns
    -------
    Segmentation

    Raises
    ------
    ModelFileError
        If the model is made for other images (channels, 3D), or broken.
    ImageError
        If the image holds NaN, or is the same everywhere.
    PlanError
        If there is no such device, or OpenVINO was asked for and cannot compute there.
    SegmentationStopped, MemoryExceededError
        As `predict_into`.
    """
    device = choose_device(settings.device)
    _check_fit(case, model.plan, model.name)
    check_gray_values(case.image, f"The image of {case.name}")
    if model.plan.resize_to is None and not case.grid.can_be_in(model.plan.unit):
        yield Warned(_unit_caution(case.grid, model.plan))
    sink = _Result(case, model.plan, is_sure_wanted=settings.probabilities)
    yield from predict_into(
        sink,
        case.image,
        case.grid,
        _on_device(model.network, device),
        _with_precision_of(device, model.plan),
        settings=settings,
        device=device,
        control=control,
    )
    return _segmentation(case, model, sink, settings)


def segment(  # noqa: PLR0913 (an array brings no grid of its own)
    case: Case | Array,
    model: Model,
    settings: SegmentationSettings | None = None,
    *,
    device: str = "auto",
    spacing: Sequence[float] | None = None,
    unit: str = "pixel",
    progress: Callable[[str], object] | None = None,
    **changes: Any,
) -> Segmentation:
    """Segment an image with a model.

    Parameters
    ----------
    case : Case, or ndarray of shape (*spatial) or (C, *spatial)
        What to segment.
    model : Model
        From `train` or `load_model`.
    settings : SegmentationSettings, optional
        How to segment; with probabilities, unless said otherwise.
    device : str, optional
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    spacing, unit : optional
        Grid of the image, where `case` is an array.
    progress : callable, optional
        Called with a line of text now and then, e.g. `print`.
    **changes
        Fields of `SegmentationSettings`, e.g. ``mirror=True``, ``engine="openvino"``.

    Returns
    -------
    Segmentation

    Raises
    ------
    SpecimenUnetError
        As `segmenting`.
    """
    if not isinstance(case, Case):
        case = Case(case, spacing=spacing, unit=unit, name="image")
    elif spacing is not None:
        raise GridMismatchError(
            f"{case.name} lies on a grid of {case.grid.spacing} {case.grid.unit}: "
            "leave spacing and unit out, or give its image alone."
        )
    if device != "auto":
        changes["device"] = device
    chosen = changed(settings or SegmentationSettings(probabilities=True), **changes)
    events = segmenting(case, model, chosen)
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            result: Segmentation = end.value
            return result
        _tell(event, progress)


class _Result:
    """Collects labels, and the probabilities only where they are wanted."""

    def __init__(self, case: Case, plan: Plan, *, is_sure_wanted: bool) -> None:
        self.labels = Labels(case.shape, plan.label_values)
        self.probabilities = (
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


def _segmentation(
    case: Case, model: Model, result: _Result, settings: SegmentationSettings
) -> Segmentation:
    """Check the result and keep what was asked for."""
    if not result.labels.is_sound:
        raise ModelFileError(
            f"The model {model.name} answers with values that are not numbers, so its "
            "training went wrong: train it again, with a lower learning rate."
        )
    labels = result.labels.values
    probabilities = result.probabilities.values if result.probabilities else None
    return Segmentation(
        labels=keep_largest(labels) if settings.largest_only else labels,
        probabilities=probabilities,
        uncertainty=None if probabilities is None else uncertainty_of(probabilities),
        grid=case.grid,
        name=f"{case.name} {model.name}",
    )


def _check_fit(case: Case, plan: Plan, name: str) -> None:
    """Refuse a model that was made for other images."""
    if plan.dimensions > case.grid.dimensions:
        raise ModelFileError(
            f"The model {name} works on volumes (3D), but {case.name} is one 2D image: "
            "choose a volume, or a 2D model."
        )
    if plan.image_channels != case.channels:
        raise ModelFileError(
            f"The model {name} takes images with {_channels(plan.image_channels)}, but "
            f"{case.name} has {case.channels}: choose another model or image."
        )


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _unit_caution(grid: Grid, plan: Plan) -> str:
    """Say what is done with an image whose voxel size means nothing to the model."""
    if grid.unit == "pixel":
        return (
            f"The image does not say how large its voxels are, and the model was "
            f"trained on voxels of {_size(plan.spacing)} {plan.unit}: voxels are taken "
            "as they are. Set scale and units of the layer if they differ."
        )
    return (
        f"The image's voxels are {_size(grid.spacing)} {grid.unit}, but the model was "
        f"trained on images with spacing in {plan.unit}: voxels are taken as they are."
    )


def _size(spacing: Sequence[float]) -> str:
    return " x ".join(f"{step:g}" for step in spacing)


def _on_device(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Return the network on the device; the model's own stays where it is."""
    return network if device.type == "cpu" else copy.deepcopy(network).to(device)


def _with_precision_of(device: torch.device, plan: Plan) -> Plan:
    """Keep the precision of training, unless this is another kind of device."""
    if device.type == plan.device.partition(":")[0]:
        return plan
    return plan.model_copy(update={"precision": fastest_precision(device)})


def _tell(event: TileDone | Warned, progress: Callable[[str], object] | None) -> None:
    """Tell an event in words; a warning is never lost."""
    if isinstance(event, Warned):
        warnings.warn(event.message, stacklevel=3)
        if progress is not None:
            progress(event.message)
    elif progress is not None and _is_worth_a_line(event):
        left = duration(event.seconds_left)
        progress(f"tile {event.tile} of {event.of}: {left} left")


def _is_worth_a_line(event: TileDone) -> bool:
    """Whether this tile ends a twentieth of the work, or all of it."""
    return event.tile == event.of or event.tile % max(1, event.of // _LINES) == 0
