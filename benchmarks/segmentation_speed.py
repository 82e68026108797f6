"""Segmenting, beside MONAI's sliding_window_inference with the same weights.

    python benchmarks/segmentation_speed.py --device cpu
    python benchmarks/segmentation_speed.py --device cuda --size 512 --variants

Trains the plan's default network for a moment on phantoms (or on the cases of
--data, a quarter of them held out), then segments one volume that it has not seen
in turns (A B A B, medians): ours; MONAI's sliding windows with overlap 0.25, all
equal, and 0.5, Gaussian. Every side starts from the gray values as stored in main
memory and ends with labels there. Dice is told between the sides and against the
truth; memory is the peak of the GPU, or of a child process that only does this one
thing. --size repeats the volume, mirrored, until it has so many voxels a side.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from record import write_record

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.domain.gray_values import check_gray_values
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine import prediction
from specimen_unet.engine.devices import choose_device
from specimen_unet.engine.intensity import intensity_scale, normalised
from specimen_unet.engine.model import Model, load_model
from specimen_unet.engine.network_parts import replace_parts
from specimen_unet.engine.planning import plan as make_plan
from specimen_unet.engine.precision import autocast, fastest_precision
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array

WINDOWS = {
    "MONAI 0.25 constant": {"overlap": 0.25, "mode": "constant"},
    "MONAI 0.5 gaussian": {"overlap": 0.5, "mode": "gaussian"},
}
WINDOWS_AT_ONCE = 4


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


def monai_side(
    case: Case, model: Model, device: torch.device, precision: str, **keywords: Any
) -> Callable[[], Array]:
    """Return MONAI's way, from gray values as stored to labels."""
    plan = model.plan
    network = model.network.to(device).eval()

    @torch.inference_mode()
    def run() -> Array:
        scale = intensity_scale(case.image, plan.normalisation)
        image = torch.from_numpy(normalised(case.image, *scale))[None].to(device)
        with autocast(device, precision):
            logits = sliding_window_inference(
                image, plan.patch, WINDOWS_AT_ONCE, network, **keywords
            )
        classes = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
        return np.array(plan.label_values, np.uint8)[classes]

    return run


def our_side(
    case: Case, model: Model, device: torch.device, **changes: Any
) -> Callable[[], Array]:
    """Return our way, without probabilities."""

    def run() -> Array:
        return segment(
            case, model, device=str(device), probabilities=False, **changes
        ).labels

    return run


def dice(a: Array, b: Array) -> float:
    """Dice of all labels together, slab by slab."""
    both = sum(int(((x == y) & (x > 0)).sum()) for x, y in zip(a, b, strict=True))
    total = sum(
        int((x > 0).sum()) + int((y > 0).sum()) for x, y in zip(a, b, strict=True)
    )
    return 2 * both / total if total else math.nan


def timed(run: Callable[[], Array], device: torch.device) -> tuple[float, Array, int]:
    """Run once: seconds, labels, and the peak of the GPU's memory in bytes."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    labels = run()
    seconds = time.perf_counter() - start
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    return seconds, labels, peak


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


class VarMeanNorm(torch.nn.Module):
    """Instance normalisation by `torch.var_mean`, which no memory format slows."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (N, C, *spatial)."""
        axes = tuple(range(2, x.ndim))
        variance, mean = torch.var_mean(x.float(), axes, correction=0, keepdim=True)
        column = (1, -1) + (1,) * (x.ndim - 2)
        factor = self.weight.reshape(column) * torch.rsqrt(variance + self.eps)
        offset = self.bias.reshape(column) - mean * factor
        return torch.addcmul(offset.to(x.dtype), x, factor.to(x.dtype))


def with_var_mean(network: torch.nn.Module) -> torch.nn.Module:
    """Return a copy with other instance norms."""
    other = copy.deepcopy(network)
    replace_parts(other, torch.nn.InstanceNorm3d, VarMeanNorm)
    return other


@torch.inference_mode()
def forward_variants(model: Model, device: torch.device) -> list[dict[str, Any]]:
    """Time the network alone: tile sizes, memory formats, precisions, norms."""
    networks = {
        "instance_norm": model.network.to(device).eval(),
        "var_mean": with_var_mean(model.network).to(device).eval(),
    }
    formats = {
        "contiguous": torch.contiguous_format,
        "channels_last_3d": torch.channels_last_3d,
    }
    rows = []
    for size, (norm, network), (name, layout), precision, tuned in itertools.product(
        (128, 192, 256, 320),
        networks.items(),
        formats.items(),
        ("bfloat16", "float16", "float32"),
        (False, True),
    ):
        if precision == "float32" and (size > 192 or tuned):
            continue
        if tuned and size > 256:
            continue
        torch.backends.cudnn.benchmark = tuned
        moved = network.to(memory_format=layout)
        tile = torch.randn(1, 1, size, size, size, device=device)
        tile = tile.to(memory_format=layout)
        row = {
            "tile": size,
            "norm": norm,
            "format": name,
            "precision": precision,
            "cudnn_benchmark": tuned,
        }
        try:
            with autocast(device, precision):
                moved(tile)
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
                before = torch.cuda.memory_allocated()
                start = time.perf_counter()
                for _ in range(3):
                    moved(tile)
                torch.cuda.synchronize()
            seconds = (time.perf_counter() - start) / 3
            used = torch.cuda.max_memory_allocated() - before
            row |= {
                "ms": round(1000 * seconds, 2),
                "mvox_per_s": round(size**3 / seconds / 1e6),
                "bytes_per_voxel": round(used / size**3, 1),
            }
        except RuntimeError as error:
            row["error"] = str(error)[:100]
            torch.cuda.empty_cache()
        rows.append(row)
    torch.backends.cudnn.benchmark = False
    networks["instance_norm"].to(memory_format=torch.contiguous_format)
    return sorted(rows, key=lambda row: -row.get("mvox_per_s", 0))


def tile_variants(
    case: Case, model: Model, device: torch.device, truth: Array
) -> list[dict[str, Any]]:
    """Time the whole of our way with other limits of the tile."""
    rows = []
    for side in (128, 192, 256, 322, 406, 512):
        with mock.patch.object(prediction, "MOST_VOXELS", side**3):
            run = our_side(case, model, device)
            try:
                run()
                taken = [timed(run, device) for _ in range(3)]
            except (RuntimeError, SpecimenUnetError) as error:
                rows.append({"most_voxels": f"{side}^3", "error": str(error)[:100]})
                continue
        rows.append(
            {
                "most_voxels": f"{side}^3",
                "seconds": statistics.median(seconds for seconds, _, _ in taken),
                "gpu_peak_gb": round(taken[0][2] / 2**30, 2),
                "dice_with_truth": dice(taken[0][1], truth),
            }
        )
    return rows


def table(found: dict[str, Any]) -> None:
    """Print what was found for people."""
    base = found.get("MONAI 0.25 constant", {"seconds": math.nan})["seconds"]
    print(f"{'':24}{'s':>9}{'times 0.25':>12}{'Dice':>8}{'GPU GB':>8}")
    for name, row in found.items():
        print(
            f"{name:24}{row['seconds']:9.3f}{base / row['seconds']:12.2f}"
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
