"""Random fields that phantoms are made of: smooth noise, speckle, log compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array


@dataclass(frozen=True, slots=True)
class Canvas:
    """A field of view to be filled, and the dice that fill it.

    Attributes
    ----------
    shape : tuple of int
        Number of voxels along each axis.
    spacing : tuple of float
        Size of a voxel along each axis, in mm.
    generator : numpy.random.Generator
        Source of all randomness.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    generator: np.random.Generator

    def positions(self) -> list[Array]:
        """Return the distance from the centre along each axis in mm, broadcastable."""
        axes = [
            (np.arange(size, dtype=np.float32) - (size - 1) / 2) * np.float32(step)
            for size, step in zip(self.shape, self.spacing, strict=True)
        ]
        return list(np.meshgrid(*axes, indexing="ij", sparse=True))

    def uniform(self, low: float, high: float) -> float:
        """Draw one number."""
        return float(self.generator.uniform(low, high))

    def uniforms(self, low: float, high: float) -> Array:
        """Draw one number an axis."""
        return self.generator.uniform(low, high, len(self.shape))

    def direction(self) -> Array:
        """Draw a vector of length 1."""
        vector: Array = self.generator.standard_normal(len(self.shape))
        vector /= np.linalg.norm(vector)
        return vector

    def noise(self, *length: float) -> Array:
        """Draw a smooth Gaussian field of mean 0 and standard deviation 1.

        Parameters
        ----------
        *length : float
            Correlation length in mm (standard deviation of the smoothing kernel),
            one for all axes or one an axis.

        Returns
        -------
        ndarray of float32, shape (*spatial)
            A sum of Gaussian bumps on knots one length apart, so that long
            lengths cost next to nothing.
        """
        lengths = np.broadcast_to(length, (len(self.shape),))
        bumps = [
            _bumps(size, max(float(width) / step, 0.3))
            for size, step, width in zip(self.shape, self.spacing, lengths, strict=True)
        ]
        field: Array = self.generator.standard_normal(
            [each.shape[1] for each in bumps], dtype=np.float32
        )
        for each in bumps:
            # Every turn smooths the first axis and moves it to the end.
            field = np.tensordot(field, each, axes=(0, 1))
        return field

    def speckle(self, width: Sequence[float], *, looks: int) -> Array:
        """Draw the echo power of many unresolved scatterers, mean 1.

        The echoes of scatterers within one point-spread function add with random
        phases to a complex Gaussian number, whose amplitude is Rayleigh distributed.

        Parameters
        ----------
        width : sequence of float
            Standard deviation of the point-spread function along each axis, in mm.
        looks : int
            Number of independent frames that the scanner averages (compounding).

        Returns
        -------
        ndarray of float32, shape (*spatial)
            Echo power; that of one look is exponentially distributed.
        """
        sigma = self.in_voxels(width)
        power = np.zeros(self.shape, np.float32)
        for _ in range(2 * looks):  # real and imaginary part of every look
            part = self.generator.standard_normal(self.shape, dtype=np.float32)
            power += np.square(ndimage.gaussian_filter(part, sigma, truncate=2.5))
        mean: Array = power.mean()
        return power / mean

    def blurred(self, field: Array, width: Sequence[float]) -> Array:
        """Smooth a field with a Gaussian of `width` mm along each axis."""
        blurred: Array = ndimage.gaussian_filter(
            field, self.in_voxels(width), truncate=3
        )
        return blurred

    def in_voxels(self, width: Sequence[float]) -> list[float]:
        """Turn lengths in mm, one an axis, into voxels."""
        return [mm / step for mm, step in zip(width, self.spacing, strict=True)]


def power_of(decibels: Array | float) -> Array:
    """Turn decibels into power, as float32."""
    power: Array = np.power(np.float32(10), np.asarray(decibels, np.float32) / 10)
    return power


def decibels_of(power: Array) -> Array:
    """Turn power into decibels; no power at all becomes -90."""
    return np.float32(10) * np.log10(np.maximum(power, np.float32(1e-9)))


def soft_step(depth: Array, width: Array | float) -> Array:
    """Return 0 outside and 1 inside, with a transition of `width` mm."""
    share: Array = 0.5 + 0.5 * np.tanh(depth / np.asarray(width, np.float32))
    return share


def as_bytes(gray: Array) -> Array:
    """Round and clip gray values to uint8."""
    return np.clip(np.rint(gray), 0, 255).astype(np.uint8)


def _bumps(size: int, width: float) -> Array:
    """Return Gaussian bumps, one a column, as (size, knots); rows have norm 1."""
    step = max(width, 1.0)
    knots = np.arange(-2 * step, size + 2 * step, step)
    distance = np.arange(size)[:, np.newaxis] - knots
    bumps = np.exp(-0.5 * np.square(distance / step))
    bumps /= np.linalg.norm(bumps, axis=1, keepdims=True)
    return bumps.astype(np.float32)
