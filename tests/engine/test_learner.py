from __future__ import annotations

import math

import pytest
import torch

from specimen_unet.engine.learner import Learner
from specimen_unet.engine.networks import build_network, weights_of
from specimen_unet.engine.patches import Batch

CPU = torch.device("cpu")


@pytest.fixture(params=[2, 3], ids=["2d", "3d"])
def plan(request, make_plan):
    return make_plan(request.param)


@pytest.fixture
def batch(plan):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((2, 1, *plan.patch), generator=generator)
    return Batch(images, (images[:, 0] > 0).long(), is_annotated=True)


def learn(learner, batch, steps, start=0):
    return [float(learner.learn(batch, 0.01, step)) for step in range(start, steps)]


def copies(tensors):
    return {name: tensor.clone() for name, tensor in tensors.items()}


def test_steps_lower_the_loss(plan, batch):
    losses = learn(Learner(plan, CPU, None), batch, 10)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("optimiser", ["AdamW", "Adam", "SGD"])
def test_a_restored_learner_goes_on_exactly(precision, optimiser, plan, batch):
    plan = plan.model_copy(update={"precision": precision, "optimiser": optimiser})
    straight = Learner(plan, CPU, None)
    learn(straight, batch, 3)
    straight.keep()
    kept, scaler = copies(straight.tensors()), straight.scaler_state()
    expected = learn(straight, batch, 6, start=3)
    other = Learner(plan.model_copy(update={"seed": 9}), CPU, None)
    other.restore(kept, scaler)
    assert other.has_kept
    assert learn(other, batch, 6, start=3) == expected
    for name, tensor in straight.tensors().items():
        assert torch.equal(other.tensors()[name], tensor), name


def test_deep_supervision_learns_too(batch, plan):
    plan = plan.model_copy(update={"network": "DynUNet", "deep_supervision": True})
    learner = Learner(plan, CPU, None)
    losses = learn(learner, batch, 6)
    assert losses[-1] < losses[0]
    assert learner.result()(batch.images).shape == (2, 2, *plan.patch)


def test_tensors_of_another_network_are_refused(plan):
    wider = plan.model_copy(update={"channels": (8, 8, 8)})
    tensors = Learner(wider, CPU, None).tensors()
    with pytest.raises(ValueError, match="in the network"):
        Learner(plan, CPU, None).restore(tensors, {})


def test_given_weights_are_the_start(plan, batch):
    start = weights_of(build_network(plan.model_copy(update={"seed": 3})))
    learner = Learner(plan, CPU, start)
    for network in (learner.network, learner.smoothed):
        found = weights_of(network)
        assert all(torch.equal(found[name], start[name]) for name in start)


def test_smoothed_weights_follow_the_network(plan, batch):
    learner = Learner(plan, CPU, None)
    first = copies(weights_of(learner.network))
    learn(learner, batch, 5)
    new, smoothed = weights_of(learner.network), weights_of(learner.smoothed)
    moved = sum(float((new[name] - first[name]).abs().sum()) for name in new)
    behind = sum(float((new[name] - smoothed[name]).abs().sum()) for name in new)
    assert 0 < behind < moved


def test_the_result_has_the_weights_kept_or_else_the_smoothed(plan, batch):
    learner = Learner(plan, CPU, None)
    learn(learner, batch, 2)
    smoothed = copies(weights_of(learner.smoothed))
    found = weights_of(learner.result())
    assert all(torch.equal(found[name], smoothed[name]) for name in smoothed)
    learner.keep()
    learn(learner, batch, 5, start=2)
    found = weights_of(learner.result())
    assert all(torch.equal(found[name], smoothed[name]) for name in smoothed)
    assert not learner.result().training


def test_a_loss_that_is_no_number_changes_nothing(plan, batch):
    learner = Learner(plan, CPU, None)
    learn(learner, batch, 2)
    before = copies(learner.tensors())
    broken = Batch(batch.images * math.nan, batch.classes, is_annotated=True)
    assert math.isnan(float(learner.learn(broken, 0.01, 2)))
    assert all(torch.equal(learner.tensors()[name], before[name]) for name in before)
    assert learner.is_sound
