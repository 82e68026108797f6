"""The real specimen 032, segmented by a model that has seen phantoms only.

    python benchmarks/specimen_032.py --data ../shared/data --out 032.png --minutes 10

Trains with the plan's defaults on phantom specimens, scores the model on a phantom
it has not seen, and segments 032. Nobody outlined 032, so nothing here says whether
the outline in the picture is right: it shows what a model does with a real image
that made-up ones taught it, and that no step fails on one. The file records no
spacing either; that of the phantoms is assumed, which sizes in mm depend on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from record import write_record
from scipy import ndimage

import specimen_unet as su
from specimen_unet.domain.phantoms import SPECIMEN_FIELD, specimen_phantom
from specimen_unet.files.images import read_image

mpl.use("Agg")
from matplotlib import pyplot as plt

SLICES = 8
UNSEEN = 0  # seed of the phantom that is scored; those learnt from come after it


def read_specimen(data: Path) -> su.Case:
    """Read 032 and give it the spacing of the phantoms, since it has none."""
    image, _ = read_image(data / "exvivo_ultrasound" / "032.tif")
    spacing = np.divide(SPECIMEN_FIELD, image.shape[-3:]).tolist()
    return su.Case(image, spacing=spacing, unit="mm", name="032")


def phantom_scores(model: su.Model, device: str) -> dict[str, Any]:
    """Score the model on an unseen phantom, beside observer against observer."""
    case = specimen_phantom(UNSEEN)
    labels = su.segment(case, model, device=device, probabilities=False).labels
    table = su.agreement({**case.labels, "model": labels}, spacing=case.grid.spacing)
    return {
        f"{row.first} - {row.second}": float(row.dice)
        for row in table.itertuples(index=False)
    }


def describe(result: su.Segmentation) -> dict[str, Any]:
    """Say what was found, in numbers that need no truth."""
    found = result.labels > 0
    parts, count = ndimage.label(found)
    largest = int(np.bincount(parts.ravel())[1:].max(initial=0))
    slices = np.flatnonzero(found.any(axis=(1, 2)))
    foreground = 1 - result.probabilities[0]
    return {
        "volume_mm3_at_assumed_spacing": float(found.sum() * result.grid.voxel_size),
        "share_of_field_of_view": float(found.mean()),
        "parts": int(count),
        "share_of_largest_part": largest / max(int(found.sum()), 1),
        "first_and_last_slice": [int(z) for z in slices[[0, -1]]] if count else [],
        "mean_probability_inside": float(foreground[found].mean()) if count else None,
        "voxels_in_doubt": float(np.mean(np.abs(foreground - 0.5) < 0.3)),
        "truth": "none: nobody outlined this specimen",
    }


def draw(case: su.Case, labels: np.ndarray, path: Path) -> None:
    """Save slices through the specimen, bare above and with the outline below."""
    picks = np.linspace(3, case.shape[0] - 4, SLICES).round().astype(int)
    figure, axes = plt.subplots(2, SLICES, figsize=(2.6 * SLICES, 6.2))
    for column, z in enumerate(picks):
        for row in axes[:, column]:
            row.imshow(case.image[0, z], cmap="gray", vmin=0, vmax=255)
            row.axis("off")
        axes[0, column].set_title(f"slice {z}")
        if labels[z].any():
            axes[1, column].contour(labels[z], [0.5], colors="#E69F00", linewidths=1.2)
    figure.suptitle(
        "Specimen 032 and the outline of a model trained on phantoms only. "
        "There is no ground truth: this is a picture, not a result."
    )
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    """Train on phantoms, segment 032, save the picture, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the picture, PNG")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--phantoms", type=int, default=8, help="to learn from")
    parser.add_argument("--dimensions", type=int, choices=[2, 3], default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    specimen = read_specimen(arguments.data)
    seeds = range(UNSEEN + 1, UNSEEN + 1 + arguments.phantoms)
    model = su.train(
        [specimen_phantom(seed) for seed in seeds],
        minutes=arguments.minutes,
        dimensions=arguments.dimensions,
        seed=arguments.seed,
        device=arguments.device,
        progress=lambda line: print(line, file=sys.stderr),
    )
    result = su.segment(specimen, model, device=arguments.device, probabilities=True)
    draw(specimen, result.labels, arguments.out)
    results = {
        "steps": model.card.steps_done,
        "dice_on_an_unseen_phantom": phantom_scores(model, arguments.device),
        "specimen_032": describe(result),
        "picture": str(arguments.out),
    }
    write_record(arguments.json, "specimen_032", results)


if __name__ == "__main__":
    main()
