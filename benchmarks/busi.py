"""Dice on BUSI's lesion images: near-duplicates kept together, five folds.

    python -m benchmarks busi --data ../shared/data --minutes 10

For each fold trains with the plan's defaults on the images of the other groups, and
scores the fold's images, which neither training nor validation sees. The mean Dice is
that of images, each counted once; an image in which nothing was found, or the wrong
place, counts with what it has. "pooled" adds up all pixels first.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from processor_clock import run_by_processor_time
from record import write_record

import specimen_unet as su
from specimen_unet.domain.folds import deal_folds, traits_of

FAILED_BELOW = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10, help="a fold")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="folds to run; all without")
    parser.add_argument("--network", default="auto")
    parser.add_argument("--pretrained", action="store_true")
    parser.add_argument(
        "--small-up-to",
        type=float,
        metavar="MINUTES",
        help="pictures small up to so many minutes, instead of what a plan does",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--processor-clock",
        type=float,
        metavar="SPEED",
        help="minutes of processor time instead: see processor_clock.py",
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.processor_clock:
        run_by_processor_time(arguments.processor_clock)
    if arguments.small_up_to is not None:
        make_small_up_to(arguments.small_up_to)
    cases = [case for case in su.read_cases(arguments.data / "busi") if lesion(case)]
    folds = folds_of(cases, arguments.folds, arguments.seed)
    wanted = arguments.only or range(arguments.folds)
    rows, images = [], []
    for number in wanted:
        row, scores = run_fold(cases, folds, number, arguments)
        rows.append(row)
        images += scores
        print(row, file=sys.stderr, flush=True)
    rows.append({"fold": "all", **summary(images)})
    results = {
        "images": len(cases),
        "groups": len({case.group for case in cases}),
        "minutes": arguments.minutes,
        "processor_clock": arguments.processor_clock,
        "folds": rows,
        "scores": images,
    }
    shown = [{key: row.get(key) for key in rows[0]} for row in rows]
    write_record(arguments.json, "busi", results, shown)


def make_small_up_to(minutes: float) -> None:
    """Bring pictures to a small size in trainings of so many minutes."""
    from specimen_unet.engine import common_size

    common_size._MINUTES = minutes


def lesion(case: su.Case) -> bool:
    """Tell whether a lesion was outlined."""
    return any(np.any(labels) for labels in case.labels.values())


def folds_of(cases: list[su.Case], number: int, seed: int) -> dict[str, int]:
    """Return the fold of every case, as a cross-validation of the program deals them.

    Groups stay whole.
    """
    return deal_folds([traits_of(case) for case in cases], number, seed)


def run_fold(
    cases: list[su.Case], folds: dict[str, int], number: int, arguments: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train on the other folds and score this one."""
    began = time.perf_counter()
    model = su.train(
        [case for case in cases if folds[case.name] != number],
        minutes=arguments.minutes,
        network=arguments.network,
        pretrained=arguments.pretrained,
        seed=arguments.seed,
        device=arguments.device,
    )
    minutes = (time.perf_counter() - began) / 60
    held_out = [case for case in cases if folds[case.name] == number]
    scores = [score(case, model, arguments.device) for case in held_out]
    plan = model.plan
    row = {"fold": number, **summary(scores), "minutes": minutes}
    row |= {"steps": model.card.steps_done, "network": plan.network}
    return {**row, "patch": str(plan.patch), "batch": plan.batch}, scores


def score(case: su.Case, model: su.Model, device: str) -> dict[str, Any]:
    """Count the pixels of one image."""
    found = su.segment(case, model, device=device, probabilities=False).labels > 0
    truth = next(iter(case.labels.values())) > 0
    both = int((found & truth).sum())
    counts = {"both": both, "found": int(found.sum()), "truth": int(truth.sum())}
    total = counts["found"] + counts["truth"]
    iou = both / (total - both)
    return {"case": case.name, "dice": 2 * both / total, "iou": iou, **counts}


def summary(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """Average over images, and over all pixels at once."""
    dice = [score["dice"] for score in scores]
    both, found, truth = (
        sum(score[name] for score in scores) for name in ("both", "found", "truth")
    )
    return {
        "images": len(scores),
        "mean_dice": float(np.mean(dice)),
        "mean_iou": float(np.mean([score["iou"] for score in scores])),
        "pooled_dice": 2 * both / (found + truth),
        "failures": sum(value < FAILED_BELOW for value in dice),
    }


if __name__ == "__main__":
    main()
