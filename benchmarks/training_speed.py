"""How close training comes to what its network could do at best, and MONAI's patches.

    python benchmarks/training_speed.py --device cuda --data ../shared/data/hippocampus

Steps: the very loop that trains (`training`), and plain PyTorch on one batch that
is ready (same network, precision, batch, optimiser, loss, gradient clipping), in turns
in one process. The default network in 2D and 3D, and DynUNet (nnU-Net's network) in 3D.
On a CPU processor time counts, the thread that makes patches included; on a GPU time on
the wall, and there the loop is also run with every hidden synchronisation an error.

Patches: the same cases in memory, by `Patches` and by MONAI's dictionary transforms
with the same changes at the same shares; "indices" are MONAI's with the labelled voxels
found beforehand.

`--data` is a folder with images/ and labels/, of .npy files or of any format that
`read_cases` reads; without it phantoms are made. Nothing but the engine, torch and
MONAI is needed then.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai_pipeline import MonaiPatches
from record import write_record
from speed_cases import phantoms, plan_for, read
from training_loops import BareLoop, OurLoop, waits_of

from specimen_unet.engine.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from specimen_unet.domain.case import Case


NETWORKS = [("UNet", 2), ("UNet", 3), ("DynUNet", 3)]


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds of a device: processor time on a CPU, time on the wall elsewhere."""

    device: torch.device

    def __call__(self) -> float:
        """Wait until everything is done, and say how late it is."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()


def taken_by(clock: Clock, work: Callable[[int], None], count: int) -> float:
    """Return the seconds that one of `count` takes."""
    start = clock()
    work(count)
    return (clock() - start) / count


def in_turns(
    clock: Clock, sides: dict[str, Callable[[int], None]], arguments: Any
) -> dict[str, float]:
    """Time each side again and again; return the median seconds of one item."""
    counts = {
        name: max(2, round(arguments.seconds / max(taken_by(clock, work, 2), 1e-6)))
        for name, work in sides.items()
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, work in sides.items():
            times[name].append(taken_by(clock, work, counts[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def compare_steps(
    cases: Sequence[Case], network: str, dimensions: int, arguments: Any
) -> dict[str, Any]:
    """Compare the loop that trains with the bare network."""
    device = torch.device(arguments.device)
    plan = plan_for(cases, network, dimensions, arguments.device)
    waits = waits_of(cases, plan, device) if device.type == "cuda" else ""
    ours = OurLoop(cases, plan, device)
    batch = Patches(cases, plan, device).batch(0)
    sides = {"ours": ours.steps, "bare": BareLoop(batch, plan, device).steps}
    if device.type == "cuda":
        graphed = BareLoop(batch, plan, device, is_graphed=True)
        sides["bare graphed"] = graphed.steps
    try:
        seconds = in_turns(Clock(device), sides, arguments)
        if arguments.profile:
            profile(ours.steps, f"{network} {dimensions}D", device)
    finally:
        ours.close()
        del sides
        if device.type == "cuda":
            torch.cuda.empty_cache()
    voxels = plan.batch * int(np.prod(plan.patch))
    print(f"{network} {dimensions}D: {seconds}", file=sys.stderr, flush=True)
    return {
        "network": f"{network} {dimensions}D",
        "patch": plan.patch,
        "batch": plan.batch,
        "precision": plan.precision,
        "waits": waits,
        "warnings": ours.warnings,
        "ms": {name: 1000 * value for name, value in seconds.items()},
        "voxels_per_second": voxels / seconds["ours"],
        "share_of_bare": {
            name: value / seconds["ours"]
            for name, value in seconds.items()
            if name != "ours"
        },
    }


def compare_patches(
    cases: Sequence[Case], dimensions: int, arguments: Any
) -> dict[str, Any]:
    """Compare patches a second with MONAI's dictionary transforms."""
    device = torch.device(arguments.device)
    plan = plan_for(cases, "UNet", dimensions, arguments.device)
    patches = Patches(cases, plan, device)
    step = iter(range(1_000_000))

    def ours(count: int) -> None:
        for _ in range(count):
            patches.batch(next(step))

    sides: dict[str, Callable[[int], None]] = {"ours": ours}
    for name, has_indices in (("monai", False), ("monai indices", True)):
        pipeline = MonaiPatches(cases, plan, device, has_indices=has_indices)
        sides[name] = pipeline.batches
    for work in sides.values():
        work(2)
    seconds = in_turns(Clock(device), sides, arguments)
    rates = {name: plan.batch / value for name, value in seconds.items()}
    print(f"patches {dimensions}D: {rates}", file=sys.stderr, flush=True)
    return {
        "patch": plan.patch,
        "patches_per_second": rates,
        "times": {name: rates["ours"] / rates[name] for name in rates},
    }


