"""The curves of a run, for programs and for people."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.image import imread

from specimen_unet.domain.events import CheckpointSaved, StepDone, Validated, Warned
from specimen_unet.runs.curves import curves_of, write_curves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from specimen_unet.domain.events import Event


def step(number: int, loss: float = 0.5) -> StepDone:
    return StepDone(number, loss, 1e-3 / number, number / 20, 0.1, 2.0)


def validated(number: int, dice: float = 0.8) -> Validated:
    return Validated(
        number, dice, dice - 0.1, {1: dice, 3: math.nan}, {1: dice}, {"EA": dice},
        0.4, True,
    )  # fmt: skip


def a_training(steps: int = 20) -> Iterator[Event]:
    for number in range(1, steps + 1):
        yield step(number, 1 / number)
        if number % 5 == 0:
            yield validated(number, number / 25)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_step_and_scores_where_there_are_some(tmp_path):
    write_curves(tmp_path, curves_of(a_training()))
    table = rows(tmp_path)
    assert [int(row["step"]) for row in table] == list(range(1, 21))
    assert float(table[3]["loss"]) == 0.25
    assert table[3]["mean_dice"] == ""
    assert float(table[4]["mean_dice"]) == 0.2
    assert float(table[4]["dice_1"]) == 0.2
    assert math.isnan(float(table[4]["dice_3"]))
    assert float(table[4]["learning_rate"]) == 1e-3 / 5


def test_a_resumed_training_replaces_what_it_repeats():
    events = [*a_training(12), Warned("resumed"), CheckpointSaved(8, "x")]
    events += [step(9, 7.0), step(10, 7.0), validated(10, 0.9)]
    curves = curves_of(events)
    assert [event.step for event in curves.steps] == list(range(1, 11))
    assert [event.loss for event in curves.steps][-2:] == [7.0, 7.0]
    assert [(event.step, event.mean_dice) for event in curves.validations] == [
        (5, 0.2),
        (10, 0.9),
    ]


@pytest.mark.parametrize(
    ("events", "panels"),
    [
        (list(a_training()), 3),
        ([step(1), step(2)], 2),
        ([step(1), validated(1, math.nan)], 2),
        ([step(1, math.nan), step(2, math.inf)], 2),
    ],
    ids=["all", "no validation", "undefined Dice", "diverged"],
)
def test_the_picture_has_a_panel_for_what_there_is(tmp_path, events, panels):
    write_curves(tmp_path, curves_of(events))
    picture = imread(tmp_path / "curves.png")
    assert picture.shape[0] == pytest.approx(2.6 * 150 * panels, abs=2)
    assert picture[0, 0, :3].tolist() == [1, 1, 1]
    assert np.ptp(picture[..., :3]) > 0.5


def test_without_a_step_nothing_is_drawn(tmp_path):
    write_curves(tmp_path, curves_of([Warned("nothing yet")]))
    assert list(tmp_path.iterdir()) == []
