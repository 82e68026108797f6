"""Patches per second: ours against CellSeg3D's pipeline, on the same volumes.

    python -m benchmarks cellseg3d --data ../shared/data --device cpu

CellSeg3D's recipe (napari-cellseg3d 0.2.4, a6ad800: worker_training.py), written anew
from its description: a PatchDataset reads the file again for a handful of random
patches, dictionary transforms normalise by quantiles, mirror, shift, deform and turn
them, and a DataLoader of four processes is started every epoch. Its files are .npy
here instead of TIFF, which favours it. Ours makes the batches of a training: A B A B.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from record import write_record
from turns import in_turns, synchronise

import specimen_unet as su
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEYS = ("image", "label")
PATCHES_A_FILE = 4
THEIRS = "CellSeg3D's pipeline"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read: phantoms are made")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--edge", type=int, default=32, help="of a patch")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases = [specimen_phantom(seed) for seed in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        paths = list(_files(cases, Path(folder)))
        patch = (arguments.edge,) * 3
        plan = su.plan(
            cases,
            dimensions=3,
            patch=patch,
            batch=8,
            spacing=cases[0].grid.spacing,
            device=arguments.device,
        )
        pipelines = {
            THEIRS: partial(loading, paths, patch, arguments.workers),
            "ours": partial(making, cases, plan),
        }
        rates = in_turns(
            {
                name: lambda made=made: rate(made(), arguments.seconds)
                for name, made in pipelines.items()
            },
            arguments.rounds,
        )
    base = rates[THEIRS]
    rows = [
        {"pipeline": name, "patches/s": rate, "x": rate / base}
        for name, rate in rates.items()
    ]
    results = {"patch": patch, "workers": arguments.workers, "rates": rates}
    write_record(arguments.json, "cellseg3d", results, rows)


def transforms(patch: tuple[int, ...]) -> Any:
    """Return what CellSeg3D does to a patch."""
    import monai.transforms as mt

    return mt.Compose(
        [
            mt.EnsureChannelFirstd(KEYS, channel_dim="no_channel"),
            mt.RandSpatialCropSamplesd(
                KEYS, roi_size=patch, num_samples=PATCHES_A_FILE, random_size=False
            ),
            mt.Orientationd(KEYS, axcodes="PLI", labels=None),
            mt.SpatialPadd(KEYS, patch),
            mt.CastToTyped("image", np.float32),  # quantiles are of floats alone
            mt.ScaleIntensityRangePercentilesd("image", 1, 99, 0, 1, clip=True),
            mt.RandShiftIntensityd("image", offsets=0.1),
            mt.RandFlipd(KEYS, spatial_axis=[1], prob=0.5),
            mt.RandRotate90d(KEYS, prob=0.1, max_k=3),
            mt.Rand3DElasticd(
                KEYS,
                sigma_range=(5, 8),
                magnitude_range=(100, 200),
                prob=0.2,
                mode=("bilinear", "nearest"),
            ),
            mt.RandAffined(
                "image", prob=0.5, rotate_range=(np.pi / 4,) * 3, mode="bilinear"
            ),
            mt.EnsureTyped(KEYS),
        ]
    )


class Files(torch.utils.data.Dataset):
    """Reads a volume and its labels whenever it is asked for them."""

    def __init__(
        self, paths: Sequence[tuple[Path, Path]], patch: tuple[int, ...]
    ) -> None:
        self._paths = paths
        self._transforms = transforms(patch)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> list[dict[str, Any]]:
        image, label = (np.load(path) for path in self._paths[number])
        return list(self._transforms({"image": image, "label": label}))


def loading(
    paths: Sequence[tuple[Path, Path]], patch: tuple[int, ...], workers: int
) -> Iterator[int]:
    """Yield how many patches came, for ever; an epoch is every file once."""
    from monai.data import DataLoader, list_data_collate

    files = Files(paths, patch)
    while True:
        loader = DataLoader(
            files,
            batch_size=1,
            shuffle=True,
            num_workers=workers,
            collate_fn=list_data_collate,
        )
        for batch in loader:
            yield len(batch["image"])


def making(cases: Sequence[su.Case], plan: Any) -> Iterator[int]:
    """Yield how many patches came, for ever, as a training asks for them."""
    patches = Patches(cases, plan, choose_device(plan.device))
    step = 0
    while True:
        yield len(patches.batch(step).images)
        step += 1


def rate(made: Iterator[int], seconds: float) -> float:
    """Return patches per second; what comes first is not counted."""
    next(made)
    began, patches = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        patches += next(made)
    synchronise()
    return patches / (time.perf_counter() - began)


def _files(cases: Sequence[su.Case], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Write the first channel and the first observer of every case."""
    for case in cases:
        paths = folder / f"{case.name}.npy", folder / f"{case.name}-labels.npy"
        np.save(paths[0], case.image[0])
        np.save(paths[1], next(iter(case.labels.values())))
        yield paths


if __name__ == "__main__":
    main()
