from __future__ import annotations

import numpy as np
import pytest
import torch

from specimen_unet.engine import augmentation
from specimen_unet.engine.augmentation import draw_affine, draw_mirrors, vary_intensity


@pytest.fixture
def images(spatial):
    generator = torch.Generator().manual_seed(0)
    return torch.randn((64, 2, *spatial), generator=generator) * 3 + 1


def generator(seed=0):
    return np.random.default_rng(seed)


def changed(images, plan, monkeypatch, name):
    """Apply one kind of change to every image."""
    change = getattr(augmentation, name)
    monkeypatch.setattr(augmentation, "_CHANGES", ((change, 1.0),))
    result = images.clone()
    vary_intensity(result, plan, generator())
    assert torch.isfinite(result).all()
    return result


def spatial_axes(images):
    return tuple(range(2, images.ndim))


def test_no_augmentation_changes_nothing(images, make_plan, spatial):
    before = images.clone()
    plan = make_plan(len(spatial), augmentation=0.0)
    vary_intensity(images, plan, generator())
    assert torch.equal(images, before)
    assert all(draw_affine(generator(seed), plan) is None for seed in range(20))


def test_about_half_of_the_images_are_changed_and_more_on_demand(
    images, make_plan, spatial
):
    def share(amount):
        result = images.clone()
        plan = make_plan(len(spatial), augmentation=amount)
        vary_intensity(result, plan, generator())
        return float((result != images).flatten(1).any(1).float().mean())

    assert 0.4 < share(1.0) < 0.85
    assert share(2.0) > share(1.0) > share(0.3) > 0


def test_changes_are_the_same_for_the_same_generator(images, make_plan, spatial):
    plan = make_plan(len(spatial))
    first, second = images.clone(), images.clone()
    vary_intensity(first, plan, generator(3))
    vary_intensity(second, plan, generator(3))
    assert torch.equal(first, second)


def test_noise_keeps_the_mean_and_raises_the_spread(
    images, make_plan, spatial, monkeypatch
):
    noisy = changed(images, make_plan(len(spatial)), monkeypatch, "_noise")
    added = noisy - images
    assert abs(float(added.mean())) < 0.01
    assert 0 < float(added.std()) < 0.3 * 3


def test_blur_keeps_constant_images_and_mean_and_lowers_the_spread(
    images, make_plan, spatial, monkeypatch
):
    plan = make_plan(len(spatial))
    blurred = changed(images, plan, monkeypatch, "_blur")
    axes = spatial_axes(images)
    assert (blurred.std(axes) < 0.9 * images.std(axes)).all()
    torch.testing.assert_close(blurred.mean(axes), images.mean(axes), atol=0.2, rtol=0)
    flat = torch.full_like(images, 7.0)
    torch.testing.assert_close(changed(flat, plan, monkeypatch, "_blur"), flat)


def test_blur_spares_thick_slices(make_plan, monkeypatch):
    dot = torch.zeros((1, 1, 9, 9, 9))
    dot[0, 0, 4, 4, 4] = 1
    plan = make_plan(3, spacing=(4.0, 1.0, 1.0))
    blurred = changed(dot, plan, monkeypatch, "_blur")[0, 0]
    assert blurred[4, 4, 3] > 0.01
    assert blurred[3, 4, 4] < 0.001


def test_brightness_shifts_whole_images(images, make_plan, spatial, monkeypatch):
    shift = changed(images, make_plan(len(spatial)), monkeypatch, "_brightness")
    shift = (shift - images).flatten(2)
    assert float(shift.std(2).max()) < 1e-4
    assert 0.3 < float(shift.abs().max()) < 0.3 * 3.3


@pytest.mark.parametrize("name", ["_contrast", "_gamma"])
def test_contrast_and_gamma_keep_the_order_of_gray_values(
    name, images, make_plan, spatial, monkeypatch
):
    result = changed(images, make_plan(len(spatial)), monkeypatch, name)
    order = images.flatten(2).argsort(2)
    steps = result.flatten(2).gather(2, order).diff(dim=2)
    assert float(steps.min()) > -1e-4
    axes = spatial_axes(images)
    torch.testing.assert_close(result.mean(axes), images.mean(axes), atol=0.1, rtol=0)


def test_a_constant_patch_stays_finite(make_plan, spatial, monkeypatch):
    flat = torch.zeros((8, 1, *spatial))
    for name in ("_noise", "_blur", "_brightness", "_contrast", "_gamma"):
        changed(flat, make_plan(len(spatial)), monkeypatch, name)


def test_only_mirror_axes_are_mirrored(make_plan, spatial):
    plan = make_plan(len(spatial), mirror_axes=(1,))
    drawn = {draw_mirrors(generator(seed), plan) for seed in range(20)}
    assert drawn == {(), (1,)}


def drawn_matrices(plan):
    matrices = (draw_affine(generator(seed), plan) for seed in range(40))
    return [matrix for matrix in matrices if matrix is not None]


def test_a_turn_is_a_rotation_in_physical_space(make_plan, spatial):
    spacing = (1.5, 1.0, 1.0)[-len(spatial) :]
    matrices = drawn_matrices(make_plan(len(spatial), spacing=spacing))
    assert len(matrices) > 3
    for matrix in matrices:
        physical = np.diag(spacing) @ matrix @ np.diag(1 / np.array(spacing))
        zoom = np.linalg.det(physical) ** (1 / len(spatial))
        assert 0.79 < zoom < 1.26
        rotation = physical / zoom
        np.testing.assert_allclose(
            rotation @ rotation.T, np.eye(len(spatial)), atol=1e-9
        )


def test_a_volume_is_turned_in_one_plane_at_a_time_and_in_each_of_them(make_plan):
    # An exact zero, or the patch could not be read plane by plane.
    turned = [
        np.argwhere(matrix - np.diag(np.diag(matrix)))
        for matrix in drawn_matrices(make_plan(3))
    ]
    assert {len(places) for places in turned} == {2}
    assert {tuple(places[0]) for places in turned} == {(0, 1), (0, 2), (1, 2)}


@pytest.mark.parametrize(
    "changes", [{"spacing": (5.0, 1.0, 1.0)}, {"patch": (8, 64, 64)}]
)
def test_thick_slices_are_only_turned_in_plane(changes, make_plan):
    for matrix in drawn_matrices(make_plan(3, **changes)):
        assert matrix[0].tolist() == [1, 0, 0]
        assert matrix[:, 0].tolist() == [1, 0, 0]
        assert matrix[1, 2] != 0