def profile(work: Callable[[int], None], name: str, device: torch.device) -> None:
    """Print what takes the time of ten steps, and how often the CPU waits."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    steps = 10
    with torch.profiler.profile(activities=kinds) as record:
        work(steps)
        if device.type == "cuda":
            torch.cuda.synchronize()
    averages = record.key_averages()
    by = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    print(f"--- {name}, {steps} steps")
    print(averages.table(sort_by=by, row_limit=20, max_name_column_width=70))
    for entry in averages:
        if entry.key.startswith("cuda") or "emcpy" in entry.key:
            print(f"{entry.key}: {entry.count / steps:.1f} a step")


def show(results: dict[str, Any]) -> None:
    """Print tables, and what went wrong before them."""
    steps, patches = results.get("steps", ()), results.get("patches", ())
    for row in steps:
        for problem in filter(None, [row["waits"], *row["warnings"]]):
            print(f"{row['network']}: {problem}")
    print("\n| network | patch, batch | ms | bare ms | Mvoxels/s | share of bare |")
    print("|---|---|---|---|---|---|")
    for row in steps:
        size = " x ".join(map(str, row["patch"]))
        bare = ", ".join(
            f"{value:.2f}" for name, value in row["ms"].items() if name != "ours"
        )
        share = ", ".join(f"{100 * v:.1f} %" for v in row["share_of_bare"].values())
        print(
            f"| {row['network']} | {size}, {row['batch']} | {row['ms']['ours']:.2f} "
            f"| {bare} | {row['voxels_per_second'] / 1e6:.2f} | {share} |"
        )
    print("\n| patches | ours /s | MONAI /s | MONAI, indices /s | times | times |")
    print("|---|---|---|---|---|---|")
    for row in patches:
        size = " x ".join(map(str, row["patch"]))
        rates = " | ".join(f"{v:.1f}" for v in row["patches_per_second"].values())
        times = " | ".join(f"{v:.1f}" for v in [*row["times"].values()][1:])
        print(f"| {size} | {rates} | {times} |")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--part", choices=["steps", "patches", "both"], default="both")
    parser.add_argument("--seconds", type=float, default=0.7, help="of each timing")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="on a CPU")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    given = read(arguments.data) if arguments.data else None
    results: dict[str, Any] = {"device": arguments.device, "threads": arguments.threads}
    if arguments.device == "cuda":
        results["gpu"] = torch.cuda.get_device_name()

    def cases_for(dimensions: int) -> Sequence[Case]:
        is_fit = given and (len(given[0].shape) == dimensions or dimensions == 2)
        return given if given and is_fit else phantoms(arguments.device, dimensions)

    if arguments.part != "patches":
        results["steps"] = [
            compare_steps(cases_for(dimensions), network, dimensions, arguments)
            for network, dimensions in NETWORKS
        ]
    if arguments.part != "steps":
        results["patches"] = [
            compare_patches(cases_for(dimensions), dimensions, arguments)
            for dimensions in (2, 3)
        ]
    show(results)
    write_record(arguments.json, "training speed", results)


if __name__ == "__main__":
    main()
