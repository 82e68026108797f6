"""What a model is, in the words of who will use it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from specimen_unet.widgets.amounts import time_text

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard


def card_summary(card: ModelCard) -> str:
    """Say what a model finds, what it learnt from and how well it did.

    Parameters
    ----------
    card : ModelCard
        Of the model.

    Returns
    -------
    str
        A few short lines.
    """
    lines = [
        f"Finds {_labels(card)} in {_images(card)}.",
        f"Trained on {_cases(card)} for {time_text(card.minutes_trained * 60)}"
        f"{_date(card.date)}.",
        reached_text(card),
    ]
    return "\n".join(lines)


def study_summary(card: ModelCard, count: int, dice: float) -> str:
    """Say what the models of a study find together, and how well each did.

    Parameters
    ----------
    card : ModelCard
        Of one of the models.
    count : int
        How many models there are.
    dice : float
        Mean over cases, each by the model that had not seen it; NaN if not known.

    Returns
    -------
    str
        A few short lines.
    """
    lines = [
        f"Finds {_labels(card)} in {_images(card)}.",
        f"{count} models together: the mean of what they see decides. It takes "
        f"{count} times as long as one.",
    ]
    if not math.isnan(dice):
        lines.append(
            f"On cases that a model had not seen, one alone reached Dice {dice:.2f}."
        )
    return "\n".join(lines)


def reached_text(card: ModelCard) -> str:
    """Say how well a model agrees with labels it was not trained on."""
    if card.metrics is None:
        return "It was not scored: no labels were held out."
    return card.metrics.in_words()


def card_caution(card: ModelCard) -> str:
    """Say what the model's score is worth; empty when there is nothing to add."""
    return card.metrics.caution if card.metrics else ""


def _images(card: ModelCard) -> str:
    if card.plan.dimensions == 3:
        return "volumes (3D)"
    was_stack = any(len(shape) == 3 for shape in card.plan.fingerprint.shapes)
    return (
        "the 2D images of a volume or stack, one by one" if was_stack else "2D images"
    )


def _labels(card: ModelCard) -> str:
    names = card.plan.label_names[1:]
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more labels"
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _cases(card: ModelCard) -> str:
    """Count the cases that were learnt from, and name who drew them."""
    count = len(card.plan.split.training)
    cases = "1 specimen" if count == 1 else f"{count} specimens"
    drawn = f" drawn by {' and '.join(card.observers)}" if card.observers else ""
    return f"{cases}{drawn}" if len(card.observers) < 4 else cases


def _date(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return ""
    return f", {moment.astimezone():%Y-%m-%d %H:%M}"
