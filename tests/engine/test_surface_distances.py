"""Distances between surfaces, against MONAI, SimpleITK and DeepMind's package."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import SimpleITK
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)

from specimen_unet.domain.errors import GridMismatchError
from specimen_unet.domain.grid import Grid
from specimen_unet.engine import surface_distances as distances
from specimen_unet.engine.surface_distances import surface_distances

with warnings.catch_warnings():
    # It looks for SciPy's functions where they were long ago.
    warnings.simplefilter("ignore", DeprecationWarning)
    import surface_distance as deepmind

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array

# Not on the lattice of distances: there rounding decides.
TOLERANCE = 0.83


class Pair(NamedTuple):
    """Two masks and their grid."""

    predicted: Array
    truth: Array
    grid: Grid

    @property
    def diagonal(self) -> float:
        return float(np.linalg.norm(self.grid.spacing))


def ellipsoid(shape: tuple[int, ...], centre: Array, radius: Array) -> Array:
    position = np.moveaxis(np.indices(shape), 0, -1)
    inside: Array = (((position - centre) / radius) ** 2).sum(-1) <= 1
    return inside


@pytest.fixture(
    params=[
        ((40, 50), (1.0, 0.3)),
        ((50, 40), (0.5, 0.5)),
        ((16, 40, 36), (2.0, 0.5, 0.5)),
        ((20, 24, 28), (1.0, 1.0, 1.0)),
        ((14, 30, 26), (1.7, 0.4, 0.9)),
    ],
    ids=["2d", "2d isotropic", "3d", "3d isotropic", "3d three spacings"],
)
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two ellipsoids, one with specks; the other is cut off by the image's border."""
    shape, spacing = request.param
    size = np.array(shape)
    generator = np.random.default_rng(len(shape))
    predicted = ellipsoid(shape, size * 0.45, size * 0.3)
    predicted |= generator.random(shape) < 0.002
    return Pair(
        predicted, ellipsoid(shape, size * 0.6, size * 0.45), Grid(spacing, "mm")
    )


def scores(pair: Pair, **options) -> dict[str, float]:
    table = surface_distances(*pair, **options)
    assert table["label"].tolist() == [1]
    return table.iloc[0].to_dict()


def test_scores_are_those_of_monai(pair: Pair) -> None:
    found = scores(pair, tolerance=TOLERANCE)
    masks = [torch.from_numpy(mask)[None, None] for mask in (pair[0], pair[1])]
    options = {"include_background": True, "spacing": pair.grid.spacing}
    expected = {
        "hd95": compute_hausdorff_distance(*masks, percentile=95, **options),
        "mean_surface_distance": compute_average_surface_distance(
            *masks, symmetric=True, **options
        ),
        "surface_dice": compute_surface_dice(
            *masks, [TOLERANCE], use_subvoxels=True, **options
        ),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value.item(), rel=1e-5), name


def test_distances_are_those_of_distance_maps_of_simpleitk(pair: Pair) -> None:
    contours = [contour(mask, pair.grid.spacing) for mask in (pair[0], pair[1])]
    to_others = [
        distance_map(contours[1 - number])[
            SimpleITK.GetArrayFromImage(contours[number]) > 0
        ]
        for number in (0, 1)
    ]
    found = scores(pair)
    hd95 = max(np.percentile(distances, 95) for distances in to_others)
    assert found["hd95"] == pytest.approx(hd95, rel=1e-5)
    mean = np.concatenate(to_others).mean()
    assert found["mean_surface_distance"] == pytest.approx(mean, rel=1e-5)


def contour(mask: Array, spacing: tuple[float, ...]) -> SimpleITK.Image:
    # A frame of background: an object ends where the image does.
    image = SimpleITK.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    return SimpleITK.BinaryContour(image, fullyConnected=False)


