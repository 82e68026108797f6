"""What the way of cutting an image costs in Dice: InstanceNorm sees tiles differently.

    python benchmarks/segmentation_quality.py --device cuda --minutes 1
    python benchmarks/segmentation_quality.py --data ../shared/data/vessels

Trains the plan's default network on phantoms (or on three quarters of the cases of
--data), then segments the other cases by overlapping Gaussian windows (0.5 and 0.25)
and in disjoint cores: tiles of one, two, four, eight patches and as large as the
image, halos of a half, one and two voxels of the coarsest level. Tells the mean Dice
with the truth, the mean of its differences from overlap 0.5 case by case, and the
Dice between the two.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import torch
from record import write_record

from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine import prediction, ways
from specimen_unet.engine.cores import TileRules, tile_rules
from specimen_unet.engine.model import Model, load_model
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.plan import Plan

Labelled = list["Array"]


def cases_of(arguments: Any) -> tuple[list[Case], list[Case]]:
    """Return what is learnt from, and what is scored."""
    if arguments.data is None:
        shape = arguments.shape
        cases = [specimen_phantom(seed, shape) for seed in range(arguments.phantoms)]
    else:
        from specimen_unet.files.cases import read_cases

        cases = list(read_cases(arguments.data))
    held_out = max(1, len(cases) // 4)
    return cases[held_out:], cases[:held_out]


def dice(a: Array, b: Array, labels: Sequence[int]) -> float:
    """Mean Dice of the labels that occur."""
    scores = []
    for label in labels:
        x, y = a == label, b == label
        total = int(x.sum()) + int(y.sum())
        if total:
            scores.append(2 * int((x & y).sum()) / total)
    return float(np.mean(scores)) if scores else math.nan


def with_halo(share: float) -> Callable[[Plan], TileRules]:
    """Return rules whose halo is so many voxels of the coarsest level."""

    def rules(plan: Plan) -> TileRules:
        usual = tile_rules(plan)
        halo = tuple(
            max(1, min(round(share * step), length // 2 - 1))
            for step, length in zip(usual.multiple, plan.patch, strict=True)
        )
        return TileRules(halo, usual.least, usual.multiple)

    return rules


def found_by(
    model: Model, cases: Sequence[Case], device: str, **keywords: Any
) -> tuple[Labelled, float]:
    """Segment all cases; labels and seconds."""
    start = time.perf_counter()
    labels = [
        segment(case, model, device=device, probabilities=False, **keywords).labels
        for case in cases
    ]
    return labels, time.perf_counter() - start


def in_cores(
    model: Model, cases: Sequence[Case], device: str, patches: float, halo: float
) -> tuple[Labelled, float]:
    """Segment in tiles of at most so many patches."""
    voxels = patches * math.prod(model.plan.patch)
    room = ways.Room(voxels, model.plan.batch)
    with (
        mock.patch.object(ways, "tile_rules", with_halo(halo)),
        mock.patch.object(prediction, "_room", return_value=room),
    ):
        return found_by(model, cases, device)


def compared(model: Model, cases: Sequence[Case], device: str) -> list[dict[str, Any]]:
    """Segment in every way and score it."""
    found = {
        "overlap 0.5": found_by(model, cases, device, overlap=0.5),
        "overlap 0.25": found_by(model, cases, device, overlap=0.25),
    }
    for patches in (1, 2, 4, 8, 1e6):
        for halo in (0.5, 1, 2):
            name = "whole" if patches == 1e6 else f"{patches} patches, halo {halo}"
            if name not in found:
                found[name] = in_cores(model, cases, device, patches, halo)
    values = model.plan.label_values[1:]
    reference = found["overlap 0.5"][0]
    expected = scores(reference, cases, values)
    rows = []
    for name, (labels, seconds) in found.items():
        reached = scores(labels, cases, values)
        beside = [dice(a, b, values) for a, b in zip(labels, reference, strict=True)]
        row = {
            "way": name,
            "dice": float(np.nanmean(reached)),
            "difference": float(np.nanmean(np.subtract(reached, expected))),
            "dice_with_overlap_0.5": float(np.nanmean(beside)),
            "seconds": seconds,
        }
        print(
            f"{name:22} Dice {row['dice']:.4f} ({row['difference']:+.4f}), with "
            f"overlap 0.5 {row['dice_with_overlap_0.5']:.4f}, {seconds:.2f} s",
            flush=True,
        )
        rows.append(row)
    return rows


def scores(
    labels: Labelled, cases: Sequence[Case], values: Sequence[int]
) -> list[float]:
    """Return the Dice of every case, the mean over its observers."""
    return [
        float(
            np.mean([dice(found, np.asarray(t), values) for t in case.labels.values()])
        )
        for found, case in zip(labels, cases, strict=True)
    ]


def main() -> None:
    """Train, compare and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of cases")
    parser.add_argument("--model", type=Path, help="a model file, instead of training")
    parser.add_argument("--phantoms", type=int, default=16)
    parser.add_argument("--shape", type=int, nargs=3, default=(39, 221, 200))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    training, scored = cases_of(arguments)
    model = (
        load_model(arguments.model)
        if arguments.model
        else train(
            training,
            minutes=arguments.minutes,
            device=arguments.device,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        )
    )
    plan = model.plan
    results = {
        "network": plan.network,
        "strides": plan.strides,
        "patch": plan.patch,
        "halo": tile_rules(plan).halo,
        "steps": model.card.steps_done,
        "cases": len(scored),
        "ways": compared(model, scored, arguments.device),
    }
    write_record(arguments.json, "segmentation_quality", results)


if __name__ == "__main__":
    main()
