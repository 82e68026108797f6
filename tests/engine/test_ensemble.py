"""Several models segment together: the mean of their probabilities."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.errors import ModelFileError
from specimen_unet.domain.events import TileDone
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.segmentation import segment, segmenting

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case


@pytest.fixture
def case(spatial: tuple[int, ...], make_blob_case: Callable[..., Case]) -> Case:
    return make_blob_case(spatial, seed=0)


@pytest.fixture
def make_model(make_plan: Callable[..., Any]) -> Callable[..., Any]:
    """Make models of tiny networks that were not trained, no two alike."""

    def make(dimensions: int, name: str, **changes: Any) -> Any:
        plan = make_plan(dimensions, **{"patch": (8, 16, 16)[-dimensions:], **changes})
        return SimpleNamespace(network=build_network(plan).eval(), plan=plan, name=name)

    return make


def drain(events: Any) -> tuple[list[Any], Any]:
    heard = []
    while True:
        try:
            heard.append(next(events))
        except StopIteration as end:
            return heard, end.value


@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_an_ensemble_says_the_mean_of_what_each_model_says(make_model, case, overlap):
    dimensions = case.grid.dimensions
    # Other tiles, another spacing, another network: only what they say is averaged.
    models = [
        make_model(dimensions, "a"),
        make_model(dimensions, "b", patch=(4, 8, 32)[-dimensions:]),
        make_model(dimensions, "c", spacing=(2.0, 1.0, 1.0)[-dimensions:]),
    ]
    alone = [segment(case, model, overlap=overlap).probabilities for model in models]
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    together = segment(case, models, overlap=overlap)
    mean = np.mean(alone, axis=0)
    np.testing.assert_allclose(together.probabilities, mean, atol=1e-6)
    values = np.array(models[0].plan.label_values)
    sure = np.abs(np.diff(np.sort(mean, axis=0)[-2:], axis=0)[0]) > 1e-5
    assert sure.mean() > 0.9
    assert (together.labels == values[mean.argmax(0)])[sure].all()
    assert together.models == ("a", "b", "c")
    assert together.name == f"{case.name} ensemble of 3 models"
    assert together.labels.dtype == np.uint8


def test_labels_are_the_same_when_probabilities_are_not_kept(make_model, case):
    models = [make_model(case.grid.dimensions, name) for name in "ab"]
    kept = segment(case, models, probabilities=True)
    lean = segment(case, models, probabilities=False)
    assert lean.probabilities is None
    assert np.array_equal(kept.labels, lean.labels)
    assert np.unique(kept.labels).size > 1


def test_one_model_in_a_list_is_that_model(make_model, case):
    model = make_model(case.grid.dimensions, "a")
    alone, listed = segment(case, model), segment(case, [model])
    assert np.array_equal(alone.probabilities, listed.probabilities)
    assert alone.name == listed.name == f"{case.name} a"


def test_progress_goes_up_over_all_models_and_ends_at_the_end(make_model, case):
    dimensions = case.grid.dimensions
    models = [make_model(dimensions, name) for name in "abc"]
    heard, _ = drain(segmenting(case, models))
    tiles = [event for event in heard if isinstance(event, TileDone)]
    done = [event.tile / event.of for event in tiles]
    assert done == sorted(done)
    assert done[-1] == 1
    assert len(set(done)) == len(tiles) >= 3
    assert tiles[-1].seconds_left == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label_values": (0, 2)}, "labels: 0, 1 in a, 0, 2 in b"),
        ({"image_channels": 2}, "channels of the images: 1 in a, 2 in b"),
        ({"dimensions": 2}, "dimensions of the network: 3 in a, 2 in b"),
        ({"label_names": ("background", "rim")}, "names of the labels: .*rim in b"),
    ],
)
def test_models_that_do_not_go_together_are_refused(
    make_model, make_blob_case, changes, told
):
    first = make_model(3, "a", label_values=(0, 1))
    dimensions = changes.pop("dimensions", 3)
    other = make_model(dimensions, "b", **{"label_values": (0, 1), **changes})
    # As the image of the one or the other: they are told apart before the image is.
    case = make_blob_case((8, 32, 32))
    with pytest.raises(ModelFileError, match=told):
        segment(case, [first, other])


def test_no_model_at_all_is_refused(case):
    with pytest.raises(ModelFileError, match="give at least one"):
        segment(case, [])


def test_memory_does_not_grow_with_the_number_of_models(make_model, make_blob_case):
    case = make_blob_case((16, 96, 96), seed=0)
    model = make_model(3, "a")

    def peak(models: int) -> int:
        settings = SegmentationSettings(overlap=0)
        drain(segmenting(case, [model] * 2, settings))  # what is made once
        tracemalloc.start()
        drain(segmenting(case, [model] * models, settings))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    volume = 4 * len(model.plan.label_values) * case.image[0].size
    assert peak(6) - peak(2) < volume / 4
