"""What a prolonged training loses against one long run of as many steps.

    python benchmarks/prolonging.py --data ../shared/data --steps 400 --seeds 3

Trains on 120 of the 160 volumes of MSD Task04 with the plan's defaults: N steps in one
go, and N/2 prolonged by N/2, with the second learning rate at several heights. Scored
by Dice on the other 40 volumes. Minutes are not used, so that a busy machine changes
nothing.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from hippocampus import score, split_cases
from record import write_record

import specimen_unet as su
from specimen_unet.engine import schedule
from specimen_unet.engine.saving import prolong

PEAKS = (1.0, 0.5, 0.25)


def finish(events: Any) -> su.Model:
    """Train to the end."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def dice_of(model: su.Model, scored: Any, device: str) -> float:
    """Mean Dice on volumes that nobody saw."""

    def segment(case: su.Case) -> Any:
        return su.segment(case, model, device=device).labels

    return float(score(segment, scored)["mean_dice"])


def one_seed(arguments: Any, seed: int) -> dict[str, float]:
    """Return the Dice of each way, by its name."""
    cases, scored = split_cases(arguments.data, 0)
    options = {"ending": "steps", "seed": seed, "device": arguments.device}
    plan = su.plan(cases, steps=arguments.steps, **options)
    half = plan.model_copy(update={"steps": arguments.steps // 2})
    found = {"one run": dice_of(finish(su.training(cases, plan)), scored, plan.device)}
    with tempfile.TemporaryDirectory() as name:
        first = Path(name) / "half"
        first.mkdir()
        ended = finish(su.training(cases, half, checkpoints=first))
        found["half of it"] = dice_of(ended, scored, plan.device)
        for peak in PEAKS:
            folder = Path(name) / f"{peak}"
            shutil.copytree(first, folder)
            schedule._SECOND_PEAK = peak
            prolong(folder, half, steps=arguments.steps - half.steps)
            model = finish(su.training(cases, half, checkpoints=folder, resume=True))
            found[f"prolonged, peak {peak:g}"] = dice_of(model, scored, plan.device)
    return found


def main() -> None:
    """Train with every seed and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for seed in range(arguments.seeds):
        rows.append(one_seed(arguments, seed))
        print(seed, rows[-1], file=sys.stderr, flush=True)
    mean = {name: statistics.mean(row[name] for row in rows) for name in rows[0]}
    results = {"steps": arguments.steps, "seeds": rows, "mean": mean}
    write_record(arguments.json, "prolonging", results)


if __name__ == "__main__":
    main()
