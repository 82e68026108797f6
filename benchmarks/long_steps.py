"""The forecast of steps that take too long to be timed, beside such steps.

    python benchmarks/long_steps.py

One thread of a CPU, by the clock of that thread, so that it does not hang on what else
the machine does. Each forecast is made twice, before and after three real steps, of
which the first, which pays for what happens once, is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from forecast import noise
from record import write_record

from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.forecast import seconds_of_step
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.patches import Batch
from specimen_unet.engine.planning import plan

QUALITY = {"network": "DynUNet", "channels": (32, 64, 128, 256)}
SMALL = {"network": "UNet", "channels": (16, 32, 64)}
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("float32", {"patch": (512, 512), "batch": 4}),
    ("bfloat16", {"patch": (768, 768), "batch": 4}),
    ("float32", {"patch": (64, 64, 64), "batch": 2}),
    ("float32", {"patch": (32, 128, 128), "batch": 4}),
    ("bfloat16", {**QUALITY, "patch": (64, 64, 64), "batch": 2}),
    ("bfloat16", {**QUALITY, "patch": (320, 320), "batch": 8}),
    ("float32", {**SMALL, "patch": (64, 96, 96), "batch": 2}),
    ("float32", {"network": "UNet", "patch": (64, 128, 128), "batch": 1}),
]


def compared(precision: str, sizes: dict[str, Any]) -> dict[str, Any]:
    """Forecast a step and take it."""
    dimensions = len(sizes["patch"])
    decided = plan(noise(dimensions), dimensions=dimensions, device="cpu", **sizes)
    chosen = decided.model_copy(update={"precision": precision})
    forecasts = [seconds_of_step(chosen, time.thread_time)]
    learner = Learner(chosen, torch.device("cpu"), None)
    images = torch.randn(chosen.batch, 1, *chosen.patch)
    batch = Batch(images, (images[:, 0] > 1).long(), is_annotated=True)
    taken = []
    for step in range(3):
        start = time.thread_time()
        learner.learn(batch, 1e-3, step)
        taken.append(time.thread_time() - start)
    forecasts.append(seconds_of_step(chosen, time.thread_time))
    real = statistics.median(taken[1:])
    return {
        "network": f"{chosen.network} {chosen.channels}",
        "patch": " x ".join(map(str, chosen.patch)),
        "batch": chosen.batch,
        "precision": precision,
        "real_s": real,
        "first_ratio": forecasts[0] / real,
        "second_ratio": forecasts[1] / real,
    }


def main() -> None:
    """Compare all steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    settle_heap()
    torch.set_num_threads(1)
    rows = [compared(*step) for step in STEPS]
    write_record(arguments.json, "long_steps", {"rows": rows}, rows)


if __name__ == "__main__":
    main()
