"""Does the engine work on a graphics card: train, resume, segment, as on the CPU.

    python -m benchmarks gpu_smoke --device cuda

Small phantoms in 3D and 2D, and each network of the menu for three steps in one of the
two: what a graphics card needs to choose its kernels takes seconds for each. Says what
agrees with the CPU and how far; ends with 1 if anything does not.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from record import write_record

import specimen_unet as su
from specimen_unet.domain.events import StepDone
from specimen_unet.domain.phantoms import specimen_phantom

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 30
# Half precision rounds differently; two labels of 500 voxels may.
LABELS_ALIKE = 0.995
# Of the first step in full precision without augmentation, whose noise each device
# draws for itself.
LOSS_TOLERANCE = 0.01
NETWORKS = {3: ("UNet", "DynUNet", "SegResNet"), 2: ("AttentionUnet", "FlexibleUNet")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases = [small(specimen_phantom(seed)) for seed in range(3)]
    device = arguments.device
    checks: dict[str, Callable[[], dict[str, Any]]] = {}
    for dimensions in (3, 2):
        kind = f"{dimensions}D"
        checks |= {
            f"{kind}: trains and segments as the CPU does": (
                lambda d=dimensions: trains(cases, d, device)
            ),
            f"{kind}: resumes where it was left": (
                lambda d=dimensions: resumes(cases, d, device)
            ),
        }
        for network in NETWORKS[dimensions]:
            checks[f"{kind}: {network} makes 3 steps"] = (
                lambda d=dimensions, n=network: makes_steps(cases, d, n, device)
            )
    results = {}
    for name, check in checks.items():
        results[name] = outcome(check)
        # At once: what comes after may hang.
        mark = "fine" if results[name]["fine"] else "WRONG"
        print(f"{mark:6}{name}: {what(results[name])}", flush=True)
    rows = [
        {"check": name, "fine": result["fine"], "seconds": result["took"]}
        for name, result in results.items()
    ]
    write_record(arguments.json, "gpu_smoke", results, rows)
    return 0 if all(result["fine"] for result in results.values()) else 1


def small(case: su.Case) -> su.Case:
    """Cut a phantom's middle out, so that the CPU is not waited for."""
    inside = tuple(
        slice(n // 2 - k, n // 2 + k)
        for n, k in zip(case.shape, (8, 48, 48), strict=True)
    )
    labels = {name: drawn[inside] for name, drawn in case.labels.items()}
    return su.Case(
        case.image[(slice(None), *inside)],
        labels,
        spacing=case.grid.spacing,
        unit=case.grid.unit,
        name=case.name,
    )


def planned(cases: list[su.Case], dimensions: int, device: str, **changes: Any) -> Any:
    """Plan some steps; patches that are quick on a CPU too."""
    patch = (64, 64) if dimensions == 2 else (16, 48, 48)
    changes = {"steps": STEPS, **changes}
    return su.plan(
        cases,
        dimensions=dimensions,
        device=device,
        ending="steps",
        patch=patch,
        **changes,
    )


def trains(cases: list[su.Case], dimensions: int, device: str) -> dict[str, Any]:
    """Train on the device; its labels and its first loss are near those of the CPU."""
    plan = planned(cases, dimensions, device)
    events, losses = su.training(cases, plan), []
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            model = end.value
            break
        if isinstance(event, StepDone) and np.isfinite(event.loss):
            losses.append(event.loss)
    labels = {
        where: su.segment(cases[0], model, device=where, probabilities=False).labels
        for where in (device, "cpu")
    }
    alike = float((labels[device] == labels["cpu"]).mean())
    plain = plan.model_copy(
        update={"steps": 3, "augmentation": 0.0, "precision": "float32"}
    )
    first = [losses_of(cases, plain, where)[0] for where in (device, "cpu")]
    return {
        "fine": alike >= LABELS_ALIKE and abs(first[0] - first[1]) < LOSS_TOLERANCE,
        "precision": plan.precision,
        "labels_alike": alike,
        "foreground": float((labels["cpu"] > 0).mean()),
        "first_loss": first,
        "losses": [losses[0], losses[-1]],
    }


def resumes(cases: list[su.Case], dimensions: int, device: str) -> dict[str, Any]:
    """Leave a training half-way and go on; the weights are near an unbroken one's."""
    plan = planned(cases, dimensions, device)
    whole = su.train(cases, plan)
    with tempfile.TemporaryDirectory() as folder:
        events = su.training(cases, plan, checkpoints=Path(folder))
        for event in events:
            if isinstance(event, StepDone) and event.step == STEPS // 2:
                break
        events.close()
        events = su.training(cases, plan, checkpoints=Path(folder), resume=True)
        first = None
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                resumed = end.value
                break
            if isinstance(event, StepDone) and first is None:
                first = event.step
    pairs = zip(whole.network.parameters(), resumed.network.parameters(), strict=True)
    apart = max(float((a - b).abs().max()) for a, b in pairs)
    return {
        "fine": first == STEPS // 2 + 1 and apart < 0.1,
        "first_step": first,
        "weights_apart": apart,
    }


def makes_steps(
    cases: list[su.Case], dimensions: int, network: str, device: str
) -> dict[str, Any]:
    """Plan and train one network for three steps."""
    plan = planned(cases, dimensions, device, network=network, steps=3)
    began = time.perf_counter()
    losses = losses_of(cases, plan)
    return {
        "fine": bool(np.isfinite(losses).all()),
        "seconds": time.perf_counter() - began,
        "patch": plan.patch,
    }


def losses_of(
    cases: list[su.Case], plan: Any, device: str | None = None
) -> list[float]:
    """Train; return the losses that were told."""
    events = su.training(cases, plan, device=device)
    told = [event.loss for event in events if isinstance(event, StepDone)]
    return [loss for loss in told if np.isfinite(loss)]


def outcome(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a check; whatever it raises is its outcome."""
    began = time.perf_counter()
    try:
        result = check()
    except Exception:  # noqa: BLE001 (the next check is made all the same)
        result = {"fine": False, "error": traceback.format_exc()}
    return {**result, "took": time.perf_counter() - began}


def what(result: dict[str, Any]) -> str:
    """Say the outcome in a line."""
    if "error" in result:
        return str(result["error"]).strip().splitlines()[-1]
    shown = (item for item in result.items() if item[0] != "fine")
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in shown
    )


if __name__ == "__main__":
    raise SystemExit(main())
