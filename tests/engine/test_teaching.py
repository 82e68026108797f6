"""What several observers of one case teach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.plan import Split
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.planning import plan as make_a_plan
from specimen_unet.engine.teaching import as_taught
from specimen_unet.engine.training import train
from specimen_unet.files.consensus import consensus

CPU = torch.device("cpu")
AGREED = ("majority", "union", "intersection", "staple")


def drawn_on(spatial, *observers, seed=0, name="blob"):
    """A case on which every observer marked other voxels at random, in blocks."""
    generator = np.random.default_rng(seed)
    labels = {}
    for observer in observers:
        blocks = generator.random(tuple(n // 4 for n in spatial)) > 0.4
        labels[observer] = np.kron(blocks, np.ones((4,) * len(spatial), bool)).astype(
            np.uint8
        )
    image = sum(labels.values()) * np.uint8(60)
    return Case(image, labels, spacing=(1.0,) * len(spatial), unit="mm", name=name)


@pytest.fixture
def plan_for(make_plan, spatial):
    def make(**changes):
        dimensions = len(spatial)
        values = {
            "augmentation": 0.0,
            "normalisation": "range",
            "patch": (8, 16, 16)[-dimensions:],
            "split": Split(training=("blob", "other"), validation=()),
            "batch": 3,
        }
        return make_plan(dimensions, **{**values, **changes})

    return make


@pytest.mark.parametrize("method", ["random", "mean"])
def test_observers_who_are_learnt_from_stay_as_they_drew(spatial, method):
    case = drawn_on(spatial, "EA", "MG")
    assert as_taught([case], method) == [case]


@pytest.mark.parametrize("method", AGREED)
def test_what_they_agree_on_is_the_consensus(spatial, method):
    case = drawn_on(spatial, "EA", "MG", "XY")
    (taught,) = as_taught([case], method)
    assert list(taught.labels) == [method]
    expected = consensus(list(case.labels.values()), method)
    np.testing.assert_array_equal(np.asarray(taught.labels[method]), expected)
    part = tuple(slice(1, 7) for _ in spatial)
    np.testing.assert_array_equal(taught.labels[method][part], expected[part])


@pytest.mark.parametrize("method", AGREED)
def test_who_drew_alone_is_learnt_from_as_is(spatial, method):
    alone = drawn_on(spatial, "EA")
    assert as_taught([alone], method) == [alone]


def test_what_is_painted_meanwhile_is_voted_on(spatial):
    case = drawn_on(spatial, "EA", "MG")
    (taught,) = as_taught([case], "union")
    for labels in case.labels.values():
        labels[:] = 0
    assert not np.asarray(taught.labels["union"]).any()
    case.labels["MG"][:] = 1
    assert np.asarray(taught.labels["union"]).all()


def test_observers_who_agree_on_nothing_are_refused(spatial):
    first = np.zeros(spatial, np.uint8)
    first[:4] = 1
    case = Case(first, {"EA": first, "MG": 1 - first}, spacing=(1.0,) * len(spatial))
    with pytest.raises(NoAnnotationError, match="agree on no label"):
        as_taught([case], "intersection")


def test_patches_hold_what_every_observer_drew_where_all_are_learnt_from(
    spatial, plan_for
):
    """Cases of fewer observers are filled up with what nobody annotated."""
    cases = [drawn_on(spatial, "EA", "MG"), drawn_on(spatial, "EA", name="other")]
    plan = plan_for(observers="mean")
    patches = Patches(cases, plan, CPU)
    batches = [patches.batch(step) for step in range(4)]
    assert batches[0].classes.shape == (3, 2, *plan.patch)
    for batch in batches:
        for image, classes in zip(batch.images, batch.classes, strict=True):
            is_here = (classes != IGNORED).flatten(1).any(1)
            drawn = classes[is_here].sum(0)
            # The image is the share of the case's observers who marked a voxel.
            assert torch.equal(image[0] * is_here.sum(), drawn.float())


def test_patches_hold_the_consensus_where_that_is_learnt(spatial, plan_for):
    case = drawn_on(spatial, "EA", "MG")
    plan = plan_for(
        observers="intersection", split=Split(training=("blob",), validation=())
    )
    batch = Patches([case], plan, CPU).batch(0)
    assert batch.classes.shape == (3, *plan.patch)
    # Images are 2 steps brighter where both marked.
    brightest = batch.images[:, 0] == batch.images.amax()
    assert torch.equal(batch.classes == 1, brightest)


@pytest.mark.parametrize("method", ["mean", *AGREED])
def test_a_model_learns_whatever_several_observers_are_taken_for(spatial, method):
    cases = [
        drawn_on(spatial, "EA", "MG", seed=number, name=str(number))
        for number in range(3)
    ]
    plan = make_a_plan(
        cases, ending="steps", steps=3, observers=method, channels=(4, 8), folds=3
    )
    assert plan.observers == method
    assert "score is against each" in plan.reasons["observers"]
    model = train(cases, plan)
    assert model.card.metrics is not None
    assert set(model.card.metrics.by_observer) == {"EA", "MG"}


def test_a_plan_of_single_observers_says_nothing_of_several(spatial):
    cases = [drawn_on(spatial, "EA", seed=n, name=str(n)) for n in range(3)]
    plan = make_a_plan(cases, ending="steps", steps=3, channels=(4, 8), folds=3)
    assert "observers" not in plan.reasons
