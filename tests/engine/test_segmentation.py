"""Labels, uncertainty, and what a model refuses to segment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from specimen_unet.domain.case import Case
from specimen_unet.domain.control import Control
from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    ModelFileError,
    PlanError,
    SegmentationStopped,
)
from specimen_unet.domain.events import TileDone, Warned
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.precision import fastest_precision
from specimen_unet.engine.segmentation import segment, segmenting

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array


class Threshold(nn.Module):
    """A network of three classes: dark, bright, and very bright."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        values = image[:, :1] - 0.5
        return 20 * torch.cat([-values, values, 3 * values - 0.6], dim=1)


@pytest.fixture
def make_model(make_plan: Callable[..., Any]) -> Callable[..., Any]:
    """Make a model of a tiny network that was not trained."""

    def make(
        dimensions: int = 3, *, network: nn.Module | None = None, **changes: Any
    ) -> Any:
        changes = {"patch": (8, 16, 16)[-dimensions:], **changes}
        plan = make_plan(dimensions, **changes)
        network = network or build_network(plan)
        return SimpleNamespace(network=network.eval(), plan=plan, name="tumour")

    return make


@pytest.fixture
def case(spatial: tuple[int, ...], make_blob_case: Callable[..., Case]) -> Case:
    return make_blob_case(spatial, seed=0, spacing=(1.0,) * len(spatial))


def threshold_model(
    make_model: Callable[..., Any], dimensions: int, **changes: Any
) -> Any:
    return make_model(
        dimensions,
        network=Threshold(),
        label_values=(0, 3, 7),
        normalisation="range",
        **changes,
    )


def test_labels_lie_on_the_grid_of_the_image(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = threshold_model(make_model, len(case.shape))
    result = segment(case, model)
    assert result.labels.shape == case.shape
    assert result.labels.dtype == np.uint8
    assert result.grid == case.grid
    assert set(np.unique(result.labels)) == {0, 3, 7}
    blob = case.labels["EA"] != 0
    assert (result.labels[blob] != 0).mean() > 0.95
    assert (result.labels[~blob] == 0).mean() > 0.95
    assert "tumour" in result.name
    assert case.name in result.name


def test_labels_are_those_of_the_most_probable_class(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape), label_values=(0, 2, 300))
    result = segment(case, model)
    assert result.labels.dtype == np.uint16
    expected = np.array([0, 2, 300])[result.probabilities.argmax(0)]
    np.testing.assert_array_equal(result.labels, expected)


def test_a_script_gets_probabilities_and_can_do_without(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape))
    result = segment(case, model)
    assert result.probabilities is not None
    assert result.uncertainty is not None
    assert result.probabilities.shape == (2, *case.shape)
    assert result.uncertainty.shape == case.shape
    assert 0 <= result.uncertainty.min() <= result.uncertainty.max() <= 1
    for without in (
        segment(case, model, probabilities=False),
        segment(case, model, SegmentationSettings()),
    ):
        assert without.probabilities is None
        assert without.uncertainty is None
        np.testing.assert_array_equal(without.labels, result.labels)


def test_only_the_largest_part_of_a_label_is_kept(
    make_model: Callable[..., Any],
) -> None:
    image = np.zeros((20, 20), np.uint8)
    image[2:10, 2:10] = image[15:17, 15:17] = 200
    model = threshold_model(make_model, 2)
    case = Case(image, spacing=(1, 1), unit="mm")
    both, largest = (segment(case, model, largest_only=only) for only in (False, True))
    assert (both.labels != 0).sum() == 64 + 4
    assert (largest.labels != 0).sum() == 64


def test_an_array_is_segmented_like_the_case_it_makes(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape))
    expected = segment(case, model)
    grid = case.grid
    found = segment(case.image[0], model, spacing=grid.spacing, unit=grid.unit)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.grid == grid


def test_a_case_keeps_its_own_grid(make_model: Callable[..., Any], case: Case) -> None:
    with pytest.raises(GridMismatchError, match="leave spacing"):
        segment(case, make_model(len(case.shape)), spacing=(2.0,) * len(case.shape))


def test_progress_is_told_in_words(make_model: Callable[..., Any], case: Case) -> None:
    lines: list[str] = []
    model = make_model(len(case.shape), patch=(8,) * len(case.shape), batch=1)
    segment(case, model, progress=lines.append, overlap=0.25)
    assert 10 < len(lines) <= 40
    tile, last = lines[-1].split(" of ")
    assert last == f"{tile.removeprefix('tile ')}: 0 s left"


