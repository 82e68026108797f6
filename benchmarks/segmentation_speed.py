"""Segmenting, beside MONAI's sliding_window_inference with the same weights.

    python benchmarks/segmentation_speed.py --device cpu
    python benchmarks/segmentation_speed.py --device cuda --size 512 --variants

Trains the plan's default network for a moment on phantoms (or on the cases of
--data, a quarter of them held out), then segments one volume that it has not seen
in turns (A B A B, medians): ours; MONAI's sliding windows with overlap 0.25, all
equal, and 0.5, Gaussian, in the same precision, and with 0.25 in float32, as MONAI's
users run it who say nothing. Every side starts from the gray values as stored in main
memory and ends with labels there. Dice is told between the sides and against the
truth; memory is the peak of the GPU, or of a child process that only does this one
thing. --size repeats the volume, mirrored, until it has so many voxels a side.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from record import write_record
from segmentation_sides import dice, monai_side, our_side, timed
from segmentation_variants import forward_variants, tile_variants

from specimen_unet.domain.case import Case
from specimen_unet.domain.gray_values import check_gray_values
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.intensity import intensity_scale
from specimen_unet.engine.model import Model, load_model
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.engine.precision import fastest_precision
from specimen_unet.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array

USUAL = "MONAI 0.25 constant"
WINDOWS = {
    USUAL: {"overlap": 0.25, "mode": "constant"},
    "MONAI 0.5 gaussian": {"overlap": 0.5, "mode": "gaussian"},
}


def say(line: str) -> None:
    """Tell how far it is, where the table does not go."""
    print(line, file=sys.stderr, flush=True)


def cases_and_unseen(data: Path | None) -> tuple[list[Case], Case]:
    """Return what is learnt from, and one case that is not."""
    if data is None:
        return [specimen_phantom(seed) for seed in range(3)], specimen_phantom(3)
    from specimen_unet.files.cases import read_cases

    cases = list(read_cases(data))
    return cases[len(cases) // 4 :], cases[0]


def repeated(case: Case, size: int | None) -> Case:
    """Repeat a case, mirrored, until it has `size` voxels along every axis."""
    if size is None:
        return case
    pads = [(0, max(size - length, 0)) for length in case.shape]
    cut = tuple(slice(0, size) for _ in case.shape)
    image = np.pad(case.image, [(0, 0), *pads], "symmetric")[:, *cut]
    truth = np.pad(next(iter(case.labels.values())), pads, "symmetric")[cut]
    return Case(
        np.ascontiguousarray(image),
        {"truth": np.ascontiguousarray(truth)},
        spacing=case.grid.spacing,
        unit=case.grid.unit,
        name=case.name,
    )


def trained(arguments: Any, cases: list[Case], device: torch.device) -> Model:
    """Load a model, or train one for a moment."""
    if arguments.model:
        return load_model(arguments.model)
    decided = make_plan(
        cases,
        minutes=arguments.minutes,
        device=str(device),
        dimensions=3,
        # So that a volume that is repeated has the spacing of the plan.
        spacing=cases[0].grid.spacing,
    )
    return train(cases, decided, progress=say)


def in_turns(
    sides: dict[str, Callable[[], Array]],
    truth: Array,
    device: torch.device,
    rounds: int,
) -> dict[str, Any]:
    """Run all sides in turn and tell medians, the first round of each not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, dict[str, Any]] = {}
    labels: dict[str, Array] = {}
    for number, (name, run) in itertools.product(range(rounds + 1), sides.items()):
        taken, labels[name], peak = timed(run, device)
        say(f"{name}: {taken:.3f} s")
        if number == 0:
            found[name] = {"first_seconds": taken}
        else:
            seconds[name].append(taken)
        found[name]["gpu_peak_gb"] = round(peak / 2**30, 3)
    first = next(iter(labels))
    for name in sides:
        found[name] |= {
            "seconds": statistics.median(seconds[name]),
            "all_seconds": seconds[name],
            "dice_with_truth": dice(labels[name], truth),
            f"dice_with_{first}": dice(labels[name], labels[first]),
        }
    return found


def stages(case: Case, model: Model, device: torch.device) -> dict[str, float]:
    """Time what stands before the network, and the network alone on one tile."""
    found: dict[str, float] = {}

    def note(name: str, work: Callable[[], Any]) -> None:
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found[name] = time.perf_counter() - start

    note("check_gray_values", lambda: check_gray_values(case.image, "it"))
    note(
        "intensity_scale", lambda: intensity_scale(case.image, model.plan.normalisation)
    )
    for _ in range(2):
        note("upload", lambda: torch.from_numpy(case.image).to(device))
    return found


def table(found: dict[str, Any]) -> None:
    """Print what was found for people."""
    base = found.get(USUAL, {"seconds": math.nan})["seconds"]
    print(f"{'':30}{'s':>9}{'times 0.25':>12}{'Dice':>8}{'GPU GB':>8}")
    for name, row in found.items():
        print(
            f"{name:30}{row['seconds']:9.3f}{base / row['seconds']:12.2f}"
            f"{row['dice_with_truth']:8.4f}{row['gpu_peak_gb']:8.2f}"
        )


def main() -> None:
    """Time all sides and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of cases")
    parser.add_argument("--model", type=Path, help="a model file, instead of training")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, help="voxels along every axis")
    parser.add_argument("--minutes", type=float, default=0.2, help="of training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--precision", help="of all sides; the fastest here if not said"
    )
    parser.add_argument("--skip-monai", action="store_true")
    parser.add_argument("--variants", action="store_true", help="CUDA only")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = choose_device(arguments.device)
    cases, unseen = cases_and_unseen(arguments.data)
    began = time.perf_counter()
    model = trained(arguments, cases, device)
    say(f"a model after {time.perf_counter() - began:.1f} s: {model.plan.network}")
    case = repeated(unseen, arguments.size)
    (truth, *_) = case.labels.values()
    precision = arguments.precision or fastest_precision(device)
    plan = model.plan.model_copy(update={"precision": precision, "device": str(device)})
    model = Model(model.network, model.card.model_copy(update={"plan": plan}))
    sides = {"ours": our_side(case, model, device)}
    if not arguments.skip_monai:
        sides |= {
            name: monai_side(case, model, device, precision, **keywords)
            for name, keywords in WINDOWS.items()
        }
        if precision != "float32":
            keywords = WINDOWS[USUAL]
            plain = monai_side(case, model, device, "float32", **keywords)
            sides[f"{USUAL}, float32"] = plain
    found = in_turns(sides, truth, device, arguments.rounds)
    table(found)
    results: dict[str, Any] = {
        "shape": case.shape,
        "patch": plan.patch,
        "strides": plan.strides,
        "channels": plan.channels,
        "precision": precision,
        "threads": arguments.threads,
        "device": plan.device_name,
        "sides": found,
        "stages": stages(case, model, device),
    }
    if arguments.variants and device.type == "cuda":
        results["tiles"] = tile_variants(case, model, device, truth)
        results["forward"] = forward_variants(model, device)
    write_record(arguments.json, "segmentation_speed", results)


if __name__ == "__main__":
    main()
