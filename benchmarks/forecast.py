"""The plan's forecast of a step's memory and time beside what a training takes.

    python benchmarks/forecast.py --threads 1
    python benchmarks/forecast.py --device cuda

Each network is planned and trained for some steps on noise in a process of its own,
which settles its heap as a run does. Memory is what the process grew by until the
last step: the peak of its resident memory on a CPU (VmHWM, Linux), on CUDA what torch
had allocated at most. Time is the median over the steps after the first five.

On a CPU with one thread the forecast is then made again between some more steps, in
turns, by the clock of that thread: what it says does not hang on what else the machine
does. The best of each is compared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from record import write_record

from specimen_unet.domain.case import Case
from specimen_unet.domain.events import StepDone
from specimen_unet.engine.batch_time import seconds_of_batch
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.forecast import seconds_of_step
from specimen_unet.engine.planning import plan
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from specimen_unet.domain.events import Event
    from specimen_unet.domain.plan import Plan

SHAPES = {2: (256, 320), 3: (64, 96, 96)}
NETWORKS: dict[str, dict[str, Any]] = {
    "small": {"network": "UNet", "channels": (16, 32, 64)},
    "light": {"channels": (16, 32, 64)},
    "default": {},
    "nnU-Net's": {"network": "DynUNet"},
    "MONAI's UNet": {"network": "UNet"},
}
FIRST_STEPS = 5
ROUNDS = 3
STEPS_A_ROUND = 4
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
    # So many that no validation comes between those that are timed.
    steps = {"ending": "steps", "steps": 10**6, "device": arguments.device}
    chosen = plan(cases, dimensions=dimensions, **steps, **NETWORKS[network])
    is_cuda = chosen.device.startswith("cuda")
    if is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    events = training(cases, chosen)
    seconds = statistics.median(
        taken_by(events, arguments.steps, time.perf_counter, is_cuda)[FIRST_STEPS:]
    )
    after = torch.cuda.max_memory_allocated() if is_cuda else resident(peak=True)
    is_alone = not is_cuda and arguments.threads == 1
    alone = in_turns(events, cases, chosen) if is_alone else {}
    events.close()
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
        **alone,
    }


def taken_by(
    events: Generator[Event, None, Any],
    steps: int,
    clock: Callable[[], float],
    is_cuda: bool = False,
) -> list[float]:
    """Let a training make some steps, and return the seconds of each."""
    times = [clock()]
    while len(times) <= steps:
        if isinstance(next(events), StepDone):
            if is_cuda:
                torch.cuda.synchronize()
            times.append(clock())
    return [after - before for before, after in itertools.pairwise(times)]


def in_turns(
    events: Generator[Event, None, Any], cases: list[Case], chosen: Plan
) -> dict[str, float]:
    """Forecast and train in turns by the clock of this thread."""
    forecasts, taken = [], []
    for _ in range(ROUNDS):
        batch = seconds_of_batch(cases, chosen, time.thread_time)
        forecasts.append(seconds_of_step(chosen, time.thread_time) + batch)
        taken += taken_by(events, STEPS_A_ROUND, time.thread_time)
    return {
        "forecast_thread_seconds": min(forecasts),
        "measured_thread_seconds": min(taken),
        "thread_time_ratio": min(forecasts) / min(taken),
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
