"""How a training went: curves.csv for other programs, curves.png for people."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.events import StepDone, Validated
from specimen_unet.files.replacing import replaced
from specimen_unet.runs.plots import new_figure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.events import Event

COLUMNS = (
    *("step", "loss", "learning_rate", "seconds"),
    *("validation_loss", "mean_dice", "mean_iou", "is_best"),
)
# Dark on light, told apart in print and by people who see few colours.
_INK = {"loss": "#1b3a5c", "validation": "#b4431f", "second": "#4b7a3a"}


@dataclass(slots=True)
class Curves:
    """Steps and validations of a training, each step once."""

    steps: list[StepDone] = field(default_factory=list)
    validations: list[Validated] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Take an event; a training that was resumed replaces what it repeats."""
        if isinstance(event, StepDone):
            _rewind(self.steps, event.step)
            if self.validations and self.validations[-1].step >= event.step:
                _rewind(self.validations, event.step)
            self.steps.append(event)
        elif isinstance(event, Validated):
            _rewind(self.validations, event.step)
            self.validations.append(event)


def curves_of(events: Iterable[Event]) -> Curves:
    """Collect the curves of a training from what it told."""
    curves = Curves()
    for event in events:
        curves.add(event)
    return curves


def write_curves(folder: Path, curves: Curves) -> None:
    """Write curves.csv and curves.png into a run folder, if there is anything yet."""
    if not curves.steps:
        return
    write_table(folder / "curves.csv", curves)
    draw(folder / "curves.png", curves)


def write_table(path: Path, curves: Curves) -> None:
    """Write one row a step; the columns of a validation are empty in between."""
    validated = {event.step: event for event in curves.validations}
    with replaced(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *_label_columns(curves)])
        writer.writerows(
            _row(step, validated.get(step.step), _labels(curves))
            for step in curves.steps
        )


def draw(path: Path, curves: Curves) -> None:
    """Draw the curves and save them as a picture."""
    figure = figure_of(curves)
    with replaced(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, facecolor="white")


def figure_of(curves: Curves) -> Any:
    """Draw loss, validation scores and learning rate above one another."""
    panels = [_draw_loss, _draw_rate]
    if any(math.isfinite(event.mean_dice) for event in curves.validations):
        panels.insert(1, _draw_scores)
    figure = new_figure(8, 2.6 * len(panels))
    axes = figure.subplots(len(panels), sharex=True)
    for panel, draw_panel in zip(axes, panels, strict=True):
        draw_panel(panel, curves)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("Step")
    figure.align_ylabels(axes)
    return figure


def _rewind(events: list[Any], step: int) -> None:
    """Drop the events from this step on."""
    while events and events[-1].step >= step:
        events.pop()


def _labels(curves: Curves) -> list[int]:
    return sorted({label for event in curves.validations for label in event.dice})


def _label_columns(curves: Curves) -> list[str]:
    return [f"dice_{label}" for label in _labels(curves)]


def _row(step: StepDone, score: Validated | None, labels: list[int]) -> list[Any]:
    row: list[Any] = [step.step, step.loss, step.learning_rate, step.seconds]
    if score is None:
        return row + [""] * (4 + len(labels))
    row += [score.loss, score.mean_dice, score.mean_iou, int(score.is_best)]
    return row + [score.dice.get(label, math.nan) for label in labels]


def _draw_loss(panel: Any, curves: Curves) -> None:
    steps = [event.step for event in curves.steps]
    loss = np.array([event.loss for event in curves.steps])
    window = max(1, len(loss) // 50)
    panel.plot(steps, loss, color=_INK["loss"], linewidth=0.5, alpha=0.3)
    panel.plot(
        steps,
        _smoothed(loss, window),
        color=_INK["loss"],
        marker="." if len(steps) < 5 else "",
        label="training (mean)",
    )
    validated = [event for event in curves.validations if math.isfinite(event.loss)]
    if validated:
        panel.plot(
            [event.step for event in validated],
            [event.loss for event in validated],
            color=_INK["validation"],
            marker="o",
            markersize=3,
            label="validation",
        )
    panel.set_ylabel("Loss")
    panel.legend(frameon=False)


def _draw_scores(panel: Any, curves: Curves) -> None:
    steps = [event.step for event in curves.validations]
    dice = [event.mean_dice for event in curves.validations]
    iou = [event.mean_iou for event in curves.validations]
    style: dict[str, Any] = {"marker": "o", "markersize": 3}
    panel.plot(steps, dice, color=_INK["validation"], label="Dice", **style)
    panel.plot(steps, iou, color=_INK["second"], label="IoU", **style)
    best = [event for event in curves.validations if event.is_best]
    if best:
        panel.annotate(
            f"best {best[-1].mean_dice:.3f}",
            (best[-1].step, best[-1].mean_dice),
            textcoords="offset points",
            xytext=(0, 6),
            ha="center",
            fontsize=8,
        )
    panel.set_ylim(0, 1.05)
    panel.set_ylabel("Validation")
    panel.legend(frameon=False, loc="lower right")


def _draw_rate(panel: Any, curves: Curves) -> None:
    steps = [event.step for event in curves.steps]
    rates = [event.learning_rate for event in curves.steps]
    panel.plot(steps, rates, color=_INK["loss"])
    panel.set_ylim(bottom=0)
    panel.set_ylabel("Learning rate")


def _smoothed(values: Array, window: int) -> Array:
    """Mean over the last `window` values, fewer at the beginning."""
    finite = np.nan_to_num(values)
    total = np.concatenate([[0.0], np.cumsum(finite)])
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(0, end - window)
    means: Array = (total[end] - total[begin]) / (end - begin)
    return means
