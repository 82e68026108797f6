"""Which weights of a training to keep: those that validated best, or those at its end.

    python -m benchmarks choosing --data ../shared/data --images busi --minutes 10

Trains as planned, and after every validation also scores the cases of a fold that
neither training nor validation sees (whole groups). So one can read from one run what
each rule would have kept, what the card would have said of it, and what it is worth.
`--steps` ends a training after so many steps instead of by the clock, so that other
work on the machine, and the scoring here, has no say.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recipes import FOLDS, cases_of, scored
from record import write_record

import specimen_unet as su
from specimen_unet.domain.control import Control
from specimen_unet.domain.events import Validated
from specimen_unet.domain.folds import deal_folds, traits_of
from specimen_unet.engine.course import Course

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan


def run_fold(cases: list[su.Case], fold: int, arguments: Any) -> dict[str, Any]:
    """Train on the other folds, and score this one after every validation."""
    began = time.perf_counter()
    folds = deal_folds([traits_of(case) for case in cases], FOLDS, 0)
    known = [case for case in cases if folds[case.name] != fold]
    unseen = [case for case in cases if folds[case.name] == fold]
    plan = planned(known, arguments)
    names = tuple(case.name for case in unseen)
    split = plan.split.model_copy(update={"validation": names, "held_out": None})
    scoring = plan.model_copy(update={"split": split})
    course = Course(known, plan, torch.device(plan.device), Control(), None, None)
    seen = [
        {
            "step": event.step,
            "validation": event.mean_dice,
            "unseen": scored(unseen, scoring, course._learner.smoothed),
        }
        for event in course.run()
        if isinstance(event, Validated)
    ]
    return {
        "fold": fold,
        **kept(seen),
        "held_out": len(plan.split.validation),
        "seconds": round(time.perf_counter() - began),
        "network": plan.network,
        "patch": plan.patch,
        "validations": seen,
    }


def planned(cases: list[su.Case], arguments: Any) -> Plan:
    """Plan for the minutes, and end after the steps, if so many are given."""
    plan = su.plan(
        cases,
        minutes=arguments.minutes,
        device=arguments.device,
        seed=arguments.seed,
        network=arguments.network,
        augmentation=arguments.augmentation,
    )
    if arguments.steps is None:
        return plan
    changes = {"ending": "steps", "steps": arguments.steps, "minutes": None}
    return plan.model_copy(update=changes)


def kept(seen: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the best of the validations and the last one are worth."""
    best, last = max(seen, key=lambda one: one["validation"]), seen[-1]
    return {
        "steps": last["step"],
        "best_step": best["step"],
        "best": best["unseen"],
        "end": last["unseen"],
        "best_card": best["validation"],
        "end_card": last["validation"],
    }


def mean_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Average over folds."""
    names = ("best", "end", "best_card", "end_card")
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", default="busi", help="a folder, or phantoms")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--only", type=int, nargs="*", help="folds to run; all without")
    parser.add_argument("--network", default="auto")
    parser.add_argument("--augmentation", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases, rows = cases_of(arguments.data, arguments.images), []
    for fold in arguments.only or range(FOLDS):
        rows.append(run_fold(cases, fold, arguments))
        print(rows[-1], file=sys.stderr, flush=True)
    rows.append({"fold": "all", **mean_of(rows)})
    shown = ("fold", "steps", "best_step", "best", "end", "best_card", "end_card")
    table = [{name: row.get(name) for name in shown} for row in rows]
    write_record(arguments.json, "choosing", {"rows": rows}, table)


if __name__ == "__main__":
    main()
