"""The readme inside an export, written from the model's card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specimen_unet import __version__
from specimen_unet.exports.facts import (
    axes_of,
    by,
    found_text,
    grid_text,
    interpolation_text,
    network_text,
    normalisation_text,
    works_on_slices,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.export_settings import ExportSettings

MARK = "Exported with specimen-unet"
"""Stands in the readme of every export."""

_NEVER_CARRIED = (
    "Averaging over mirrored copies, and keeping only the largest part of each label.",
    "Training: the network cannot be trained further from this file. Keep the "
    "`.safetensors` file it was made of.",
)


@dataclass(frozen=True, slots=True)
class Words:
    """What only a format knows: how it is used, and what it leaves out."""

    usage: str
    not_carried: Sequence[str]


def write_readme(
    path: Path, card: ModelCard, settings: ExportSettings, words: Words
) -> None:
    """Write the readme of an export, in Markdown.

    Parameters
    ----------
    path : Path
        Where.
    card : ModelCard
        Of the model.
    settings : ExportSettings
        Authors and licence.
    words : Words
        What the format adds.
    """
    sections = {
        f"# {card.name}": _what(card),
        "## How to use it": words.usage,
        "## Labels": _labels(card),
        "## Images": _images(card),
        "## What training saw": _training(card),
        "## Validation": _scores(card),
        "## What this export does not carry": _left_out(card, words),
        "## Authors and licence": _rights(settings),
    }
    text = "\n\n".join(f"{title}\n\n{body}" for title, body in sections.items())
    path.write_text(f"{text}\n\n{MARK} {__version__}.\n", "utf-8")


def _what(card: ModelCard) -> str:
    return (
        f"A {network_text(card)} that finds {found_text(card)}. It gives every voxel "
        "the most probable label."
    )


def _labels(card: ModelCard) -> str:
    rows = [
        f"| {channel} | {value} | {name} | {card.label_colours.get(value, '')} |"
        for channel, (value, name) in enumerate(
            zip(card.plan.label_values, card.plan.label_names, strict=True)
        )
    ]
    head = ["| channel | label | name | colour |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _images(card: ModelCard) -> str:
    plan = card.plan
    axes = axes_of(card)
    slices = " of the slices of a volume" if works_on_slices(card) else ""
    lines = [
        f"Axes ({', '.join(axes)}){slices}, with {_channels(plan.image_channels)}.",
        f"Brought to {grid_text(card)}, along ({', '.join(axes)}).",
        f"By {interpolation_text(card)}.",
        f"Gray values: of each channel of the whole image, {normalisation_text(card)} "
        "(before it is cut into tiles).",
        f"Tiles of {by(plan.patch)} voxels.",
    ]
    return _bullets(lines)


def _training(card: ModelCard) -> str:
    plan = card.plan
    split, seen = plan.split, plan.fingerprint
    shapes = sorted(set(seen.shapes))
    sizes = by(shapes[0]) + (f" to {by(shapes[-1])}" if shapes[1:] else "")
    drawn = f", drawn by {' and '.join(card.observers)}" if card.observers else ""
    lines = [
        f"{_specimens(len(split.training))}{drawn}; images of {sizes} voxels.",
        f"{card.steps_done} steps, {card.minutes_trained:.1f} minutes, on "
        f"{plan.device_name}; {plan.loss}, {plan.optimiser}.",
        f"Labels were read so: 0 means {plan.annotation}."
        if plan.annotation != "everywhere"
        else "Every voxel without a label was background.",
    ]
    if card.parent:
        lines.append(f"Fine-tuned from {card.parent}.")
    return _bullets([*lines, f"Trained {card.date[:10]}."])


def _scores(card: ModelCard) -> str:
    if card.metrics is None:
        return "It was not scored: no labels were held out."
    metrics, plan = card.metrics, card.plan
    names = dict(zip(plan.label_values, plan.label_names, strict=True))
    lines = [f"{metrics.in_words(digits=3).rstrip('.')}."]
    lines += [
        f"Dice of {names.get(label, label)}: {dice:.3f}."
        for label, dice in metrics.dice.items()
        if dice is not None
    ]
    if metrics.caution:
        lines.append(f"**Caution:** {metrics.caution}")
    lines.append(
        "Check it on specimens of your own before you rely on it: segment some that "
        "an observer has drawn, and compare."
    )
    return _bullets(lines)


def _left_out(card: ModelCard, words: Words) -> str:
    lines = [*words.not_carried, *_NEVER_CARRIED]
    if card.plan.precision != "float32":
        lines.append(
            f"The number format: it computes in float32, the training in "
            f"{card.plan.precision}; probabilities may differ in the second digit."
        )
    return _bullets(lines)


def _rights(settings: ExportSettings) -> str:
    authors = ", ".join(settings.authors) or "not named: export again with `--author`"
    licence = settings.licence or (
        "none chosen, so nobody else may use it yet: export again with `--licence`, "
        "e.g. CC-BY-4.0"
    )
    return _bullets([f"Authors: {authors}.", f"Licence: {licence}."])


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _specimens(count: int) -> str:
    return "1 specimen" if count == 1 else f"{count} specimens"


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
