"""The plan's forecast of a step's memory and time beside what a training takes.

    python benchmarks/forecast.py --threads 1
    python benchmarks/forecast.py --device cuda

Each network is planned and trained for some steps on noise in a process of its own,
which settles its heap as a run does. Memory is what the process grew by until the
last step: the peak of its resident memory on a CPU (VmHWM, Linux), on CUDA what torch
had allocated at most. Time is the median over the steps after the first five.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import write_record

from specimen_unet.domain.case import Case
from specimen_unet.domain.events import StepDone
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.planning import plan
from specimen_unet.engine.training import training

SHAPES = {2: (256, 320), 3: (64, 96, 96)}
NETWORKS: dict[str, dict[str, Any]] = {
    "light": {"channels": (16, 32, 64)},
    "default": {},
    "nnU-Net's": {"network": "DynUNet"},
    "MONAI's UNet": {"network": "UNet"},
}
FIRST_STEPS = 5
STATUS = Path("/proc/self/status")


def noise(dimensions: int) -> list[Case]:
    """Make two cases with a labelled block in each."""
    cases = []
    for seed in range(2):
        image = np.random.default_rng(seed).normal(100, 20, SHAPES[dimensions])
        labels = np.zeros(image.shape, np.uint8)
        labels[tuple(slice(n // 4, 3 * n // 4) for n in image.shape)] = 1
        image = np.clip(image + 40 * labels, 0, 255).astype(np.uint8)
        cases.append(Case(image, {"EA": labels}, name=f"noise {seed}", unit="mm"))
    return cases


def resident(peak: bool) -> int:
    """Return the bytes of this process in memory, now or at most."""
    name = "VmHWM" if peak else "VmRSS"
    for line in STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} says nothing about {name}.")


def measured(dimensions: int, network: str, arguments: Any) -> dict[str, Any]:
    """Plan and train in this process."""
    settle_heap()
    torch.set_num_threads(arguments.threads)
    cases = noise(dimensions)
    # Planning takes a step too, and what it frees the process keeps for itself.
    before = 0 if arguments.device.startswith("cuda") else resident(peak=False)
    steps = {"ending": "steps", "steps": arguments.steps, "device": arguments.device}
    chosen = plan(cases, dimensions=dimensions, **steps, **NETWORKS[network])
    is_cuda = chosen.device.startswith("cuda")
    if is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    times = []
    for event in training(cases, chosen):
        if isinstance(event, StepDone):
            if is_cuda:
                torch.cuda.synchronize()
            times.append(time.perf_counter())
            if len(times) == arguments.steps:
                break
    after = torch.cuda.max_memory_allocated() if is_cuda else resident(peak=True)
    seconds = statistics.median(np.diff(times[FIRST_STEPS:]))
    forecast = chosen.forecast
    return {
        "dimensions": dimensions,
        "network": network,
        "sizes": [chosen.network, chosen.channels, chosen.patch, chosen.batch],
        "precision": chosen.precision,
        "forecast_bytes": forecast.memory_bytes,
        "measured_bytes": after - before,
        "memory_ratio": forecast.memory_bytes / (after - before),
        "forecast_seconds": forecast.seconds_per_step,
        "measured_seconds": seconds,
        "time_ratio": forecast.seconds_per_step / seconds,
    }


def in_child(dimensions: int, network: str, arguments: Any) -> dict[str, Any]:
    """Measure in a process of its own."""
    options = ["--device", arguments.device, "--threads", str(arguments.threads)]
    options += ["--steps", str(arguments.steps)]
    command = [sys.executable, __file__, "--only", str(dimensions), network, *options]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    print(json.dumps(found), file=sys.stderr)
    return found


def main() -> None:
    """Measure all networks in both dimensions, and write down the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", nargs=2)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.only:
        dimensions, network = arguments.only
        print(json.dumps(measured(int(dimensions), network, arguments)))
        return
    rows = [
        in_child(dimensions, network, arguments)
        for dimensions in SHAPES
        for network in arguments.networks
    ]
    write_record(arguments.json, "forecast", {"rows": rows})


if __name__ == "__main__":
    main()
