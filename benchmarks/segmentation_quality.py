"""What the way of cutting an image costs in Dice: InstanceNorm sees tiles differently.

    python -m benchmarks segmentation_quality --data .gpu --device cuda --minutes 0.5
    python -m benchmarks segmentation_quality --data ../shared/data --sets vessels

For each set trains the plan's default network for the minutes, on three quarters of
the groups, and segments cases of the others by overlapping Gaussian windows: as
segmenting does by default (overlap 0.25, tiles of a patch), in tiles that are larger
where that saves work (Fit tiles), and with overlap 0.5; and in disjoint cores, in tiles
of one, two and eight patches, and as large as the image. Tells the mean Dice with the
truth, the mean of its differences from overlap 0.5 case by case, and the Dice between
them. Sets are folders of --data, as `gpu_kit` packs them or as they were shared, and
phantoms.
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
from record import tables, write_record

import specimen_unet as su
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine import prediction, ways
from specimen_unet.engine.cores import TileRules, tile_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.plan import Plan

Labelled = list["Array"]

SETS = ("hippocampus", "vessels", "phantoms", "busi")
PHANTOM, PHANTOMS = (39, 221, 200), 12
# Patches in a tile, at most, and voxels of the coarsest level in a halo.
CORES = (
    ("1 patch", 1, 1),
    ("1 patch, wide halo", 1, 2),
    ("2 patches", 2, 1),
    ("8 patches", 8, 1),
    ("whole", 1e6, 1),
)


def cases_of(name: str, arguments: Any) -> tuple[list[Case], list[Case]]:
    """Return what is learnt from, and what is scored; no group is in both."""
    if name == "phantoms":
        cases = [specimen_phantom(seed, PHANTOM) for seed in range(PHANTOMS)]
    else:
        cases = [
            case
            for case in su.read_cases(arguments.data / name)
            if any(np.any(labels) for labels in case.labels.values())
        ]
    groups = sorted({case.group or case.name for case in cases})
    order = np.random.default_rng(arguments.seed).permutation(groups).tolist()
    held_out = set(order[: max(1, len(order) // 4)])
    learnt, scored = [], []
    for case in cases:
        is_held_out = (case.group or case.name) in held_out
        (scored if is_held_out else learnt).append(case)
    return learnt, scored[: arguments.scored]


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
    model: su.Model, cases: Sequence[Case], device: str, **keywords: Any
) -> tuple[Labelled, float]:
    """Segment all cases; labels and seconds."""
    start = time.perf_counter()
    labels = [
        su.segment(case, model, device=device, probabilities=False, **keywords).labels
        for case in cases
    ]
    return labels, time.perf_counter() - start


def in_cores(
    model: su.Model, cases: Sequence[Case], device: str, patches: float, halo: float
) -> tuple[Labelled, float]:
    """Segment in tiles of at most so many patches."""
    voxels = patches * math.prod(model.plan.patch)
    room = ways.Room(voxels, model.plan.batch)
    with (
        mock.patch.object(ways, "tile_rules", with_halo(halo)),
        mock.patch.object(prediction, "_room", return_value=room),
    ):
        return found_by(model, cases, device, overlap=0)


def compared(
    model: su.Model, cases: Sequence[Case], device: str
) -> list[dict[str, Any]]:
    """Segment in every way and score it."""
    found = {
        "default": found_by(model, cases, device),
        "fit tiles": found_by(model, cases, device, fit_tiles=True),
        "overlap 0.5": found_by(model, cases, device, overlap=0.5),
    }
    for name, patches, halo in CORES:
        found[name] = in_cores(model, cases, device, patches, halo)
    values = model.plan.label_values[1:]
    reference = found["overlap 0.5"][0]
    expected = scores(reference, cases, values)
    rows = []
    for name, (labels, seconds) in found.items():
        reached = scores(labels, cases, values)
        beside = [dice(a, b, values) for a, b in zip(labels, reference, strict=True)]
        rows.append(
            {
                "way": name,
                "dice": float(np.nanmean(reached)),
                "difference": float(np.nanmean(np.subtract(reached, expected))),
                "worst difference": float(np.nanmin(np.subtract(reached, expected))),
                "Dice with 0.5": float(np.nanmean(beside)),
                "seconds": seconds,
            }
        )
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


def is_there(name: str, data: Path | None) -> bool:
    """Tell whether a set can be had."""
    return name == "phantoms" or (data is not None and (data / name).is_dir())


def measured(name: str, arguments: Any) -> dict[str, Any]:
    """Train on one set, and compare the ways on it."""
    learnt, scored = cases_of(name, arguments)
    began = time.perf_counter()
    model = su.train(
        learnt, minutes=arguments.minutes, seed=arguments.seed, device=arguments.device
    )
    plan = model.plan
    result = {
        "network": plan.network,
        "patch": plan.patch,
        "strides": plan.strides,
        "halo": tile_rules(plan).halo,
        "minutes": (time.perf_counter() - began) / 60,
        "steps": model.card.steps_done,
        "cases": len(scored),
        "shape": scored[0].shape,
    }
    print(name, result, file=sys.stderr, flush=True)
    rows = compared(model, scored, arguments.device)
    print(tables(rows), file=sys.stderr, flush=True)
    return {**result, "ways": rows}


def main() -> None:
    """Measure the sets that were asked for and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with the sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, default=2, help="of training, a set")
    parser.add_argument("--scored", type=int, default=12, help="cases, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results: dict[str, Any] = {}
    for name in arguments.sets:
        if not is_there(name, arguments.data):
            print(f"{name}: left out, --data has no such folder", file=sys.stderr)
            continue
        results[name] = measured(name, arguments)
    rows = [
        {"set": name, **way} for name, found in results.items() for way in found["ways"]
    ]
    write_record(arguments.json, "segmentation_quality", results, rows)


if __name__ == "__main__":
    main()
