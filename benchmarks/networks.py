"""Dice of each network after equal processor time, on three kinds of images.

    python benchmarks/networks.py --data ../shared/data --images hippocampus busi

One thread, the package's own patches, losses and schedule; every candidate has the
same patch and batch. The seconds a step takes are measured first, interleaved, as
processor time of the process; each candidate then trains as many steps as fit into
the budget, its schedule stretched over them. The smoothed weights at the end are
scored on the cases held out (one group in five, whole groups): nothing is selected.

What a budget of a CPU is worth can be told sooner on a GPU: `--device cuda` makes the
same number of steps there, with numbers of 16 bits, and `--step-seconds` (in the order
of the networks) brings along what a step takes on the CPU it is about.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from record import write_record

import specimen_unet as su
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.networks import size_multiple
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.pretrained import pretrained_weights
from specimen_unet.engine.schedule import one_cycle
from specimen_unet.engine.shape_rules import levels_for, rounded_up
from specimen_unet.engine.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan

CPU = torch.device("cpu")
ROUNDS = 4
# Smaller patches than the plan's, so that a minute holds some hundred steps.
SMALLER: dict[str, dict[str, Any]] = {
    "busi": {"resize_to": (128, 128), "patch": (128, 128), "batch": 8},
    "vessels": {"patch": (16, 96, 96), "batch": 1},
    "hippocampus": {},
}


def read(data: Path, images: str) -> list[su.Case]:
    """Read the cases; of BUSI those with a lesion."""
    cases = su.read_cases(data / images)
    if images == "busi":
        return [case for case in cases if not case.name.startswith("normal")]
    return cases


def widths(count: int, first: int = 32, most: int = 256) -> tuple[int, ...]:
    """Return channels that double from level to level."""
    return tuple(min(first * 2**level, most) for level in range(count))


def own_levels(plan: Plan, block: int, first: int, count: int) -> dict[str, Any]:
    """Name channels, strides and kernels with blocks folded along the fine axes."""
    finest = min(plan.spacing)
    blocks = [block if step < 2 * finest else 1 for step in plan.spacing]
    levels = levels_for(plan.patch, plan.spacing, count, blocks)
    return {
        "channels": widths(len(levels.strides), first),
        "strides": levels.strides,
        "kernels": levels.kernels,
        "residual_units": 0,
    }


def candidate(plan: Plan, name: str) -> Plan:
    """Change the network of a plan, and nothing else."""
    network, _, variant = name.partition(" ")
    block, first, count = {
        "UNet": (1, 32, 4),
        "FastUNet": (2, 32, 4),
        "DynUNet": (1, 32, 6),
    }[network]
    if variant == "full":
        block, first, count = 1, 16, 5
    elif variant == "wide":
        first = 48
    changes = own_levels(plan, block, first, count)
    changes["residual_units"] = 2 if name == "UNet" else 0
    if variant == "lr4":
        changes["learning_rate"] = 0.004
    if network == "DynUNet":
        changes["channels"] = (32, 64, 128, 256, 320, 320)[: len(changes["strides"])]
    return plan.model_copy(update={"network": network, **changes})


def with_one_patch(plans: Sequence[Plan]) -> list[Plan]:
    """Give all plans the smallest patch that every network accepts."""
    multiples = zip(*map(size_multiple, plans), strict=True)
    patch = rounded_up(plans[0].patch, [math.lcm(*axis) for axis in multiples])
    return [plan.model_copy(update={"patch": patch}) for plan in plans]


def steps(
    learner: Learner, patches: Patches, plan: Plan, first: int, last: int
) -> None:
    """Take steps of a training that has `plan.steps` in all."""
    for step in range(first, last):
        rate = plan.learning_rate * one_cycle((step + 0.5) / plan.steps)
        learner.learn(patches.batch(step), rate, step)


def start(plan: Plan) -> dict[str, torch.Tensor] | None:
    """Return the weights that a pretrained backbone starts from."""
    return pretrained_weights(plan) if plan.pretrained else None


def seconds_a_step(
    cases: Sequence[su.Case], plans: dict[str, Plan]
) -> dict[str, float]:
    """Return processor seconds of a step for each plan, the best of some rounds."""
    ready = {
        name: (Learner(plan, CPU, start(plan)), Patches(cases, plan, CPU), plan)
        for name, plan in plans.items()
    }
    best: dict[str, float] = {}
    for turn in range(ROUNDS):
        for name, (learner, patches, plan) in ready.items():
            began = time.process_time()
            steps(learner, patches, plan, 3 * turn, 3 * turn + 3)
            taken = (time.process_time() - began) / 3
            best[name] = min(best.get(name, taken), taken)
    return best


def dice(cases: Sequence[su.Case], plan: Plan) -> float:
    """Train as many steps as the plan says and score what is held out."""
    device = torch.device(plan.device)
    learner = Learner(plan, device, start(plan))
    steps(learner, Patches(cases, plan, device), plan, 0, plan.steps)
    scoring = Validation(cases, plan, device).scoring(learner.smoothed)
    while True:
        try:
            next(scoring)
        except StopIteration as end:
            return float(end.value.mean_dice)


def measured(images: str, arguments: Any) -> dict[str, Any]:
    """Train every candidate for every budget and seed."""
    cases = read(arguments.data, images)
    plan = su.plan(cases, device="cpu", minutes=10, fold=arguments.fold)
    plan = plan.model_copy(update=SMALLER[images])
    plans = with_one_patch([candidate(plan, name) for name in arguments.networks])
    plans = dict(zip(arguments.networks, plans, strict=True))
    told = arguments.step_seconds
    seconds = (
        dict(zip(plans, told, strict=True)) if told else seconds_a_step(cases, plans)
    )
    print(images, plan.patch, plan.batch, plan.spacing, seconds, file=sys.stderr)
    rows = []
    for seed in arguments.seeds:
        for budget in arguments.seconds:
            for name, its_plan in plans.items():
                count = int(budget / seconds[name])
                changes = {"steps": count, "seed": seed, "device": arguments.device}
                if arguments.device == "cuda":
                    changes["precision"] = "bfloat16"
                chosen = its_plan.model_copy(update=changes)
                row = {"network": name, "seconds": budget, "seed": seed}
                row |= {"steps": count, "dice": dice(cases, chosen)}
                rows.append(row)
                print(images, row, file=sys.stderr, flush=True)
    return {
        "patch": next(iter(plans.values())).patch,
        "batch": plan.batch,
        "spacing": plan.spacing,
        "training": len(plan.split.training),
        "held_out": len(plan.split.validation),
        "precision": plan.precision,
        "seconds_a_step": seconds,
        "rows": rows,
    }


def main() -> None:
    """Measure what was asked for and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--images", nargs="+", default=["hippocampus", "busi", "vessels"]
    )
    parser.add_argument(
        "--networks", nargs="+", default=["UNet", "FastUNet", "FastUNet full"]
    )
    parser.add_argument("--seconds", nargs="+", type=float, default=[60])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--step-seconds", nargs="+", type=float)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = {images: measured(images, arguments) for images in arguments.images}
    write_record(arguments.json, "networks", results)


if __name__ == "__main__":
    main()
