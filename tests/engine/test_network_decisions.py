"""Which network is taken when nobody chooses one."""

from __future__ import annotations

import math

import pytest

from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.engine import network_decisions
from specimen_unet.engine.network_decisions import decide_architecture


@pytest.fixture
def pictures(make_plan):
    """What is seen in single pictures with wide labels."""
    seen = make_plan(2).fingerprint
    return seen.model_copy(update={"label_width": 70.0})


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(network_decisions, "is_installed", lambda _: True)
    monkeypatch.setattr(network_decisions, "damage", lambda _: "")


def decided(seen, dimensions=2, minutes=math.inf, **changes):
    settings = TrainingSettings(**changes)
    return {
        name: decision.value
        for name, decision in decide_architecture(
            settings, seen, dimensions, minutes
        ).items()
    }


@pytest.mark.usefixtures("installed")
def test_pictures_are_learnt_by_a_backbone_that_has_seen_photographs(pictures):
    found = decided(pictures, minutes=10)
    assert found["network"] == "FlexibleUNet"
    assert found["backbone"] == "EfficientNet-Lite0"
    assert found["pretrained"] is True


def test_without_its_weights_nothing_changes(pictures, monkeypatch):
    monkeypatch.setattr(network_decisions, "is_installed", lambda _: False)
    found = decided(pictures, minutes=10)
    assert found["network"] == "FastUNet"
    assert found["pretrained"] is False


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "changes",
    [
        {"network": "FastUNet"},
        {"quality": True},
        {"channels": (16, 32)},
    ],
    ids=str,
)
def test_what_a_person_chose_stays(pictures, changes):
    assert decided(pictures, **changes)["pretrained"] is False


@pytest.mark.usefixtures("installed")
def test_volumes_thin_labels_and_hurry_have_their_own_networks(pictures, make_plan):
    volumes = make_plan(3).fingerprint.model_copy(update={"label_width": 70.0})
    assert decided(volumes, 3)["network"] == "FastUNet"
    assert decided(volumes, 2)["network"] == "FastUNet"
    thin = pictures.model_copy(update={"label_width": 4.0})
    assert decided(thin)["network"] == "FastUNet"
    assert decided(pictures, minutes=1)["network"] == "UNet"
