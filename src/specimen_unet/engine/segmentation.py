"""Turn images into labels with a model, and say how sure it is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.case import Case
from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import GridMismatchError, ModelFileError
from specimen_unet.domain.events import TileDone, Warned
from specimen_unet.domain.gray_values import check_gray_values
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.components import keep_largest
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.ensemble import seen_by
from specimen_unet.engine.model_fit import check_alike, check_fit, unit_caution
from specimen_unet.engine.narration import duration
from specimen_unet.engine.prediction import DEFAULTS
from specimen_unet.engine.probabilities import uncertainty_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.control import Control
    from specimen_unet.domain.grid import Grid
    from specimen_unet.engine.ensemble import Seen
    from specimen_unet.engine.model import Model

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
    models : tuple of str
        Names of the models that saw it; several are an ensemble.
    """

    labels: Array = field(repr=False)
    probabilities: Array | None = field(repr=False)
    uncertainty: Array | None = field(repr=False)
    grid: Grid
    name: str
    models: tuple[str, ...] = ()


def segmenting(
    case: Case,
    model: Model | Sequence[Model],
    settings: SegmentationSettings = DEFAULTS,
    *,
    control: Control | None = None,
) -> Generator[TileDone | Warned, None, Segmentation]:
    """Segment a case, and tell how far it is.

    Parameters
    ----------
    case : Case
        Its labels, if any, are not looked at.
    model : Model or sequence of Model
        They stay on the CPU as they are. Probabilities of several are averaged, which
        needs one float32 a class and voxel, however many there are.
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
        If a model is made for other images (channels, 3D), or broken, or several do
        not share labels, channels and dimensions.
    ImageError
        If the image holds NaN, or is the same everywhere.
    PlanError
        If there is no such device, or OpenVINO was asked for and cannot compute there.
    SegmentationStopped, MemoryExceededError
        As `predict_into`.
    """
    models = list(model) if isinstance(model, Sequence) else [model]
    device = choose_device(settings.device)
    check_alike(models)
    for each in models:
        check_fit(case, each.plan, each.name)
    check_gray_values(case.image, f"The image of {case.name}")
    for each in models:
        plan = each.plan
        if plan.resize_to is None and not case.grid.can_be_in(plan.unit):
            yield Warned(unit_caution(case.grid, plan))
            break
    result = yield from seen_by(models, case, settings, device, control)
    return _segmentation(case, models, result, settings)


def segment(  # noqa: PLR0913 (an array brings no grid of its own)
    case: Case | Array,
    model: Model | Sequence[Model],
    settings: SegmentationSettings | None = None,
    *,
    device: str = "auto",
    spacing: Sequence[float] | None = None,
    unit: str = "pixel",
    progress: Callable[[str], object] | None = None,
    **changes: Any,
) -> Segmentation:
    """Segment an image with a model, or with several together (an ensemble).

    Parameters
    ----------
    case : Case, or ndarray of shape (*spatial) or (C, *spatial)
        What to segment.
    model : Model or sequence of Model
        From `train` or `load_model`. The probabilities of several are averaged; they
        must share labels, channels and dimensions.
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


def _segmentation(
    case: Case,
    models: Sequence[Model],
    result: Seen,
    settings: SegmentationSettings,
) -> Segmentation:
    """Check the result and keep what was asked for."""
    names = tuple(model.name for model in models)
    if not result.labels.is_sound:
        raise ModelFileError(
            f"The model {' or '.join(names)} answers with values that are not numbers, "
            "so its training went wrong: train it again, with a lower learning rate."
        )
    labels = result.labels.values
    probabilities = result.probabilities.values if result.probabilities else None
    with_what = names[0] if len(names) == 1 else f"ensemble of {len(names)} models"
    return Segmentation(
        labels=keep_largest(labels) if settings.largest_only else labels,
        probabilities=probabilities,
        uncertainty=None if probabilities is None else uncertainty_of(probabilities),
        grid=case.grid,
        name=f"{case.name} {with_what}",
        models=names,
    )


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
