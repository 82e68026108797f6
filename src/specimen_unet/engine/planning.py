"""From cases and settings to a plan: everything decided, each with its reason."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import MemoryExceededError, PlanError
from specimen_unet.domain.marked_splits import without_tests
from specimen_unet.domain.plan import Forecast, Plan
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.domain.splits import split_cases
from specimen_unet.engine.at_spacing import typical_shape
from specimen_unet.engine.batch_time import seconds_of_batch
from specimen_unet.engine.common_size import as_if_of_size, decide_common_size
from specimen_unet.engine.decisions import (
    Decision,
    decide_dimensions,
    decide_loss,
    decide_normalisation,
    decide_optimiser,
    decide_precision,
    decide_rate,
    decide_spacing,
    decide_strength,
    decide_teaching,
    reason_for_foreground,
    reason_for_labels,
    reason_for_split,
    sizes,
)
from specimen_unet.engine.detail import (
    finer_levels,
    is_leisurely,
    with_detail_explained,
)
from specimen_unet.engine.devices import (
    choose_device,
    device_name,
    free_memory,
    memory_errors,
)
from specimen_unet.engine.duration import with_time
from specimen_unet.engine.fingerprint import fingerprint
from specimen_unet.engine.forecast import memory_of_step, seconds_of_step
from specimen_unet.engine.haste import (
    hurried_spacing,
    longer_spacing,
    minutes_to_hurry,
)
from specimen_unet.engine.inheritance import (
    check_unit,
    inherited,
    inherited_levels,
    with_reasons,
)
from specimen_unet.engine.mirroring import decide_mirror_axes
from specimen_unet.engine.network_decisions import decide_architecture, quick_network
from specimen_unet.engine.networks import size_multiple
from specimen_unet.engine.precision import fastest_precision
from specimen_unet.engine.pretrained import weights_file
from specimen_unet.engine.room import Room, room_on
from specimen_unet.engine.sizing import by_nnunets_rules, decide_sizes
from specimen_unet.engine.variety import with_variety
from specimen_unet.engine.whole_cases import with_dice_of_patches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Fingerprint, Split
    from specimen_unet.engine.shape_rules import Levels

# Share of the free memory that a step may take.
_SHARE_OF_MEMORY = 0.7
_SMALLER = 0.7
_SHORT = "not fit the free memory"


def plan(
    cases: Sequence[Case],
    settings: TrainingSettings | None = None,
    *,
    start_from: Plan | None = None,
    **changes: Any,
) -> Plan:
    """Decide everything about a training before it starts.

    Parameters
    ----------
    cases : sequence of Case
        With labels.
    settings : TrainingSettings, optional
        What a person chose; the rest is decided from the cases and the device.
    start_from : Plan, optional
        Of the model that will be fine-tuned: network, voxel size and normalisation
        are then the same, as far as nobody chose otherwise.
    **changes
        Fields of `TrainingSettings` that differ from `settings`.

    Returns
    -------
    Plan
        ``print(plan)`` explains it. Planning takes a step of the network to know
        how long it takes.

    Raises
    ------
    PlanError
        If the settings are out of bounds, or do not fit the cases or one another, or
        pretrained weights can neither be found nor downloaded.
    ImageError, NoAnnotationError, GridMismatchError
        If nothing can be learnt from these cases, or not from all of them together.
    MemoryExceededError
        If the device ran out of memory although enough was said to be free.
    """
    chosen = changed(settings or TrainingSettings(), **changes)
    device = choose_device(chosen.device)
    seen = fingerprint(without_tests(cases)[0], chosen.annotation)
    levels = None
    settings = chosen
    if start_from is not None:
        check_unit(seen.unit, start_from)
        settings = inherited(chosen, start_from)
        levels = inherited_levels(settings, start_from)
    decided = _decided(settings, seen, device)
    if decided["pretrained"].value and start_from is None:
        weights_file(decided["backbone"].value)
    split = _split(cases, settings, decided["dimensions"].value)
    decided["split"] = Decision(split, reason_for_split(split))

    within_memory = partial(_within_memory, settings, seen, decided, device, start_from)
    timed = partial(_timed, cases)
    finished = timed(within_memory(levels))
    longer = longer_spacing(finished)
    if longer is not None:
        decided |= {"spacing": longer, **quick_network(finished)}
        finished = timed(within_memory(levels))
    finished = _in_detail(finished, within_memory, timed) or finished
    return with_reasons(with_dice_of_patches(with_variety(finished)), chosen)


def _split(cases: Sequence[Case], settings: TrainingSettings, dimensions: int) -> Split:
    """Hold out what the model is scored on."""
    return split_cases(
        cases,
        folds=settings.folds,
        fold=settings.fold,
        seed=settings.seed,
        dimensions=dimensions,
    )


def _decided(
    settings: TrainingSettings, seen: Fingerprint, device: torch.device
) -> dict[str, Decision[Any]]:
    """Decide all fields of the plan that are no sizes."""
    dimensions = decide_dimensions(settings, seen)
    name = device_name(device)
    return {
        "dimensions": dimensions,
        "annotation": Decision(settings.annotation, reason_for_labels(settings, seen)),
        **decide_architecture(
            settings, seen, dimensions.value, minutes_to_hurry(settings, device)
        ),
        "spacing": decide_spacing(settings, seen, dimensions.value),
        "observers": decide_teaching(settings, seen),
        "normalisation": decide_normalisation(settings, seen),
        "mirror_axes": decide_mirror_axes(settings, seen, dimensions.value),
        "foreground": Decision(
            settings.foreground, reason_for_foreground(settings, seen)
        ),
        "augmentation": decide_strength(settings),
        "loss": decide_loss(settings),
        "optimiser": decide_optimiser(settings),
        "learning_rate": decide_rate(settings),
        "precision": decide_precision(fastest_precision(device)),
        "device": Decision(str(device), f"Computed by {name}."),
        "device_name": Decision(name, ""),
    }


def _within_memory(
    settings: TrainingSettings,
    seen: Fingerprint,
    decided: dict[str, Decision[Any]],
    device: torch.device,
    start_from: Plan | None,
    levels: Levels | None,
) -> Plan:
    """Choose the largest sizes for which a step fits into the free memory."""
    dimensions, network = decided["dimensions"].value, decided["network"].value
    minutes = minutes_to_hurry(settings, device)
    room = room_on(device, decided["precision"].value, network, dimensions, minutes)
    common = decide_common_size(settings, seen, room.patch_voxels, minutes, start_from)
    averages = Decision(start_from is None or start_from.antialiased, "")
    decided = {**decided, "resize_to": common, "antialiased": averages}
    if common.value is not None:
        decided["spacing"] = Decision((1.0,) * dimensions, "")
    elif settings.spacing == "auto":
        usual = decided["spacing"]
        shape = typical_shape(seen, usual.value)
        hurried = hurried_spacing(usual, shape, room.patch_voxels, minutes, seen.unit)
        decided = {**decided, "spacing": hurried}
    seen_at = as_if_of_size(seen, common.value) if common.value else seen
    spacing = decided["spacing"].value
    free = free_memory(device)
    while True:
        found = decide_sizes(settings, network, seen_at, spacing, room, levels)
        draft = _draft(settings, seen, {**decided, **found.by_field()})
        needed = memory_of_step(draft)
        if needed <= _SHARE_OF_MEMORY * free:
            return _with_memory(draft, needed, free)
        smaller = _less_room(settings, draft, room)
        if smaller is None:
            raise PlanError(
                f"A training step with {draft.batch} patches of {sizes(draft.patch)} "
                f"voxels needs about {_gigabytes(needed)} of memory, but "
                f"{_gigabytes(free)} are free on {draft.device_name}: choose a smaller "
                "patch or batch, or close other programs."
            )
        room = smaller


def _less_room(settings: TrainingSettings, draft: Plan, room: Room) -> Room | None:
    """Take fewer patches, then smaller ones; None where nothing is left to shrink.

    nnU-Net's rules make patches smaller first, and keep two of them.
    """
    if by_nnunets_rules(settings, draft.network):
        fewer = _SMALLER * room.step_voxels
        least = math.prod(size_multiple(draft))
        return None if fewer < least else replace(room, step_voxels=fewer, limit=_SHORT)
    if settings.batch == "auto" and draft.batch > 1:
        return replace(room, batches=(1, draft.batch - 1), limit=_SHORT)
    if settings.patch == "auto" and room.patch_voxels > 1:
        voxels = min(room.patch_voxels, math.prod(draft.patch))
        return replace(room, patch_voxels=_SMALLER * voxels, limit=_SHORT)
    return None


def _draft(
    settings: TrainingSettings, seen: Fingerprint, decided: dict[str, Decision[Any]]
) -> Plan:
    """Put a plan together; what it will take is not known yet."""
    background, labels = _background_and_labels(settings, seen)
    return Plan(
        **{name: decision.value for name, decision in decided.items()},
        reasons={
            name: choice.reason for name, choice in decided.items() if choice.reason
        },
        deep_supervision=settings.deep_supervision,
        image_channels=seen.channels,
        label_values=(0, *labels),
        label_names=("background", *(seen.label_name(label) for label in labels)),
        painted_background=background,
        unit=seen.unit,
        ending=settings.ending,
        minutes=settings.minutes,
        steps=settings.steps,
        seed=settings.seed,
        forecast=Forecast(seconds_per_step=0, memory_bytes=0, steps=settings.steps),
        fingerprint=seen,
        settings=settings,
    )


def _background_and_labels(
    settings: TrainingSettings, seen: Fingerprint
) -> tuple[int | None, tuple[int, ...]]:
    """Return the label that is painted background, and the labels to be learnt."""
    if settings.annotation == "painted":
        return seen.label_values[0], seen.label_values[1:]
    return None, seen.label_values


def _with_memory(draft: Plan, needed: int, free: int) -> Plan:
    """Note the memory a step takes."""
    forecast = draft.forecast.model_copy(update={"memory_bytes": needed})
    reason = f"Memory: about {_gigabytes(needed)}; {_gigabytes(free)} are free."
    reasons = {**draft.reasons, "forecast": reason}
    return draft.model_copy(update={"forecast": forecast, "reasons": reasons})


def _timed(cases: Sequence[Case], draft: Plan) -> Plan:
    """Try a step, to know how many there will be."""
    with memory_errors("Choose a smaller patch or batch, or close other programs."):
        seconds = seconds_of_step(draft) + seconds_of_batch(cases, draft)
    return with_time(draft, seconds)


def _in_detail(
    finished: Plan,
    within_memory: Callable[[Levels], Plan],
    timed: Callable[[Plan], Plan],
) -> Plan | None:
    """Plan to work voxel by voxel, if there is time and memory for it."""
    levels = finer_levels(finished)
    if levels is None:
        return None
    try:
        detailed = timed(within_memory(levels))
    except (PlanError, MemoryExceededError):
        return None
    return with_detail_explained(detailed) if is_leisurely(detailed) else None


def _gigabytes(count: int) -> str:
    """Write bytes as people do."""
    return f"{count / 2**30:.2g} GB"
