"""Dice on BUSI's lesion images: near-duplicates kept together, five folds.

    python -m benchmarks busi --data ../shared/data --minutes 10

For each fold trains with the plan's defaults on the images of the other groups, and
scores the fold's images, which neither training nor validation sees. The mean Dice is
that of images, each counted once; an image in which nothing was found, or the wrong
place, counts with what it has. "pooled" adds up all pixels first.

`--normal` trains and scores on the images without a lesion, too: "false" are those of
them in which one was found. `--steps` ends each training after so many steps instead of
by the clock; `--dice-of` has the loss pool its Dice otherwise than planned. "mirrored"
is the mean Dice where mirrored copies are averaged.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from processor_clock import add_clock, run_by_processor_time
from record import write_record

import specimen_unet as su
from specimen_unet.domain.folds import deal_folds, traits_of

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

FAILED_BELOW = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10, help="a fold")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="folds to run; all without")
    parser.add_argument("--network", default="auto")
    parser.add_argument("--pretrained", action="store_true")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--normal", action="store_true")
    parser.add_argument("--dice-of", choices=("batch", "patch"))
    parser.add_argument(
        "--small-up-to",
        type=float,
        metavar="MINUTES",
        help="pictures small up to so many minutes, instead of what a plan does",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    add_clock(parser)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.processor_clock:
        run_by_processor_time(arguments.processor_clock)
    if arguments.small_up_to is not None:
        make_small_up_to(arguments.small_up_to)
    cases = su.read_cases(arguments.data / "busi")
    if not arguments.normal:
        cases = [case for case in cases if lesion(case)]
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
    known = [case for case in cases if folds[case.name] != number]
    model = su.train(known, planned(known, arguments))
    minutes = (time.perf_counter() - began) / 60
    held_out = [case for case in cases if folds[case.name] == number]
    scores = [score(case, model, arguments.device) for case in held_out]
    mirrored = [score(case, model, arguments.device, mirror=True) for case in held_out]
    plan = model.plan
    row = {"fold": number, **summary(scores), "minutes": minutes}
    row["mirrored"] = summary(mirrored)["mean_dice"]
    row |= {"steps": model.card.steps_done, "network": plan.network}
    return {**row, "patch": str(plan.patch), "batch": plan.batch}, scores


def planned(cases: list[su.Case], arguments: Any) -> Plan:
    """Plan as the arguments say."""
    plan = su.plan(
        cases,
        minutes=arguments.minutes,
        network=arguments.network,
        pretrained=arguments.pretrained,
        seed=arguments.seed,
        device=arguments.device,
    )
    changes: dict[str, Any] = {}
    if arguments.steps:
        changes |= {"ending": "steps", "steps": arguments.steps, "minutes": None}
    if arguments.dice_of:
        changes["dice_of"] = arguments.dice_of
    return plan.model_copy(update=changes)


def score(
    case: su.Case, model: su.Model, device: str, *, mirror: bool = False
) -> dict[str, Any]:
    """Count the pixels of one image."""
    found = su.segment(case, model, device=device, mirror=mirror).labels > 0
    truth = next(iter(case.labels.values())) > 0
    both = int((found & truth).sum())
    counts = {"both": both, "found": int(found.sum()), "truth": int(truth.sum())}
    if not counts["truth"]:
        return {"case": case.name, **counts}
    total = counts["found"] + counts["truth"]
    iou = both / (total - both)
    return {"case": case.name, "dice": 2 * both / total, "iou": iou, **counts}


def summary(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """Average over images with a lesion, and over all pixels at once.

    Lesions that were found in the others are counted.
    """
    lesions = [score for score in scores if score["truth"]]
    normal = [score for score in scores if not score["truth"]]
    dice = [score["dice"] for score in lesions]
    both, found, truth = (
        sum(score[name] for score in scores) for name in ("both", "found", "truth")
    )
    return {
        "images": len(lesions),
        "mean_dice": float(np.mean(dice)),
        "mean_iou": float(np.mean([score["iou"] for score in lesions])),
        "pooled_dice": 2 * both / (found + truth),
        "failures": sum(value < FAILED_BELOW for value in dice),
        "normal": len(normal),
        "false": sum(score["found"] > 0 for score in normal),
    }


if __name__ == "__main__":
    main()
