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
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai_pipeline import MonaiPatches
from record import write_record

from specimen_unet.domain.case import Case
from specimen_unet.domain.events import StepDone, Warned
from specimen_unet.domain.plan import Split
from specimen_unet.engine.learner import make_optimiser
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.engine.precision import autocast
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.patches import Batch

# Patch and batch: what a planner takes for such a device, multiples of 16 everywhere.
SIZES = {
    ("cpu", 2): ((256, 256), 8),
    ("cpu", 3): ((48, 48, 48), 2),
    ("cuda", 2): ((512, 512), 12),
    ("cuda", 3): ((128, 128, 128), 2),
}
SHAPES = {
    ("cpu", 2): (320, 320),
    ("cpu", 3): (64, 96, 96),
    ("cuda", 2): (768, 768),
    ("cuda", 3): (160, 256, 256),
}
CASES = 6
NETWORKS = [("UNet", 2), ("UNet", 3), ("DynUNet", 3)]
WARM_UP = 8


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


def phantoms(device: str, dimensions: int) -> list[Case]:
    """Make noise with a block of a label, as 16-bit integers."""
    generator = np.random.default_rng(0)
    shape = SHAPES[device, dimensions]
    labels = np.zeros(shape, np.uint8)
    labels[tuple(slice(n // 3, n // 2) for n in shape)] = 1
    spacing = (1.0,) * dimensions
    return [
        Case(
            generator.integers(0, 4000, shape, np.uint16) + np.uint16(900) * labels,
            {"EA": labels},
            spacing=spacing,
            unit="mm",
            name=f"phantom {number}",
        )
        for number in range(CASES)
    ]


def read(data: Path) -> list[Case]:
    """Read cases from .npy files, or else as the package reads them."""
    images = sorted((data / "images").glob("*.npy"))
    if not images:
        from specimen_unet.files.cases import read_cases

        return read_cases(data)
    cases = []
    for path in images:
        labels = np.load(data / "labels" / path.name)
        cases.append(
            Case(
                np.load(path),
                {"truth": labels},
                spacing=(1.0,) * labels.ndim,
                unit="mm",
                name=path.stem,
            )
        )
    return cases


def plan_for(cases: Sequence[Case], network: str, dimensions: int, device: str) -> Plan:
    """Plan as the package does, but with the patch and batch of this benchmark."""
    patch, batch = SIZES[device, dimensions]
    decided = make_plan(
        cases,
        dimensions=dimensions,
        network=network,
        patch=patch,
        batch=batch,
        device=device,
        ending="steps",
        steps=1_000_000,
    )
    split = Split(training=tuple(case.name for case in cases), validation=())
    return decided.model_copy(update={"split": split})


class OurLoop:
    """The loop that trains, a few steps at a time."""

    def __init__(self, cases: Sequence[Case], plan: Plan, device: torch.device) -> None:
        self._events = training(cases, plan, device=device)
        self.warnings: list[str] = []
        self.steps(WARM_UP)

    def steps(self, count: int) -> None:
        """Make some steps."""
        while count:
            event = next(self._events)
            count -= isinstance(event, StepDone)
            if isinstance(event, Warned):
                self.warnings.append(event.message)

    def close(self) -> None:
        """Leave the training."""
        self._events.close()


def waits_of(cases: Sequence[Case], plan: Plan, device: torch.device) -> str:
    """Return where a step makes the CPU wait for the GPU; nothing where none does."""
    ours = OurLoop(cases, plan, device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        ours.steps(3 * WARM_UP)
    except RuntimeError:
        return traceback.format_exc()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        ours.close()
    return ""


class BareLoop:
    """Plain PyTorch on one batch that is ready; `is_graphed` replays a CUDA graph."""

    def __init__(
        self,
        batch: Batch,
        plan: Plan,
        device: torch.device,
        *,
        is_graphed: bool = False,
    ) -> None:
        self._plan, self._device, self._batch = plan, device, batch
        self._network = build_network(plan).to(device).train()
        self._optimiser = make_optimiser(plan, self._network, device)
        self._loss = build_loss(plan)
        self._graph: Any = None
        if not is_graphed:
            self.steps(WARM_UP)
            return
        other = torch.cuda.Stream()
        other.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(other):
            self.steps(WARM_UP)
        torch.cuda.current_stream().wait_stream(other)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._step()

    def steps(self, count: int) -> None:
        """Make some steps."""
        make = self._graph.replay if self._graph else self._step
        for _ in range(count):
            make()

    def _step(self) -> None:
        with autocast(self._device, self._plan.precision):
            logits = self._network(self._batch.images)
        loss = self._loss(logits, self._batch.classes)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 12.0)
        self._optimiser.step()


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
