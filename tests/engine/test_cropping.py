"""Patches are read from a block exactly, however the reading is done."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine.cropping import (
    affine_patch,
    affine_window,
    plain_patch,
)
from specimen_unet.engine.resampling import resample
from specimen_unet.engine.source import Block

PATCHES = {2: (20, 24), 3: (12, 20, 24)}


def drawn_block(generator, start, shape):
    image = generator.normal(size=(2, *shape)).astype(np.float32)
    classes = generator.integers(IGNORED, 3, (2, *shape)).astype(np.int16)
    return Block(torch.from_numpy(image), torch.from_numpy(classes), start)


def turn(dimensions, plane, angle, zooms):
    matrix = np.eye(dimensions)
    first, second = plane
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[first, second] = -math.sin(angle)
    matrix[second, first] = math.sin(angle)
    return np.diag(zooms) @ matrix


def read_by_pytorch(block, centre, matrix, patch):
    """Read a patch with the sampler of PyTorch, in all dimensions at once."""
    length = np.array(block.classes.shape[1:])
    linear = matrix * np.array(patch) / length[:, np.newaxis]
    shift = (2 * (centre - block.start) + 1) / length - 1
    theta = np.concatenate([linear[::-1, ::-1], shift[::-1, np.newaxis]], axis=1)
    grid = functional.affine_grid(
        torch.from_numpy(theta[np.newaxis].astype(np.float32)),
        [1, 1, *patch],
        align_corners=False,
    )
    classes = block.classes[None].float() - IGNORED
    image = functional.grid_sample(block.image[None], grid, align_corners=False)
    classes = functional.grid_sample(classes, grid, mode="nearest", align_corners=False)
    return image[0], classes[0].short() + IGNORED


@pytest.mark.parametrize(
    "plane", [(0, 1), (0, 2), (1, 2)], ids=["about x", "about y", "about z"]
)
@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_turned_patch_is_what_a_sampler_reads_from_the_volume(
    plane, is_cut_off, spatial
):
    dimensions = len(spatial)
    plane = (0, 1) if dimensions == 2 else plane
    patch = PATCHES[dimensions]
    generator = np.random.default_rng(5)
    for _ in range(5):
        zooms = generator.uniform(0.8, 1.25, dimensions)
        matrix = turn(dimensions, plane, generator.uniform(-0.5, 0.5), zooms)
        centre = generator.uniform(40, 50, dimensions)
        window = affine_window(centre, matrix, patch)
        window[:, 0] += 6 * is_cut_off
        block = drawn_block(generator, window[:, 0], np.diff(window, axis=1)[:, 0])
        image, classes = affine_patch(block, centre, matrix, patch)
        expected, named = read_by_pytorch(block, centre, matrix, patch)
        torch.testing.assert_close(image, expected, atol=1e-4, rtol=0)
        assert torch.equal(classes, named)
        assert bool((classes == IGNORED).any())


def test_a_turned_patch_of_finer_voxels_shows_their_averages(spatial):
    """As if the case had been brought to the voxels of the patch before."""
    dimensions = len(spatial)
    patch, zoom = PATCHES[dimensions], np.array([1, 4, 3])[-dimensions:]
    generator = np.random.default_rng(5)
    shape = 3 * np.array(patch) * zoom
    block = drawn_block(generator, np.zeros(dimensions, int), shape)
    turned = turn(dimensions, (dimensions - 2, dimensions - 1), 0.4, (1,) * dimensions)
    centre = (shape - 1) / 2
    matrix = zoom[:, np.newaxis] * turned
    image, classes = affine_patch(block, centre, matrix, patch, zoom)
    small = (3 * np.array(patch)).tolist()
    averages = resample(block.image[None], small, antialiased=True)[0]
    brought = Block(averages, averages.short(), block.start)
    middle = (np.array(small) - 1) / 2
    expected, _ = affine_patch(brought, middle, turned, patch)
    torch.testing.assert_close(image, expected, atol=1e-4, rtol=0)
    assert torch.equal(classes, affine_patch(block, centre, matrix, patch)[1])


def test_turned_patches_are_as_smooth_as_others(spatial):
    dimensions = len(spatial)
    patch, zoom = PATCHES[dimensions], np.array([1, 4, 4])[-dimensions:]
    block = drawn_block(
        np.random.default_rng(5), np.zeros(dimensions, int), zoom * np.array(patch) * 2
    )
    centre = np.array(block.classes.shape[1:]) / 2
    turned = turn(dimensions, (dimensions - 2, dimensions - 1), 0.3, zoom)
    plain, _ = plain_patch(block, tuple(2 * n for n in patch), antialiased=True)
    image, _ = affine_patch(block, centre, turned, patch, zoom)
    assert image.std() < 1.1 * plain.std()
    assert image.std() < 0.5 * affine_patch(block, centre, turned, patch)[0].std()


def test_a_turn_in_every_plane_is_refused():
    generator = np.random.default_rng(0)
    block = drawn_block(generator, np.zeros(3, int), (20, 20, 20))
    matrix = turn(3, (0, 1), 0.3, (1, 1, 1)) @ turn(3, (1, 2), 0.3, (1, 1, 1))
    with pytest.raises(ValueError, match="one plane"):
        affine_patch(block, np.full(3, 10.0), matrix, (8, 8, 8))
