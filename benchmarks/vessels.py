"""Vessels in anisotropic two-photon stacks, one stack held out.

    python benchmarks/vessels.py --data ../shared/data --minutes 10

For each of the five stacks in turn (or the ones named by --held-out): trains with
the plan's defaults on the other four, segments the one left out, and prints its
Dice, precision and recall pooled over the volume. The quality of the labels
differs from stack to stack, so a low number may be the truth's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record

import specimen_unet as su


def held_out_scores(cases: list[su.Case], name: str, arguments: Any) -> dict[str, Any]:
    """Train on every stack but one and score that one."""
    training = [case for case in cases if case.name != name]
    (scored,) = (case for case in cases if case.name == name)
    model = su.train(
        training,
        minutes=arguments.minutes,
        dimensions=arguments.dimensions,
        seed=arguments.seed,
        device=arguments.device,
        progress=lambda line: print(line, file=sys.stderr),
    )
    labels = su.segment(
        scored, model, device=arguments.device, probabilities=False
    ).labels
    (truth,) = scored.labels.values()
    row = su.compare(labels, truth, spacing=scored.grid.spacing).iloc[0]
    plan = model.card.plan
    return {
        **{key: float(row[key]) for key in ("dice", "precision", "recall")},
        "steps": model.card.steps_done,
        "network": plan.network,
        "patch": plan.patch,
        "spacing": plan.spacing,
        "strides": plan.strides,
    }


def main() -> None:
    """Hold out the stacks that were asked for and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--dimensions", type=int, choices=[2, 3])
    parser.add_argument("--held-out", nargs="*", help="names; every stack by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.dimensions = arguments.dimensions or "auto"
    cases = su.read_cases(arguments.data / "vessels")
    names = arguments.held_out or [case.name for case in cases]
    results = {name: held_out_scores(cases, name, arguments) for name in names}
    mean = float(np.mean([result["dice"] for result in results.values()]))
    write_record(arguments.json, "vessels", {"mean_dice": mean, "held_out": results})


if __name__ == "__main__":
    main()
