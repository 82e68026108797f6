"""Every network a plan can name does all that a network is for, in 2D and in 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import torch

from specimen_unet.domain.advice import FOR_BACKBONE, FOR_LOSS, FOR_NETWORK
from specimen_unet.domain.events import StepDone
from specimen_unet.domain.settings import (
    BackboneName,
    LossName,
    NetworkName,
    TrainingSettings,
)
from specimen_unet.engine.encoders import BACKBONES
from specimen_unet.engine.losses import LOSSES
from specimen_unet.engine.model import load_model
from specimen_unet.engine.networks import NETWORKS, build_network, weights_of
from specimen_unet.engine.planning import plan
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.events import Event
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.model import Model

    MakeCase = Callable[..., Case]

pytestmark = pytest.mark.slow

ENTRIES = [
    *((name, None) for name in NETWORKS if name != "FlexibleUNet"),
    *(("FlexibleUNet", name) for name in BACKBONES),
]
FIVE_LEVELS = {"BasicUNet", "FlexibleUNet"}


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry[1] or entry[0])
def tiny(request: pytest.FixtureRequest, narrow_backbones: None) -> dict[str, Any]:
    """Choose an entry of the table, with few channels."""
    network, backbone = request.param
    return {
        "network": network,
        "backbone": backbone or "auto",
        "channels": (4, 4, 8, 8, 8) if network in FIVE_LEVELS else (4, 8, 8),
        "deep_supervision": "DynUNet" in network,
        "loss": "Focal Tversky",
        "ending": "steps",
        "steps": 3,
        "batch": 1,
        "device": "cpu",
    }


@pytest.fixture(scope="module")
def cases(spatial: tuple[int, ...], make_blob_case: MakeCase) -> list[Case]:
    """Two cases of two channels with two labels, in 2D and in 3D."""
    return [
        make_blob_case(spatial, seed=seed, channels=2, labels=2) for seed in range(2)
    ]


def finish(events: Iterator[Event]) -> Model:
    """Return the model of a training."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            model: Model = end.value
            return model


def test_every_network_is_planned_trains_resumes_segments_and_is_kept(
    tiny: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    found = plan(cases, **tiny)
    assert {found.network, found.backbone or "auto"} == {
        tiny["network"],
        tiny["backbone"],
    }
    model = finish(training(cases, found))
    assert has_learnt(model, found)

    events = training(cases, found, checkpoints=tmp_path)
    next(event for event in events if isinstance(event, StepDone))
    events.close()
    resumed = finish(training(cases, found, checkpoints=tmp_path, resume=True))
    assert_same_weights(resumed, model)

    model.save(tmp_path / "model.safetensors")
    kept = load_model(tmp_path / "model.safetensors")
    assert_same_weights(kept, model)
    expected, labels = (segment(cases[1], each).labels for each in (model, kept))
    assert labels.shape == cases[1].shape
    np.testing.assert_array_equal(labels, expected)


def has_learnt(model: Model, its_plan: Plan) -> bool:
    """Tell whether every weight moved from where it was drawn."""
    drawn, learnt = weights_of(build_network(its_plan)), weights_of(model.network)
    return not any(torch.equal(drawn[name], learnt[name]) for name in drawn)


def assert_same_weights(found: Model, expected: Model) -> None:
    left, right = weights_of(found.network), weights_of(expected.network)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize(
    ("names", "table", "advice", "field"),
    [
        (NetworkName, NETWORKS, FOR_NETWORK, "network"),
        (BackboneName, BACKBONES, FOR_BACKBONE, "backbone"),
        (LossName, LOSSES, FOR_LOSS, "loss"),
    ],
)
def test_every_choice_exists_and_says_in_one_line_when_to_take_it(
    names: Any, table: dict[str, Any], advice: dict[str, str], field: str
) -> None:
    assert set(get_args(names)) == set(table) == set(advice)
    description = TrainingSettings.model_fields[field].description
    assert description is not None
    for name, line in advice.items():
        assert f"{name}: {line}" in description.splitlines()
