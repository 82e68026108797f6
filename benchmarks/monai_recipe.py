"""MONAI's tutorial recipe for 3D segmentation, as its notebooks write it.

Dictionary transforms, RandCropByPosNegLabeld, a DataLoader, UNet with residual
units, DiceCELoss, AdamW with polynomial decay over the time given (a fairer
choice than the constant rate of the notebooks), sliding_window_inference.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import monai.transforms as mt
import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import UNet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import specimen_unet as su

PATCH, BATCH = (40, 56, 40), 2
KEYS = ("image", "label")


def _transforms() -> mt.Compose:
    return mt.Compose(
        [
            mt.NormalizeIntensityd("image", channel_wise=True),
            mt.SpatialPadd(KEYS, PATCH),
            mt.RandCropByPosNegLabeld(
                KEYS, "label", PATCH, pos=1, neg=1, num_samples=1
            ),
            *(mt.RandFlipd(KEYS, prob=0.5, spatial_axis=axis) for axis in range(3)),
            mt.RandAffined(
                KEYS,
                prob=0.5,
                rotate_range=(0.2, 0.2, 0.2),
                scale_range=(0.1, 0.1, 0.1),
                mode=("bilinear", "nearest"),
            ),
            mt.RandScaleIntensityd("image", factors=0.1, prob=0.5),
            mt.RandShiftIntensityd("image", offsets=0.1, prob=0.5),
            mt.EnsureTyped(KEYS),
        ]
    )


def recipe(
    cases: Sequence[su.Case], seed: int, device: str = "cpu"
) -> tuple[UNet, Callable[[float], None]]:
    """Return the recipe's network, and a function that trains it for one step.

    It is told how much of the training is over, from 0 to 1.
    """
    torch.manual_seed(seed)
    items = [
        {
            "image": case.image.astype(np.float32),
            "label": next(iter(case.labels.values()))[np.newaxis],
        }
        for case in cases
    ]
    transforms = _transforms()
    transforms.set_random_state(seed)
    dataset = CacheDataset(items, transforms, progress=False)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=0)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    network = UNet(3, 1, 3, (32, 64, 128, 256), (2, 2, 2), num_res_units=2).to(device)
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def step(progress: float) -> None:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (1 - progress) ** 0.9
        batch = next(batches)
        optimiser.zero_grad()
        images, labels = batch["image"].to(device), batch["label"].to(device)
        loss_function(network(images), labels).backward()
        optimiser.step()

    return network, step


def train_recipe(
    cases: Sequence[su.Case], minutes: float, seed: int, device: str = "cpu"
) -> tuple[Callable[[su.Case], np.ndarray], int, float]:
    """Train for the minutes; return a segmenting function, the steps and minutes."""
    began = time.perf_counter()
    network, step = recipe(cases, seed, device)
    steps = 0
    while (progress := (time.perf_counter() - began) / (minutes * 60)) < 1:
        step(progress)
        steps += 1
    taken = (time.perf_counter() - began) / 60
    network.eval()
    normalise = mt.NormalizeIntensity(channel_wise=True)

    @torch.inference_mode()
    def segment(case: su.Case) -> np.ndarray:
        image = torch.as_tensor(normalise(case.image.astype(np.float32)))
        image = image.to(device)
        logits = sliding_window_inference(image[None], PATCH, 1, network, overlap=0.25)
        return logits[0].argmax(0).cpu().numpy().astype(np.uint8)

    return segment, steps, taken
