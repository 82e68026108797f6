"""Pictures of all sizes, of which nobody knows how large their pixels are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from specimen_unet.domain.case import Case
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.planning import plan
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import train

SHAPES = [(40, 60), (90, 140), (64, 96), (120, 180), (50, 70), (80, 120)]
SMALL = {
    # With so few channels and steps it learns more than the default.
    "network": "UNet",
    "channels": (8, 16),
    "batch": 2,
    "ending": "steps",
    "steps": 60,
    "augmentation": 0.0,
}


def picture(number: int, shape: tuple[int, int], **options) -> Case:
    """Return a bright lesion that takes the same share of every picture."""
    image = np.random.default_rng(number).normal(0, 0.2, shape)
    rows, columns = (np.linspace(0, 1, n) for n in shape)
    inside = (rows[:, None] - 0.5) ** 2 / 0.06 + (columns - 0.4) ** 2 / 0.04 < 1
    image[inside] += 1
    labels = {"EA": inside.astype(np.uint8)}
    return Case(image, labels, name=f"picture {number}", **options)


@pytest.fixture(scope="module")
def cases():
    return [picture(number, shape) for number, shape in enumerate(SHAPES)]


@pytest.fixture(scope="module")
def model(cases):
    return train(cases, plan(cases, **SMALL))


def test_all_are_brought_to_one_size_and_the_plan_says_why(cases):
    found = plan(cases, **SMALL)
    height, width = found.resize_to
    assert 1.4 < width / height < 1.6
    assert height * width < 256**2
    assert "their sizes differ" in found.reasons["resize_to"]
    assert "covers a whole typical case" in found.reasons["patch"]


LARGE = [(4 * height, 4 * width) for height, width in SHAPES]


def large_pictures():
    return [picture(number, shape) for number, shape in enumerate(LARGE)]


@pytest.mark.parametrize("minutes", [1, 10])
def test_in_few_minutes_they_are_small_and_learnt_from_by_the_light_network(minutes):
    slow, quick = (
        plan(large_pictures(), minutes=n, device="cpu") for n in (11, minutes)
    )
    assert math.prod(quick.resize_to) <= 18_500 < math.prod(slow.resize_to)
    assert quick.network == "FastUNet"
    told = f"In {minutes} min small ones teach most"
    assert told in quick.reasons["resize_to"]
    assert "teach most" not in slow.reasons["resize_to"]


@pytest.mark.parametrize(
    ("changes", "is_small"),
    [
        ({"network": "FastUNet"}, True),
        ({"network": "UNet"}, False),
        ({"quality": True}, False),
        ({"network": "UNet", "minutes": 1}, True),
    ],
    ids=str,
)
def test_in_ten_minutes_they_are_small_for_the_usual_network_alone(changes, is_small):
    found = plan(large_pictures(), **{"minutes": 10, "device": "cpu", **changes})
    assert ("small ones teach most" in found.reasons["resize_to"]) == is_small


def test_thin_lines_are_not_made_smaller_in_few_minutes():
    cases = []
    for number, shape in enumerate(LARGE):
        line = np.zeros(shape, np.uint8)
        line[shape[0] // 2 : shape[0] // 2 + 2] = 1
        image = line + np.random.default_rng(number).normal(0, 0.2, shape)
        cases.append(Case(image, {"EA": line}, name=f"line {number}"))
    quick, slow = (plan(cases, minutes=n, device="cpu") for n in (1, 11))
    assert quick.resize_to == slow.resize_to
    assert quick.network == "UNet"


def test_a_patch_shows_a_whole_picture_of_any_size(cases):
    found = plan(cases, **SMALL, foreground=0.0, mirror_axes=())
    batch = Patches(cases, found, torch.device("cpu")).batch(0)
    shares = [(classes == 1).float().mean() for classes in batch.classes]
    expected = np.mean(cases[0].labels["EA"])
    assert shares == pytest.approx([expected, expected], rel=0.15)


def test_what_is_found_lies_on_the_picture_as_it_is(cases, model):
    assert model.card.metrics.mean_dice > 0.9
    small, large = picture(11, (44, 70)), picture(12, (200, 260))
    for case in (small, large):
        labels = segment(case, model).labels
        assert labels.shape == case.shape
        truth = case.labels["EA"]
        assert 2 * (labels & truth).sum() / (labels.sum() + truth.sum()) > 0.9


def test_a_model_that_is_trained_further_keeps_its_size(cases, model):
    alike = [picture(number, (72, 108)) for number in range(4)]
    further = plan(alike, **{**SMALL, "steps": 2}, start_from=model.plan)
    assert further.resize_to == model.plan.resize_to
    assert train(alike, further, start_from=model).card.parent == model.name


@pytest.mark.parametrize(
    "make",
    [
        lambda: [picture(n, (64, 96)) for n in range(3)],
        lambda: [picture(n, (64 + n, 96)) for n in range(3)],
        lambda: [
            picture(n, shape, spacing=(0.1, 0.1), unit="mm")
            for n, shape in enumerate(SHAPES[:3])
        ],
    ],
    ids=["one size", "almost one size", "known pixel size"],
)
def test_pictures_that_can_be_compared_stay_as_they_are(make):
    assert plan(make(), **SMALL).resize_to is None


def test_a_spacing_that_was_chosen_is_kept(cases):
    assert plan(cases, **SMALL, spacing=(1.0, 1.0)).resize_to is None
