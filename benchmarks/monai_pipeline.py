"""MONAI's dictionary transforms, set up as its tutorials do, for the same changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.data import set_track_meta
from monai.transforms import (
    Compose,
    FgBgToIndicesd,
    RandAdjustContrastd,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    SpatialPadd,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan

BOTH = ["image", "label"]


class MonaiPatches:
    """Batches by MONAI's dictionary transforms from cases that are cached.

    Without metadata, which MONAI's fast tutorials switch off too, and with images that
    are normalised beforehand: both are to MONAI's advantage.

    Parameters
    ----------
    cases : sequence of Case
        Kept on the device as normalised float32.
    plan : Plan
        Gives patch, batch and mirror axes.
    device : torch.device
        Where transforms compute.
    has_indices : bool
        Whether the labelled voxels are found beforehand, and not for every patch.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        plan: Plan,
        device: torch.device,
        *,
        has_indices: bool,
    ) -> None:
        set_track_meta(False)
        self._plan = plan
        self._random = np.random.default_rng(0)
        self._cached = [
            item
            for case in cases
            for item in _items(case, plan.dimensions, plan.patch, device)
        ]
        if has_indices:
            self._cached = [FgBgToIndicesd("label")(item) for item in self._cached]
        self._transform = _transform(plan, has_indices)
        self._transform.set_random_state(0)

    def batches(self, count: int) -> None:
        """Make some batches."""
        for _ in range(count):
            chosen = self._random.integers(len(self._cached), size=self._plan.batch)
            made: list[Any] = [self._transform(self._cached[n])[0] for n in chosen]
            torch.stack([item["image"] for item in made])
            torch.stack([item["label"] for item in made]).long()


def _items(
    case: Case, dimensions: int, patch: tuple[int, ...], device: torch.device
) -> list[dict[str, Any]]:
    """Return a case, or the middle slices of a volume for a 2D network."""
    (drawn, *_) = case.labels.values()
    image = np.asarray(case.image, np.float32)
    image = (image - image.mean()) / image.std()
    pairs = [(image, drawn)]
    if drawn.ndim > dimensions:
        pairs = [(image[:, n], drawn[n]) for n in range(len(drawn)) if drawn[n].any()]
    pad = SpatialPadd(BOTH, patch)
    return [
        pad(
            {
                "image": torch.from_numpy(np.ascontiguousarray(one)).to(device),
                "label": torch.from_numpy(np.ascontiguousarray(truth))[None].to(device),
            }
        )
        for one, truth in pairs[:40]
    ]


def _transform(plan: Plan, has_indices: bool) -> Compose:
    """Chain the transforms; shares and strengths are ours."""
    indices = (
        {"fg_indices_key": "label_fg_indices", "bg_indices_key": "label_bg_indices"}
        if has_indices
        else {}
    )
    angle = np.pi / 6
    return Compose(
        [
            RandCropByPosNegLabeld(
                BOTH, "label", plan.patch, pos=1, neg=1, num_samples=1, **indices
            ),
            RandAffined(
                BOTH,
                prob=0.25,
                rotate_range=(angle,) * (3 if plan.dimensions == 3 else 1),
                scale_range=(0.25,) * plan.dimensions,
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            *(
                RandFlipd(BOTH, prob=0.5, spatial_axis=axis)
                for axis in plan.mirror_axes
            ),
            RandGaussianNoised("image", prob=0.15, std=0.3),
            RandGaussianSmoothd("image", (0.5, 1), (0.5, 1), (0.5, 1), prob=0.15),
            RandShiftIntensityd("image", 0.3, prob=0.15),
            RandScaleIntensityd("image", 0.25, prob=0.15),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
        ]
    )
