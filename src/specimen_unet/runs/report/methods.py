"""How a model came to be, in the words of a methods section, from plan and card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.runs.report.wording import (
    between,
    counted,
    listed,
    shape_words,
    size_words,
    spacing_words,
    step_words,
    unit_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.card import Metrics
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import (
        LossName,
        NetworkName,
        OptimiserName,
        Teaching,
    )
    from specimen_unet.runs.report.content import TrainedModel
    from specimen_unet.runs.report.references import References

_NETWORKS: dict[NetworkName, tuple[str, tuple[str, ...]]] = {
    "FastUNet": ("U-Net (FastUNet of specimen-unet)", ("shuffle",)),
    "UNet": ("U-Net (UNet of MONAI)", ()),
    "BasicUNet": ("U-Net (BasicUNet of MONAI)", ("basic",)),
    "AttentionUnet": ("Attention U-Net", ("attention",)),
    "SegResNet": ("SegResNet", ("segresnet",)),
    "DynUNet": ("U-Net as nnU-Net builds it (DynUNet of MONAI)", ("nnunet",)),
    "ResidualDynUNet": (
        "U-Net with residual blocks as nnU-Net builds it (DynUNet of MONAI)",
        ("nnunet",),
    ),
    "FlexibleUNet": ("U-Net (FlexibleUNet of MONAI)", ()),
}
_LOSSES: dict[LossName, tuple[str, tuple[str, ...]]] = {
    "Dice": ("the Dice loss", ("dice-loss",)),
    "Dice + cross-entropy": ("the sum of Dice loss and cross-entropy", ("dice-loss",)),
    "Dice + focal": ("the sum of Dice loss and focal loss", ("dice-loss", "focal")),
    "Tversky": ("the Tversky loss", ("tversky",)),
    "Focal Tversky": ("the focal Tversky loss", ("focal-tversky",)),
    "Generalised Dice + boundary": (
        "the generalised Dice loss and a cross-entropy that weighs boundaries more",
        ("generalised-dice",),
    ),
}
_OPTIMISERS: dict[OptimiserName, tuple[str, tuple[str, ...]]] = {
    "AdamW": ("AdamW with a weight decay of 0.01", ("adamw",)),
    "Adam": ("Adam", ("adam",)),
    "SGD": ("stochastic gradient descent with a Nesterov momentum of 0.9", ()),
}
_SCALES = {
    "z-score": "to a mean of 0 and a standard deviation of 1",
    "percentile": "so that their 0.5 and 99.5 percentiles became 0 and 1",
    "range": "so that the least and the greatest became 0 and 1",
}
_MEANINGS = {
    "everywhere": "Voxels without a label were background.",
    "slices": "Slices without any label were not annotated: they were neither learnt "
    "from nor scored.",
    "painted": "Voxels without a label were not annotated: they were neither learnt "
    "from nor scored.",
}

_TEACHING: dict[Teaching, str] = {
    "random": "each patch took one of them at random",
    "mean": "each voxel was learnt as likely as they say (soft labels)",
    "majority": "what most of them drew was learnt",
    "union": "what any of them drew was learnt",
    "intersection": "what all of them drew was learnt",
    "staple": "the STAPLE estimate of what they drew was learnt",
}


def methods_of(models: Sequence[TrainedModel], cite: References) -> list[str]:
    """Write the paragraphs on data, split, network, training and segmentation.

    Parameters
    ----------
    models : sequence of TrainedModel
        One, or those of the folds of a cross-validation.
    cite : References
        Gets what is cited.

    Returns
    -------
    list of str
        Plain sentences; none where no model is known.
    """
    if not models:
        return []
    model = models[0]
    plan = model.card.plan
    return [
        _data(models),
        _split(models),
        _network(model, cite),
        _training(models, cite),
        _segmentation(plan),
        _versions(models, cite),
    ]


def _data(models: Sequence[TrainedModel]) -> str:
    card = models[0].card
    plan, seen = card.plan, card.plan.fingerprint
    # A fold of a cross-validation knows only the cases that it learnt from.
    group_of = {case: g for each in models for case, g in each.card.groups.items()}
    count = max(len(group_of), seen.cases)
    of_groups = f" of {counted(len({*group_of.values()}), 'group')}" if group_of else ""
    prints = [each.card.plan.fingerprint for each in models]
    shapes = [shape for each in prints for shape in each.shapes]
    spacings = [spacing for each in prints for spacing in each.spacings]
    text = (
        f"Data. {counted(count, 'case')}{of_groups}, {shape_words(shapes)} with "
        f"{counted(seen.channels, 'channel')} and {spacing_words(spacings)} "
        f"{unit_words(seen.unit)}. Labels: {listed(plan.label_names[1:])}"
    )
    if card.observers:
        drawn = counted(len(card.observers), "observer")
        text += f"; drawn by {drawn} ({listed(card.observers)})"
    text += f". {_MEANINGS[plan.annotation]}"
    if len(card.observers) > 1:
        text += f" Where several observers drew, {_TEACHING[plan.observers]}."
    return text


def _split(models: Sequence[TrainedModel]) -> str:
    plan = models[0].card.plan
    split, settings = plan.split, plan.settings
    if len(models) > 1:
        return (
            f"Split. Cross-validation of {len(models)} folds: whole groups were held "
            "out in turn, so that every prediction is of a model that learnt from no "
            f"case of that group (seed {plan.seed})."
        )
    if split.held_out is not None:
        first, end = split.held_out
        parts = part_word(plan)
        text = (
            f"Split. There was a single case to learn from: its {parts} {first} to "
            f"{end - 1} along the first axis were held out"
        )
        if split.excluded is not None:
            text += (
                f", and {parts} {split.excluded[0]} to {split.excluded[1] - 1} were "
                "not learnt from"
            )
        return f"{text}."
    groups = models[0].card.groups
    learnt, held_out = (
        {groups.get(case, case) for case in side}
        for side in (split.training, split.validation)
    )
    how = "By case, as all are of one group" if learnt & held_out else "By group"
    return (
        f"Split. {how}: {counted(len(split.training), 'case')} learnt from and "
        f"{counted(len(split.validation), 'case')} held out (fold {settings.fold + 1}, "
        f"seed {plan.seed})."
    )


def _network(model: TrainedModel, cite: References) -> str:
    plan = model.card.plan
    name, sources = _NETWORKS[plan.network]
    base = ("unet-3d",) if plan.dimensions == 3 else ("unet",)
    if plan.residual_units and plan.network == "UNet":
        sources = (*sources, "residual")
    if plan.backbone is not None:
        is_resnet = plan.backbone.startswith("ResNet")
        sources = (*sources, "resnet" if is_resnet else "efficientnet")
        name += f" with the backbone {plan.backbone}"
        name += ", pretrained elsewhere" if plan.pretrained else ""
    text = (
        f"Network. A {plan.dimensions}D {name} {cite.cite(*base, *sources)} of "
        f"{counted(len(plan.channels), 'level')} with "
        f"{', '.join(map(str, plan.channels))} channels, strides "
        f"{step_words(plan.strides)} and kernels {step_words(plan.kernels)}"
    )
    if plan.network == "UNet":
        text += f", {counted(plan.residual_units, 'residual unit')} a level"
    if plan.deep_supervision:
        text += ", with deep supervision"
    text += f"; {model.weights:,} weights. "
    if plan.resize_to is not None:
        text += f"Images were resized to {size_words(plan.resize_to)} pixels"
    else:
        size = f"{size_words(plan.spacing)} {unit_words(plan.unit)}"
        text += f"Images were resampled to {size}"
    text += " (linear, antialiased)" if plan.antialiased else " (linear)"
    scale = _SCALES[plan.normalisation]
    return f"{text}, and the gray values of each image were scaled {scale}."


def _training(models: Sequence[TrainedModel], cite: References) -> str:
    card = models[0].card
    plan = card.plan
    loss, sources = _LOSSES[plan.loss]
    optimiser, by = _OPTIMISERS[plan.optimiser]
    of_patches = ", Dice that of each patch," if plan.dice_of == "patch" else ""
    text = (
        f"Training. {loss[0].upper()}{loss[1:]} {cite.cite(*sources)}{of_patches} was "
        "minimised by "
        f"{optimiser}{f' {cite.cite(*by)}' if by else ''}, with a learning rate of at "
        f"most {plan.learning_rate:g} that rises and then falls along a cosine, on "
        f"patches of {size_words(plan.patch)} voxels, {plan.batch} a step, "
        f"{100 * plan.foreground:.0f} % of them centred on a label. {_amount(models)} "
        f"on {plan.device_name}, in {plan.precision}. {_augmentation(plan, cite)} "
    )
    text += "A moving average of the weights was kept"
    if card.metrics is not None and len(models) == 1:
        text += f"; {_kept(card.metrics)}, is the model"
    elif card.metrics is not None:
        text += "; in each fold that at the end is the model, or the one that did best "
        text += "on a part of what the fold was given, if that was clearly better"
    if card.parent:
        text += f". It was fine-tuned from {card.parent!r}"
    return f"{text}."


def _kept(metrics: Metrics) -> str:
    """Say which weights are the model, and whether they were chosen by their score."""
    if metrics.validations == 1:
        return f"that after step {metrics.step:,}, which was not chosen by its score"
    return (
        f"of {metrics.validations} validations on the held-out labels the best one, "
        f"after step {metrics.step:,}"
    )


def _amount(models: Sequence[TrainedModel]) -> str:
    steps = [model.card.steps_done for model in models]
    minutes = [model.card.minutes_trained for model in models]
    each = "each model " if len(models) > 1 else ""
    return (
        f"{each}{between(steps, '{:,.0f}')} steps were made in "
        f"{between(minutes, '{:,.1f}')} minutes"
    ).capitalize()


def _augmentation(plan: Plan, cite: References) -> str:
    mirrors = (
        f"mirrored along {counted(len(plan.mirror_axes), 'axis', 'axes')}"
        if plan.mirror_axes
        else "not mirrored"
    )
    if not plan.augmentation:
        return f"Patches were {mirrors}, and not augmented otherwise."
    return (
        f"Patches were {mirrors} and augmented after nnU-Net {cite.cite('nnunet')} "
        "(rotation, scaling, noise, blur, brightness, contrast, gamma; strength "
        f"{plan.augmentation:g})."
    )


def _segmentation(plan: Plan) -> str:
    text = "Segmentation. Images were segmented in overlapping tiles"
    if part_word(plan) == "images":
        text = "Segmentation. Every slice was segmented by itself, in overlapping tiles"
    return (
        f"{text}, which were blended by Gaussian weights; each voxel got its most "
        "probable label."
    )


def _versions(models: Sequence[TrainedModel], cite: References) -> str:
    versions = models[0].card.versions
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"Software. {told or 'Versions were not noted'}; MONAI {cite.cite('monai')}, "
        f"PyTorch {cite.cite('pytorch')}."
    )


def part_word(plan: Plan) -> str:
    """Return what the first axis of a case holds: slices, images of a stack, rows."""
    is_stack = any(len(shape) == 3 for shape in plan.fingerprint.shapes)
    if plan.dimensions == 3:
        return "slices"
    return "images" if is_stack else "rows"
