"""Phantoms: look like the real thing, and cannot be won by thresholding."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage

from specimen_unet.domain.phantom_fields import Canvas, as_bytes, decibels_of, power_of
from specimen_unet.domain.phantoms import breast_ultrasound_phantom, specimen_phantom

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array, Case

SEEDS = (0, 1, 2, 3)
SMALL = (12, 48, 48)
# Under 3 s on an idle machine; CPU time on a busy one is up to twice as long.
CPU_SECONDS = 6.0


@pytest.fixture(scope="module")
def specimens() -> list[Case]:
    return [specimen_phantom(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def breasts() -> list[Case]:
    return [breast_ultrasound_phantom(seed, images=10) for seed in SEEDS[:2]]


def dice(first: Array, second: Array) -> float:
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero((first > 0) & (second > 0)) / total


def between_observers(case: Case) -> float:
    return dice(*case.labels.values())


def best_threshold_dice(image: Array, truth: Array) -> float:
    """Dice of the best of all global thresholds, bright or dark."""
    edges = np.arange(257)
    inside = np.histogram(image[truth > 0], edges)[0]
    everything = np.histogram(image, edges)[0]
    scores = []
    for order in (slice(None), slice(None, None, -1)):
        hit, taken = inside[order].cumsum(), everything[order].cumsum()
        scores.append((2 * hit / (taken + inside.sum())).max())
    return float(max(scores))


def test_a_specimen_is_a_gray_volume_in_mm_with_a_tumour_drawn_twice(
    specimens: list[Case],
) -> None:
    for case in specimens:
        assert case.image.dtype == np.uint8
        assert case.shape == (39, 221, 200)
        assert case.grid.unit == "mm"
        np.testing.assert_allclose(case.grid.spacing, (0.5, 0.15, 0.15))
        assert list(case.labels) == ["EA", "MG"]
        for drawn in case.labels.values():
            assert drawn.dtype == np.uint8
            assert set(np.unique(drawn)) == {0, 1}
            assert ndimage.label(drawn)[1] == 1


def test_a_seed_gives_the_same_specimen_and_another_seed_another() -> None:
    first, again, other = (specimen_phantom(seed, SMALL) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.image, again.image)
    for observer, drawn in first.labels.items():
        np.testing.assert_array_equal(drawn, again.labels[observer])
    assert np.mean(first.image != other.image) > 0.5
    assert first.group != other.group


def test_phantoms_take_no_randomness_from_elsewhere() -> None:
    first = specimen_phantom(0, SMALL)
    np.random.default_rng().random()
    np.random.seed(3)  # noqa: NPY002  -- this global must not matter
    np.testing.assert_array_equal(specimen_phantom(0, SMALL).image, first.image)


@pytest.mark.parametrize("shape", [SMALL, (16, 64, 80), (5, 32, 40), (20, 221, 200)])
def test_any_shape_shows_the_same_field_of_view(shape: tuple[int, ...]) -> None:
    case = specimen_phantom(0, shape)
    assert case.shape == shape
    np.testing.assert_allclose(
        np.multiply(case.grid.spacing, shape), (19.5, 33.15, 30.0)
    )
    for drawn in case.labels.values():
        assert 0.01 < drawn.mean() < 0.1


def test_the_observers_agree_as_well_as_people_do(specimens: list[Case]) -> None:
    agreements = [between_observers(case) for case in specimens]
    agreements += [
        between_observers(specimen_phantom(s, (20, 110, 100))) for s in range(4, 12)
    ]
    assert 0.90 <= np.mean(agreements) <= 0.93
    assert min(agreements) >= 0.87
    assert max(agreements) <= 0.95


def test_the_observers_disagree_most_at_the_end_slices(specimens: list[Case]) -> None:
    ends, middles = [], []
    for case in specimens:
        first, second = case.labels.values()
        occupied = np.flatnonzero((first | second).any(axis=(1, 2)))
        scores = [dice(first[z], second[z]) for z in occupied]
        third = len(scores) // 3
        middles += scores[third:-third]
        ends += [scores[0], scores[-1]]
    assert np.mean(ends) < np.mean(middles) - 0.2


def test_the_observers_shifts_are_smooth(specimens: list[Case]) -> None:
    # Noise of single voxels would vanish when opened by 3 x 3 pixels.
    for case in specimens:
        for drawn in case.labels.values():
            opened = ndimage.binary_opening(drawn, np.ones((1, 3, 3)))
            assert np.count_nonzero(opened) > 0.97 * np.count_nonzero(drawn)


@pytest.mark.parametrize("sigma", [0, 1, 2, 3])
def test_no_threshold_finds_the_tumour(specimens: list[Case], sigma: float) -> None:
    for case in specimens:
        agreed = np.logical_and(*case.labels.values())
        image = case.image[0].astype(np.float32)
        smooth = ndimage.gaussian_filter(image, (sigma / 3, sigma, sigma))
        assert best_threshold_dice(smooth, agreed) < 0.5


def test_other_tissue_echoes_like_the_tumour(specimens: list[Case]) -> None:
    # A window of gray values does no better than one threshold.
    for case in specimens:
        agreed = np.logical_and(*case.labels.values())
        smooth = ndimage.gaussian_filter(case.image[0].astype(np.float32), (1, 3, 3))
        low, high = np.percentile(smooth[agreed], [5, 95])
        window = (smooth > low) & (smooth < high)
        assert dice(window, agreed) < 0.5


def test_the_tumour_is_darker_and_more_even_than_the_tissue_around_it(
    specimens: list[Case],
) -> None:
    for case in specimens:
        agreed = np.logical_and(*case.labels.values())
        near = ndimage.binary_dilation(agreed, iterations=8)
        shell = near & ~ndimage.binary_dilation(agreed, iterations=2)
        image = case.image[0]
        assert 6 < image[shell].mean() - image[agreed].mean() < 35
        assert image[agreed].std() < image[shell].std()


def test_speckle_of_one_look_is_fully_developed() -> None:
    canvas = Canvas((40, 60, 60), (1, 1, 1), np.random.default_rng(0))
    power = canvas.speckle([1, 1, 1], looks=1)
    assert power.mean() == pytest.approx(1)
    assert power.std() == pytest.approx(1, abs=0.1)  # exponential distribution
    assert decibels_of(power).std() == pytest.approx(5.57, abs=0.2)  # log-Rayleigh


def test_speckle_is_as_wide_as_the_point_spread() -> None:
    canvas = Canvas((60, 80, 80), (1, 0.5, 0.5), np.random.default_rng(0))
    power = canvas.speckle([0.5, 1.0, 2.0], looks=1)
    correlations = [
        np.corrcoef(
            power.take(range(1, n), axis).ravel(),
            power.take(range(n - 1), axis).ravel(),
        )[0, 1]
        for axis, n in enumerate(power.shape)
    ]
    assert all(a < b for a, b in pairwise(correlations))


@pytest.mark.parametrize("length", [0.2, 1.0, 6.0])
def test_noise_has_unit_variance_and_the_length_asked_for(length: float) -> None:
    canvas = Canvas((100, 400), (0.2, 0.2), np.random.default_rng(0))
    fields = np.stack([canvas.noise(length) for _ in range(20)])
    assert fields.mean() == pytest.approx(0, abs=0.15)
    assert fields.std() == pytest.approx(1, abs=0.1)
    apart = max(1, round(length / 0.2))
    near = (fields[..., apart:] * fields[..., :-apart]).mean()
    far = (fields[..., 5 * apart :] * fields[..., : -5 * apart]).mean()
    assert near > 0.5
    assert abs(far) < 0.3


def test_decibels_and_power_are_inverse() -> None:
    level = np.array([-30, 0, 17.5], np.float32)
    np.testing.assert_allclose(decibels_of(power_of(level)), level, atol=1e-4)
    assert as_bytes(np.array([-3.0, 99.6, 300.0])).tolist() == [0, 100, 255]


def test_the_first_half_shows_turned_frames_with_black_corners_and_white_seams(
    specimens: list[Case],
) -> None:
    for case in specimens:
        first, second = case.image[0, :20], case.image[0, 20:]
        assert 0.02 < np.mean((first == 0).all(axis=0)) < 0.3
        assert np.mean((second == 0).all(axis=0)) < 0.001
        assert np.mean((first == 255).all(axis=0)) > 0.001


def test_the_halves_meet_in_a_seam(specimens: list[Case]) -> None:
    for case in specimens:
        image = case.image[0].astype(int)
        step = np.abs(np.diff(image, axis=0)).mean(axis=(1, 2))
        assert step[19] > np.median(step)


def test_the_holder_is_brighter_than_the_specimen(specimens: list[Case]) -> None:
    for case in specimens:
        near_seam = case.image[0, 18:22]
        tumour = case.image[0][case.labels["EA"] > 0]
        assert np.percentile(near_seam, 98) > tumour.mean() + 60


def test_a_specimen_takes_less_than_three_seconds() -> None:
    started = time.process_time()
    specimen_phantom(99)
    assert time.process_time() - started < CPU_SECONDS


def test_a_breast_stack_takes_less_than_three_seconds() -> None:
    started = time.process_time()
    breast_ultrasound_phantom(99)
    assert time.process_time() - started < CPU_SECONDS


def test_a_breast_stack_holds_lesions_and_normal_images(breasts: list[Case]) -> None:
    for case in breasts:
        assert case.shape == (10, 192, 224)
        assert case.grid.unit == "mm"
        np.testing.assert_allclose(case.grid.spacing[1:], (0.2, 0.2))
        for drawn in case.labels.values():
            assert drawn.dtype == np.uint8
            drawn_on = drawn.any(axis=(1, 2))
            assert drawn_on.tolist() == [True, True, True, True, False] * 2
            shares = drawn.mean(axis=(1, 2))[drawn_on]
            assert shares.min() > 0.01
            assert shares.max() < 0.25


def test_observers_agree_on_every_breast_image_as_people_do(
    breasts: list[Case],
) -> None:
    scores = [
        dice(first, second)
        for case in breasts
        for first, second in zip(*case.labels.values(), strict=True)
        if first.any()
    ]
    assert 0.90 <= np.mean(scores) <= 0.93
    assert min(scores) > 0.87
    assert max(scores) < 0.95


def test_the_images_of_a_stack_do_not_depend_on_how_many_there_are() -> None:
    few, more = (breast_ultrasound_phantom(3, images=n, shape=(48, 56)) for n in (2, 6))
    np.testing.assert_array_equal(few.image[:, :2], more.image[:, :2])
    for observer, drawn in few.labels.items():
        np.testing.assert_array_equal(drawn, more.labels[observer][:2])


def test_lesions_are_darker_than_what_is_around_them(breasts: list[Case]) -> None:
    for case in breasts:
        image = case.image[0]
        for number, drawn in enumerate(case.labels["EA"]):
            if drawn.any():
                shell = ndimage.binary_dilation(drawn, iterations=12)
                shell &= ~ndimage.binary_dilation(drawn, iterations=2)
                page: Any = image[number]
                assert page[drawn > 0].mean() < page[shell].mean() - 8


@pytest.mark.parametrize("sigma", [0, 1, 2, 3])
def test_no_threshold_finds_the_lesions(breasts: list[Case], sigma: float) -> None:
    for case in breasts:
        agreed = np.logical_and(*case.labels.values())
        image = case.image[0].astype(np.float32)
        smooth = ndimage.gaussian_filter(image, (0, sigma, sigma))
        assert best_threshold_dice(smooth, agreed) < 0.5
