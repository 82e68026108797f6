"""What it gains on a CPU that instance norms return channels last, where they lie.

    python -m benchmarks channels_last

Steps of a training, and passes of one tile, with torch's own instance norms and with
the engine's, in turns in one process, by the clock, medians. Networks as they are
planned for phantoms, first weights, random numbers as images.
`ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16` (or AVX512_CORE, AVX2)
before it has oneDNN compute as on a processor without the newest instructions.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from record import write_record
from speed_cases import phantoms, plan_for
from turns import in_turns

from specimen_unet.engine import learner as learner_module
from specimen_unet.engine import precision as precision_module
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.patches import Batch
from specimen_unet.engine.precision import autocast, fastest_precision

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

CPU = torch.device("cpu")
PATCHES = {3: ((32, 64, 64), 2), 2: ((128, 160), 8)}
NETWORKS = ("FastUNet", "UNet", "DynUNet")
ROUNDS = 9


def compare(network: str, dimensions: int, precision: str) -> dict[str, Any]:
    """Time steps and passes of one network, both ways."""
    patch, batch = PATCHES[dimensions]
    plan = plan_for(phantoms("cpu", dimensions), network, dimensions, "cpu")
    plan = plan.model_copy(
        update={"patch": patch, "batch": batch, "precision": precision}
    )
    torch_way = (
        mock.patch.object(precision_module, "ChannelsLastInstanceNorm", nullcontext),
        mock.patch.object(learner_module, "laid_out", lambda network: network),
    )
    steps, passes = {}, {}
    with torch_way[0], torch_way[1]:
        steps["torch"], passes["torch"] = _work(plan)
    steps["ours"], passes["ours"] = _work(plan)

    def by_torch(work: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            with torch_way[0]:
                return work()

        return run

    row: dict[str, Any] = {"network": f"{network} {dimensions}D", "numbers": precision}
    for name, ways in {"step": steps, "pass": passes}.items():
        ways["torch"] = by_torch(ways["torch"])
        seconds = in_turns(ways, ROUNDS)
        row[f"{name}, torch"] = seconds["torch"]
        row[f"{name}, ours"] = seconds["ours"]
        row[f"{name}, times"] = seconds["torch"] / seconds["ours"]
    return row


def _work(plan: Plan) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return what makes a step, and what passes a tile; each returns its seconds."""
    learner = Learner(plan, CPU, None)
    images = torch.randn(plan.batch, plan.image_channels, *plan.patch)
    batch = Batch(images, (images[:, 0] > 1).long(), is_annotated=True)

    def step() -> float:
        began = time.perf_counter()
        learner.learn(batch, 1e-3, 0)
        return time.perf_counter() - began

    @torch.inference_mode()
    def tile() -> float:
        learner.network.eval()
        began = time.perf_counter()
        with autocast(CPU, plan.precision):
            learner.network(images[:1])
        return time.perf_counter() - began

    step()
    tile()
    return step, tile


def main() -> None:
    """Compare all networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", default=fastest_precision(CPU))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [
        compare(network, dimensions, arguments.precision)
        for dimensions in PATCHES
        for network in NETWORKS
    ]
    results = {"rows": rows, "instructions": os.environ.get("ONEDNN_MAX_CPU_ISA")}
    write_record(arguments.json, "channels_last", results, rows)


if __name__ == "__main__":
    main()
