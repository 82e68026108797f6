"""Pack the data for a machine without SimpleITK: small TIFFs in our own layout.

    python -m benchmarks gpu_kit --data ../shared/data --out .gpu

Hippocampus with its gray values as 16-bit numbers (each volume is normalised by
itself, so only rounding is lost), BUSI's images with a lesion at most 384 pixels long,
with their groups, the five stacks of vessels, and nnU-Net's plan of the hippocampus
where --plans names it.
Never committed: the terms of the data do not allow it.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np
import tifffile
from skimage.transform import resize

import specimen_unet as su

PIXELS = 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plans", type=Path, help="nnU-Net's preprocessed data set")
    arguments = parser.parse_args()
    _pack(su.read_cases(arguments.data / "hippocampus"), arguments.out / "hippocampus")
    lesions = [case for case in su.read_cases(arguments.data / "busi") if has(case)]
    _pack([smaller(case) for case in lesions], arguments.out / "busi")
    _pack(su.read_cases(arguments.data / "vessels"), arguments.out / "vessels")
    if arguments.plans:
        target = arguments.out / "nnunet"
        target.mkdir(exist_ok=True)
        for path in arguments.plans.glob("*.json"):
            shutil.copy(path, target)


def has(case: su.Case) -> bool:
    """Tell whether anything is labelled."""
    return any(np.any(labels) for labels in case.labels.values())


def smaller(case: su.Case) -> su.Case:
    """Shrink an image that is larger than PIXELS, and its labels with it."""
    scale = PIXELS / max(case.shape)
    if scale >= 1:
        return case
    shape = tuple(round(length * scale) for length in case.shape)
    image = np.stack(
        [resize(channel, shape, anti_aliasing=True) for channel in case.image]
    )
    labels = {
        name: resize(drawn, shape, order=0, preserve_range=True).astype(drawn.dtype)
        for name, drawn in case.labels.items()
    }
    return su.Case(
        (image * 255).round().astype(np.uint8), labels, name=case.name, group=case.group
    )


def _pack(cases: list[su.Case], folder: Path) -> None:
    """Write images/NAME.tif, labels/NAME.tif and groups.csv."""
    if folder.exists():
        shutil.rmtree(folder)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for case in cases:
        (drawn,) = case.labels.values()
        _write(folder / "images" / f"{case.name}.tif", _whole(case.image[0]), case)
        _write(folder / "labels" / f"{case.name}.tif", drawn.astype(np.uint8), case)
    with (folder / "groups.csv").open("w", newline="") as file:
        rows = ((case.name, case.group) for case in cases)
        csv.writer(file).writerows([("case", "group"), *rows])


def _whole(image: np.ndarray) -> np.ndarray:
    """Return gray values as whole numbers of at most 16 bits."""
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    return ((image - low) * (65535 / max(high - low, 1e-9))).round().astype(np.uint16)


def _write(path: Path, pixels: np.ndarray, case: su.Case) -> None:
    *_, height, width = case.grid.spacing
    metadata = {"axes": "ZYX"[-pixels.ndim :]}
    if case.grid.unit != "pixel":
        metadata |= {"unit": case.grid.unit, "spacing": case.grid.spacing[0]}
    tifffile.imwrite(
        path,
        pixels,
        imagej=True,
        compression="zlib",
        resolution=(1 / width, 1 / height),
        metadata=metadata,
    )


if __name__ == "__main__":
    main()