def distance_map(image: SimpleITK.Image) -> Array:
    distances = SimpleITK.SignedMaurerDistanceMap(
        image, squaredDistance=False, useImageSpacing=True
    )
    return np.abs(SimpleITK.GetArrayFromImage(distances))


@pytest.mark.parametrize("spacing", [(1.0, 0.3), (2.0, 0.5, 0.7)])
def test_parallel_planes_are_as_far_apart_as_the_hausdorff_filter_says(
    spacing: tuple[float, ...],
) -> None:
    shape = (9, 12, 10)[: len(spacing)]
    for axis, step in enumerate(spacing):
        masks = []
        for place in (2, 6):
            mask = np.zeros(shape, np.uint8)
            np.moveaxis(mask, axis, 0)[place] = 1
            masks.append(mask)
        images = [SimpleITK.GetImageFromArray(mask) for mask in masks]
        for image in images:
            image.SetSpacing(spacing[::-1])
        judge = SimpleITK.HausdorffDistanceImageFilter()
        judge.Execute(*images)
        found = scores(Pair(*masks, Grid(spacing, "mm")))
        assert found["hd95"] == pytest.approx(judge.GetHausdorffDistance())
        assert found["hd95"] == pytest.approx(4 * step)
        assert found["mean_surface_distance"] == pytest.approx(4 * step)


