"""Dice after equal minutes on hippocampus: ours, the MONAI recipe, nnU-Net's trainer.

    python benchmarks/hippocampus.py --data ../shared/data --minutes 5

Trains on 120 of the 160 volumes of MSD Task04 (`--training`) with the plan's defaults
and scores the others, which neither training nor validation sees: Dice per label pooled
over each volume, mean over the volumes. With `--training 144` the parts 0 to 9 score
every volume once (`--part`). `--side monai` trains MONAI's tutorial
recipe (monai_recipe.py) and `--side nnunet` nnU-Net's own trainer (nnunet_side.py)
for the same minutes on the same volumes; `both` is ours and MONAI's one after the
other with the same threads, `all` nnU-Net's too. All are scored by the same lines
below. nnU-Net needs an environment of its own, which nnunet_environment.sh makes.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from processor_clock import add_clock, run_by_processor_time
from record import write_record

import specimen_unet as su

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TRAINING_CASES = 120


def split_cases(
    data: Path, seed: int, training: int = TRAINING_CASES, part: int = 0
) -> tuple[list[su.Case], list[su.Case]]:
    """Shuffle the volumes by the seed; the last of them score, or a part before them.

    Parts share no volume: `training=144` of 160 has ten of 16 volumes.
    """
    cases = su.read_cases(data / "hippocampus")
    order = np.random.default_rng(seed).permutation(len(cases))
    scored = len(cases) - training
    if scored < 1 or not 0 <= part < len(cases) // scored:
        message = (
            f"No part {part} to score: {len(cases)} volumes, {training} of them train."
        )
        raise SystemExit(message)
    shuffled = [cases[i] for i in np.roll(order, part * scored)]
    return shuffled[:training], shuffled[training:]


def score(
    segment: Callable[[su.Case], np.ndarray], cases: Sequence[su.Case]
) -> dict[str, Any]:
    """Mean Dice per label and over labels, and the seconds a volume took."""
    began = time.perf_counter()
    dice = []
    for case in cases:
        (truth,) = case.labels.values()
        table = su.compare(segment(case), truth, spacing=case.grid.spacing)
        dice.append(table.set_index("label")["dice"])
    seconds = (time.perf_counter() - began) / len(cases)
    by_label = {
        int(k): float(np.nanmean([d.get(k, np.nan) for d in dice])) for k in (1, 2)
    }
    return {
        "mean_dice": float(np.mean(list(by_label.values()))),
        "dice": by_label,
        "worst_case": float(min(d.mean() for d in dice)),
        "cases": len(cases),
        "seconds_per_case": seconds,
    }


def ours(
    training: Sequence[su.Case], scored: Sequence[su.Case], arguments: Any
) -> dict[str, Any]:
    """Train with the plan's defaults for the minutes, planning included."""
    began = time.perf_counter()
    model = su.train(
        training,
        minutes=arguments.minutes,
        seed=arguments.seed,
        device=arguments.device,
        augmentation=arguments.augmentation,
        progress=lambda line: print(line, file=sys.stderr),
    )
    minutes = (time.perf_counter() - began) / 60

    def segment(case: su.Case, *, mirror: bool = False) -> np.ndarray:
        return su.segment(
            case, model, device=arguments.device, probabilities=False, mirror=mirror
        ).labels

    plan = model.card.plan
    mirrored = score(partial(segment, mirror=True), scored)
    return {
        **score(segment, scored),
        "mirrored_dice": mirrored["mean_dice"],
        "minutes": minutes,
        "steps": model.card.steps_done,
        "network": plan.network,
        "patch": plan.patch,
        "batch": plan.batch,
        "precision": plan.precision,
        "validation_dice": model.card.metrics.mean_dice if model.card.metrics else None,
    }


def monai(
    training: Sequence[su.Case], scored: Sequence[su.Case], arguments: Any
) -> dict[str, Any]:
    """Train MONAI's tutorial recipe for the same minutes."""
    from monai_recipe import train_recipe

    segment, steps, minutes = train_recipe(
        training, arguments.minutes, arguments.seed, device_of(arguments)
    )
    return {**score(segment, scored), "minutes": minutes, "steps": steps}


def nnunet(
    training: Sequence[su.Case], scored: Sequence[su.Case], arguments: Any
) -> dict[str, Any]:
    """Train nnU-Net's trainer for the same minutes; planning is not counted."""
    from nnunet_side import trained_segmenter

    segment, steps, minutes = trained_segmenter(
        training, arguments.minutes, device_of(arguments), arguments.nnunet_plans
    )
    return {**score(segment, scored), "minutes": minutes, "steps": steps}


def device_of(arguments: Any) -> str:
    """Return the device by the name that torch knows it by."""
    if arguments.device != "auto":
        return str(arguments.device)
    return "cuda" if torch.cuda.is_available() else "cpu"


SIDES = {"ours": ours, "monai": monai, "nnunet": nnunet}


def main() -> None:
    """Run the sides that were asked for and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--training", type=int, default=TRAINING_CASES)
    parser.add_argument("--part", type=int, default=0, help="which volumes score")
    parser.add_argument("--scored", type=int, help="volumes to score; all without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--augmentation", default="auto", help="of ours")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--side", choices=[*SIDES, "both", "all"], default="both")
    parser.add_argument(
        "--nnunet-plans", type=Path, help="a folder with nnU-Net's plan, made elsewhere"
    )
    add_clock(parser)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.processor_clock:
        run_by_processor_time(arguments.processor_clock)
    if not arguments.processor_clock:
        torch.set_num_threads(arguments.threads)
    training, scored = split_cases(
        arguments.data, arguments.seed, arguments.training, arguments.part
    )
    scored = scored[: arguments.scored]
    wanted = {"both": ["ours", "monai"], "all": [*SIDES]}
    results = {
        name: SIDES[name](training, scored, arguments)
        for name in wanted.get(arguments.side, [arguments.side])
    }
    rows = [{"side": name, **result} for name, result in results.items()]
    shown = ("side", "mean_dice", "worst_case", "steps", "minutes", "seconds_per_case")
    write_record(
        arguments.json,
        "hippocampus",
        {"threads": arguments.threads, **results},
        [{name: row[name] for name in shown} for row in rows],
    )


if __name__ == "__main__":
    main()
