"""Dice on phantoms of specimens that were not learnt from, by plans for equal minutes.

    python -m benchmarks specimens --minutes 5 10 --processor-clock 1.33

Phantom specimens (39 x 221 x 200, two observers): ten to learn from (`--cases`), four
others to score. The ways: "planned", by the plan for these minutes; "fine", with
voxels as the cases have them; "coarse", with voxels twice as long in the plane;
"hurried", UNet without residual units on those, the plan for a minute. Dice is pooled
over each specimen, mean over specimens and observers.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from processor_clock import add_clock, run_by_processor_time
from record import write_record

import specimen_unet as su
from specimen_unet.domain.phantoms import specimen_phantom

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

WAYS = ("planned", "fine", "coarse", "hurried")
SCORED = 4
UNSEEN = 100  # the number of the first phantom that is scored


def planned(cases: list[su.Case], way: str, minutes: float, seed: int) -> Plan:
    """Plan the minutes in one of the ways."""
    from specimen_unet.engine import haste

    usual = haste._HURRY
    settings: dict[str, Any] = {"minutes": minutes, "device": "cpu", "seed": seed}
    depth, *plane = cases[0].grid.spacing
    if way == "hurried":
        haste._HURRY = math.inf
    elif way == "coarse":
        settings["spacing"] = (depth, *(2 * length for length in plane))
    elif way == "fine":
        settings["spacing"] = (depth, *plane)
    try:
        return su.plan(cases, **settings)
    finally:
        haste._HURRY = usual


def run(learnt: int, way: str, minutes: float, seed: int) -> dict[str, Any]:
    """Train in one way and score what comes of it."""
    cases = [specimen_phantom(number) for number in range(learnt)]
    plan = planned(cases, way, minutes, seed)
    model = su.train(cases, plan)
    found = []
    for number in range(UNSEEN, UNSEEN + SCORED):
        case = specimen_phantom(number)
        labels = su.segment(case, model, device="cpu").labels > 0
        for drawn in case.labels.values():
            both = 2 * np.count_nonzero(labels & (drawn > 0))
            found.append(both / (np.count_nonzero(labels) + np.count_nonzero(drawn)))
    return {
        "cases": learnt,
        "way": way,
        "minutes": minutes,
        "dice": float(np.mean(found)),
        "lowest": float(np.min(found)),
        "card": model.card.metrics.mean_dice if model.card.metrics else None,
        "steps": model.card.steps_done,
        "network": plan.network,
        "patch": str(plan.patch),
        "spacing": str(plan.spacing),
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[5])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument(
        "--cases", type=int, default=10, help=f"to learn from, at most {UNSEEN}"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    add_clock(parser)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.cases > UNSEEN:
        parser.error(
            f"--cases is {arguments.cases}: those from {UNSEEN} on are scored."
        )
    if arguments.processor_clock:
        run_by_processor_time(arguments.processor_clock)
    rows = []
    for minutes in arguments.minutes:
        for seed in arguments.seeds:
            for way in arguments.ways:
                rows.append(run(arguments.cases, way, minutes, seed))
                print(rows[-1], file=sys.stderr, flush=True)
    write_record(arguments.json, "specimens", {"rows": rows}, rows)


if __name__ == "__main__":
    main()