def test_a_2d_model_segments_a_volume_slice_by_slice(
    make_model: Callable[..., Any], make_blob_case: Callable[..., Case]
) -> None:
    case = make_blob_case((8, 32, 32))
    result = segment(case, make_model(2, spacing=(0.5, 0.5)))
    assert result.labels.shape == (8, 32, 32)


def test_mirrored_copies_give_other_probabilities(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape), mirror_axes=(0, 1))
    once, mirrored = (segment(case, model, mirror=mirror) for mirror in (False, True))
    assert (once.probabilities != mirrored.probabilities).any()


def test_the_model_stays_as_it_is(make_model: Callable[..., Any], case: Case) -> None:
    model = make_model(len(case.shape))
    before = {
        name: weight.clone() for name, weight in model.network.state_dict().items()
    }
    first, second = (segment(case, model).labels for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for name, weight in model.network.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


def test_a_model_of_other_channels_is_refused(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape), image_channels=2)
    with pytest.raises(ModelFileError, match="2 channels, but blob 0 has 1"):
        segment(case, model)


def test_a_3d_model_refuses_a_2d_image(make_model: Callable[..., Any]) -> None:
    with pytest.raises(ModelFileError, match="2D"):
        segment(np.eye(20), make_model(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_with_holes_is_refused(
    make_model: Callable[..., Any], value: float
) -> None:
    image: Array = np.eye(20, dtype=np.float32)
    image[3, 4] = value
    with pytest.raises(ImageError, match="not numbers"):
        segment(image, make_model(2))


def test_a_constant_image_is_refused(
    make_model: Callable[..., Any], spatial: tuple[int, ...]
) -> None:
    with pytest.raises(ImageError, match="is constant"):
        segment(np.full(spatial, 7, np.uint8), make_model(len(spatial)))


def test_a_broken_model_is_not_taken_for_background(
    make_model: Callable[..., Any], case: Case
) -> None:
    model = make_model(len(case.shape))
    with torch.no_grad():
        next(model.network.parameters())[:] = torch.nan
    with pytest.raises(ModelFileError, match="not numbers"):
        segment(case, model)


def test_a_model_trained_on_a_gpu_uses_what_is_fast_here(
    make_model: Callable[..., Any], case: Case
) -> None:
    here = fastest_precision(torch.device("cpu"))
    expected = segment(case, make_model(len(case.shape), precision=here))
    gpu = make_model(len(case.shape), precision="float16", device="cuda:0")
    found = segment(case, gpu, device="cpu")
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


def test_a_setting_that_does_not_exist_is_told(
    make_model: Callable[..., Any], case: Case
) -> None:
    with pytest.raises(PlanError, match="mirror"):
        segment(case, make_model(len(case.shape)), mirors=True)


def test_a_device_that_is_not_here_is_refused(
    make_model: Callable[..., Any], case: Case
) -> None:
    with pytest.raises(PlanError, match="device"):
        segment(case, make_model(len(case.shape)), device="abacus")


@pytest.mark.parametrize(
    ("unit", "trained", "words"),
    [("pixel", "mm", "does not say"), ("mm", "pixel", "as they are")],
)
def test_units_that_cannot_be_compared_are_told(
    make_model: Callable[..., Any], case: Case, unit: str, trained: str, words: str
) -> None:
    other = Case(case.image, spacing=(3.0,) * len(case.shape), unit=unit)
    model = make_model(len(case.shape), unit=trained)
    first = next(segmenting(other, model))
    assert isinstance(first, Warned)
    assert words in first.message
    with pytest.warns(UserWarning, match=words):
        result = segment(other, model)
    same = Case(case.image, spacing=(1.0,) * len(case.shape), unit=trained)
    np.testing.assert_array_equal(result.labels, segment(same, model).labels)


def test_segmenting_tells_tiles_and_can_be_stopped(
    make_model: Callable[..., Any], case: Case
) -> None:
    control = Control()
    settings = SegmentationSettings(overlap=0.25)
    model = make_model(len(case.shape))
    events = segmenting(case, model, settings, control=control)
    assert isinstance(next(events), TileDone)
    control.stop()
    with pytest.raises(SegmentationStopped):
        next(events)