@pytest.mark.parametrize("tolerance", [0.0, TOLERANCE, 2.39])
def test_surface_dice_is_that_of_deepmind(pair: Pair, tolerance: float) -> None:
    expected = deepmind.compute_surface_dice_at_tolerance(elements(pair), tolerance)
    found = scores(pair, tolerance=tolerance)["surface_dice"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_distances_differ_from_those_of_deepmind_by_less_than_a_voxel(
    pair: Pair,
) -> None:
    found, theirs = scores(pair), elements(pair)
    hd95 = deepmind.compute_robust_hausdorff(theirs, 95)
    assert abs(found["hd95"] - hd95) < pair.diagonal
    mean = np.mean(deepmind.compute_average_surface_distance(theirs))
    assert abs(found["mean_surface_distance"] - mean) < pair.diagonal


def elements(pair: Pair):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return deepmind.compute_surface_distances(
            pair.truth, pair.predicted, pair.grid.spacing
        )


def test_equal_masks_are_at_no_distance(pair: Pair) -> None:
    found = scores(pair._replace(predicted=pair.truth), tolerance=0)
    assert (found["hd95"], found["mean_surface_distance"]) == (0, 0)
    assert found["surface_dice"] == 1


def test_either_may_be_called_the_truth(pair: Pair) -> None:
    there = scores(pair, tolerance=TOLERANCE)
    back = scores(Pair(pair.truth, pair.predicted, pair.grid), tolerance=TOLERANCE)
    for name in ("hd95", "mean_surface_distance", "surface_dice"):
        assert there[name] == pytest.approx(back[name], rel=1e-6)


def test_the_unit_of_the_grid_is_that_of_distances(pair: Pair) -> None:
    micrometres = pair._replace(grid=pair.grid.in_unit("um"))
    found, in_mm = scores(micrometres), scores(pair)
    assert found["hd95"] == pytest.approx(1000 * in_mm["hd95"])
    assert surface_distances(*micrometres).attrs["unit"] == "um"


def test_every_label_has_a_row_of_its_own_surface(pair: Pair) -> None:
    middle = pair.truth.shape[-1] // 2
    truth, predicted = (mask.astype(np.uint16) for mask in (pair.truth, pair[0]))
    for labels in (truth, predicted):
        labels[..., middle:] *= 70
    table = surface_distances(predicted, truth, pair.grid, label_names={70: "rim"})
    assert table["label"].tolist() == [1, 70]
    assert table["name"].tolist() == ["label 1", "rim"]
    for label, hd95 in zip(table["label"], table["hd95"], strict=True):
        alone = Pair(predicted == label, truth == label, pair.grid)
        assert hd95 == scores(alone)["hd95"]


def test_labels_of_many_things_take_no_more_than_small_ones(pair: Pair) -> None:
    large = [mask * (2**62 + 1) for mask in (pair.predicted, pair.truth)]
    large[1][0] = 2**62
    small = [mask.astype(int) for mask in (pair.predicted, pair.truth)]
    small[1][0] = 2
    table = surface_distances(*large, pair.grid)
    assert table["label"].tolist() == [2**62, 2**62 + 1]
    expected = surface_distances(*small, pair.grid)["hd95"]
    np.testing.assert_array_equal(table["hd95"], expected[::-1])


def test_without_a_tolerance_there_is_no_surface_dice(pair: Pair) -> None:
    assert list(surface_distances(*pair)) == [
        *("label", "name", "hd95", "mean_surface_distance")
    ]
    table = surface_distances(*pair, tolerance=1.5)
    assert list(table)[-1] == "surface_dice"
    assert table.attrs["tolerance"] == 1.5


@pytest.mark.parametrize("missing", ["predicted", "truth"])
def test_a_label_on_one_side_has_no_distance_and_its_surface_agrees_nowhere(
    pair: Pair, missing: str, recwarn: pytest.WarningsRecorder
) -> None:
    absent = pair._replace(**{missing: np.zeros_like(pair.truth)})
    table = surface_distances(*absent, tolerance=1e9)
    assert table["label"].tolist() == [1]
    assert table[["hd95", "mean_surface_distance"]].isna().all(axis=None)
    assert table["surface_dice"].tolist() == [0]
    assert table.attrs["undefined"] == {
        "hd95": 1, "mean_surface_distance": 1, "surface_dice": 0,
    }  # fmt: skip
    assert [str(warning.message) for warning in recwarn] == []


def test_a_label_on_neither_side_is_undefined_and_counted(pair: Pair) -> None:
    table = surface_distances(*pair, tolerance=1.0, label_names={1: "a", 2: "b"})
    assert table["label"].tolist() == [1, 2]
    columns = ["hd95", "mean_surface_distance", "surface_dice"]
    assert table.loc[1, columns].isna().all()
    assert table.loc[0, columns].notna().all()
    assert set(table.attrs["undefined"].values()) == {1}


def test_empty_images_give_an_empty_table(pair: Pair) -> None:
    empty = np.zeros_like(pair.truth)
    table = surface_distances(empty, empty, pair.grid, tolerance=1.0)
    assert len(table) == 0
    assert "surface_dice" in table


def test_monai_and_its_ways_are_not_told_as_warnings(
    pair: Pair, recwarn: pytest.WarningsRecorder
) -> None:
    surface_distances(*pair, tolerance=1.0)
    assert [str(warning.message) for warning in recwarn] == []


def test_what_lies_outside_of_a_label_is_not_looked_at(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def seen(*masks, **options):
        sizes.append({tuple(mask.shape) for mask in masks})
        return measure(*masks, **options)

    measure = distances.get_edge_surface_distance
    monkeypatch.setattr(distances, "get_edge_surface_distance", seen)
    wide = [np.pad(mask, 20) for mask in (pair.predicted, pair.truth)]
    assert scores(Pair(*wide, pair.grid)) == scores(pair)
    places = np.argwhere(pair.predicted | pair.truth)
    box = tuple((places.max(axis=0) - places.min(axis=0) + 1).tolist())
    assert sizes == [{box}, {box}]


def test_what_does_not_fit_together_is_refused(pair: Pair) -> None:
    with pytest.raises(GridMismatchError, match="ground truth"):
        surface_distances(pair.predicted[1:], pair.truth, pair.grid)
    with pytest.raises(GridMismatchError, match="axes"):
        surface_distances(
            *pair[:2], Grid((1.0, 1.0) if pair.truth.ndim == 3 else (1.0, 1.0, 1.0))
        )
    for tolerance in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tolerance"):
            surface_distances(*pair, tolerance=tolerance)
