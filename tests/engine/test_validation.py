from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from specimen_unet.domain.case import Case
from specimen_unet.domain.plan import Split
from specimen_unet.engine.validation import Validation

CPU = torch.device("cpu")


class Bright(torch.nn.Module):
    """Sees class 1 wherever the image is bright, quite sure of it."""

    def forward(self, images):
        bright = (images[:, :1] > 0.5).float() * 10
        return torch.cat([5 - bright, bright - 5], 1)


@pytest.fixture
def plan_for(make_plan, spatial):
    def make(**changes):
        values = {
            "patch": (4, 16, 16)[-len(spatial) :],
            "normalisation": "range",
            "split": Split(training=("a",), validation=("b", "c")),
        }
        return make_plan(len(spatial), **{**values, **changes})

    return make


@pytest.fixture
def case_for(spatial):
    """A case whose first half along the last axis is bright."""

    def make(name, labels):
        image = np.zeros(spatial, np.uint8)
        image[..., : spatial[-1] // 2] = 200
        return Case(
            image, labels(image), unit="mm", spacing=(1.0,) * len(spatial), name=name
        )

    return make


def exact(image):
    return {"EA": (image > 0).astype(np.uint8)}


def half(image):
    """All bright voxels and as many dark ones: Dice 2/3 for the bright."""
    return {"EA": np.ones_like(image)}


def scored(cases, plan):
    work = Validation(cases, plan, CPU).scoring(Bright())
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_a_perfect_network_scores_1(case_for, plan_for):
    scores = scored([case_for("b", exact)], plan_for())
    assert scores.dice == {1: 1.0}
    assert scores.iou == {1: 1.0}
    assert scores.by_observer == {"EA": 1.0}
    assert scores.loss < 0.01


def test_scores_are_means_over_cases(case_for, plan_for):
    cases = [case_for("b", exact), case_for("c", half), case_for("a", half)]
    scores = scored(cases, plan_for())
    assert scores.mean_dice == pytest.approx((1 + 2 / 3) / 2)
    assert scores.mean_iou == pytest.approx((1 + 1 / 2) / 2)
    assert scores.loss > 0.1


def test_every_observer_counts_and_is_told_apart(case_for, plan_for):
    def both(image):
        return {**exact(image), "MG": half(image)["EA"]}

    scores = scored([case_for("b", both), case_for("c", exact)], plan_for())
    assert scores.by_observer == pytest.approx({"EA": 1.0, "MG": 2 / 3})
    assert scores.mean_dice == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)


def test_a_label_in_neither_is_undefined_and_in_one_is_0(case_for, plan_for):
    plan = plan_for(label_values=(0, 1, 7))
    scores = scored([case_for("b", exact)], plan_for(label_values=(0, 1)))
    assert scores.dice.keys() == {1}

    class ThreeClasses(Bright):
        def forward(self, images):
            logits = super().forward(images)
            return torch.cat([logits, logits[:, :1] * 0 - 99], 1)

    work = Validation([case_for("b", exact)], plan, CPU).scoring(ThreeClasses())
    with pytest.raises(StopIteration) as end:
        [next(work) for _ in range(10_000)]
    scores = end.value.value
    assert math.isnan(scores.dice[7])
    assert scores.mean_dice == 1.0
    metrics = scores.metrics(3, plan)
    assert metrics.dice == {1: 1.0, 7: None}

    nothing = scored([case_for("b", lambda image: {"EA": 0 * image})], plan_for())
    assert nothing.dice == {1: 0.0}


def test_voxels_that_are_not_annotated_are_not_scored(case_for, plan_for, spatial):
    def painted(image):
        labels = np.zeros_like(image)
        labels[0, ..., 0] = 2
        labels[0, ..., -1] = 1
        return {"EA": labels}

    plan = plan_for(annotation="painted", label_values=(0, 2), painted_background=1)
    assert scored([case_for("b", painted)], plan).dice == {2: 1.0}


def test_an_observer_without_annotation_leaves_scores_undefined(case_for, plan_for):
    plan = plan_for(annotation="slices")
    scores = scored([case_for("b", lambda image: {"EA": 0 * image})], plan)
    assert math.isnan(scores.mean_dice)
    assert math.isnan(scores.loss)
    assert scores.metrics(1, plan).mean_dice is None


def test_only_the_held_out_block_of_one_case_counts(case_for, plan_for):
    def wrong_outside(image):
        labels = exact(image)["EA"]
        labels[0] = labels[5:] = 1 - labels[5:6]
        return {"EA": labels}

    split = Split(training=("b",), validation=("b",), held_out=(1, 5), excluded=(0, 6))
    scores = scored([case_for("b", wrong_outside)], plan_for(split=split))
    assert scores.mean_dice == 1.0


def test_the_gray_scale_is_that_of_the_whole_image(spatial, plan_for):
    """The held-out block alone would be stretched to the full range."""
    image = np.zeros(spatial, np.uint8)
    image[1:5, ..., :4] = 90
    image[-1] = 250
    labels = {"EA": (image == 250).astype(np.uint8)}
    labels["EA"][2, ..., 0] = 1
    case = Case(image, labels, unit="mm", spacing=(1.0,) * len(spatial), name="b")
    split = Split(training=("b",), validation=("b",), held_out=(1, 5), excluded=(0, 6))
    assert scored([case], plan_for(split=split, patch=(4,) * len(spatial))).dice == {
        1: 0.0
    }


def test_the_cost_grows_with_what_is_held_out(case_for, plan_for):
    plan = plan_for()
    few = Validation([case_for("b", exact)], plan, CPU)
    many = Validation([case_for("b", exact), case_for("c", exact)], plan, CPU)
    none = Validation([case_for("a", exact)], plan, CPU)
    assert many.cost == 2 * few.cost > 0
    assert none.cost == 0
    assert not none.is_possible


def test_the_cost_counts_the_tiles_that_are_computed(case_for, plan_for):
    """A third of a step for each patch, and tiles overlap."""
    plan = plan_for(batch=2)
    validation = Validation([case_for("b", exact)], plan, CPU)
    *_, last = validation.scoring(Bright())
    assert last.of > 1
    assert validation.cost == pytest.approx(last.of / (3 * plan.batch))


def test_it_can_be_left_between_tiles(case_for, plan_for):
    work = Validation([case_for("b", exact)], plan_for(), CPU).scoring(Bright())
    next(work)
    work.close()
    with pytest.raises(StopIteration):
        next(work)
