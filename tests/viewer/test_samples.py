"""Samples: layers that lie on one another and can be trained on as they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from npe2 import PluginManager

from specimen_unet.viewer import samples
from specimen_unet.viewer.layers import frame_of
from specimen_unet.viewer.pairing import pair_layers

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = {
    "specimen": samples.sample_specimen,
    "other_specimen": samples.sample_other_specimen,
    "breast_ultrasound": samples.sample_breast_ultrasound,
}

OFFERED = [*SAMPLES, "four_specimens"]


@pytest.fixture(scope="module", params=list(SAMPLES))
def sample(request: pytest.FixtureRequest) -> list[Layer]:
    return opened(SAMPLES[request.param])


def opened(open_sample: Callable[[], list[Any]]) -> list[Layer]:
    return [Layer.create(*layer) for layer in open_sample()]


def test_a_sample_is_an_image_and_two_observers(sample: list[Layer]) -> None:
    image, first, second = sample
    assert isinstance(image, Image)
    assert image.data.dtype == np.uint8
    assert image.ndim == 3
    for labels in (first, second):
        assert isinstance(labels, Labels)
        assert labels.data.shape == image.data.shape
        assert set(np.unique(labels.data)) == {0, 1}


def test_the_labels_lie_exactly_on_the_image_in_mm(sample: list[Layer]) -> None:
    image, *observers = sample
    assert [str(unit) for unit in image.units] == ["millimeter"] * 3
    first = "image" if image.name == "breast 1" else "z"
    assert image.axis_labels == (first, "y", "x")
    for labels in observers:
        np.testing.assert_equal(frame_of(labels), frame_of(image))


def test_the_observers_are_told_apart_by_colour_and_see_the_image_through(
    sample: list[Layer],
) -> None:
    _, first, second = sample
    assert not np.allclose(first.get_color(1), second.get_color(1))
    assert first.get_color(0) is None or first.get_color(0)[-1] == 0
    assert first.opacity == second.opacity == 0.5


def test_all_samples_open_side_by_side_and_pair_by_themselves() -> None:
    viewer = ViewerModel()
    for open_sample in SAMPLES.values():
        for layer in opened(open_sample):
            viewer.add_layer(layer)
    names = [layer.name for layer in viewer.layers]
    assert len(set(names)) == 9
    pairs = pair_layers(
        [layer for layer in viewer.layers if isinstance(layer, Image)],
        [layer for layer in viewer.layers if isinstance(layer, Labels)],
    )
    assert [list(pair.case().labels) for pair in pairs] == [["EA", "MG"]] * 3


def test_of_four_specimens_only_the_first_is_shown_and_all_can_be_learnt_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = partial(samples.specimen_phantom, shape=(8, 36, 32))
    monkeypatch.setattr(samples, "specimen_phantom", small)
    layers = opened(samples.sample_four_specimens)
    assert [layer.visible for layer in layers] == [True] * 3 + [False] * 9
    pairs = pair_layers(
        layers[::3], [layer for layer in layers if isinstance(layer, Labels)]
    )
    assert [pair.image.name for pair in pairs] == [f"specimen {n}" for n in range(1, 5)]
    assert [list(pair.observers()) for pair in pairs] == [["EA", "MG"]] * 4


@pytest.mark.parametrize("key", OFFERED)
def test_the_menu_offers_the_sample(key: str) -> None:
    manager = PluginManager()
    manager.discover(include_npe1=False)
    offered = {
        sample.key: sample
        for plugin, contributed in manager.iter_sample_data()
        if plugin == "specimen-unet"
        for sample in contributed
    }
    assert set(offered) == set(OFFERED)
    command = manager.get_manifest("specimen-unet").contributions.commands
    python_name = {each.id: each.python_name for each in command}
    target = python_name[offered[key].command]
    assert target == f"specimen_unet.viewer.samples:sample_{key}"
