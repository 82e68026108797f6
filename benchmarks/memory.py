"""Peak memory against the forecast: training, and segmenting 512 x 512 x 512 voxels.

    python -m benchmarks memory --device cpu

Each measurement has a process of its own, whose peak (VmHWM; on a GPU what torch's
allocator held) is read. Training: what the process grew by from the moment at which
all libraries are loaded, against the forecast of a plan that another process made,
since planning tries a step. Segmenting: the whole process against the
volume, which is held in memory as uint8, as a layer of napari would be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record

NETWORKS: dict[str, dict[str, Any]] = {
    "our plan": {},
    "UNet 16-128": {"network": "UNet", "channels": (16, 32, 64, 128)},
    "DynUNet": {"network": "DynUNet"},
}
STEPS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read: phantoms are made")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--edge", type=int, default=512, help="of the volume")
    parser.add_argument("--skip-training", action="store_true")
    parser.add_argument("--skip-segmenting", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(alone(**json.loads(arguments.alone))))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        model = str(Path(folder) / "model.safetensors")
        common = {"device": arguments.device, "model": model}
        names = [*NETWORKS] if not arguments.skip_training else ["our plan"]
        for name in names:
            planned = child(task="plan", name=name, device=arguments.device)
            rows.append(child(task="train", name=name, **planned, **common))
        if not arguments.skip_segmenting:
            rows.append(child(task="segment", edge=arguments.edge, **common))
    write_record(arguments.json, "memory", {"rows": rows}, rows)


def child(**order: Any) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--alone", json.dumps(order)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode:
        return {"failed": order["task"], "status": answer.returncode}
    result: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return result


def alone(task: str, **order: Any) -> dict[str, Any]:
    """Do one measurement in this process."""
    return {"plan": planned, "train": train, "segment": segment}[task](**order)


def specimens() -> list[Any]:
    """Make the cases that are planned and trained on."""
    from specimen_unet.domain.phantoms import specimen_phantom

    return [specimen_phantom(seed) for seed in range(2)]


def planned(name: str, device: str) -> dict[str, Any]:
    """Make a plan, as JSON."""
    import specimen_unet as su

    plan = su.plan(
        specimens(),
        dimensions=3,
        device=device,
        ending="steps",
        steps=STEPS,
        **NETWORKS[name],
    )
    return {"plan": plan.model_dump_json()}


def train(name: str, device: str, model: str, plan: str) -> dict[str, Any]:
    """Train a few steps; what they took, beside the forecast."""
    import specimen_unet as su
    from specimen_unet.domain.events import StepDone
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.devices import settle_heap
    from specimen_unet.engine.learner import Learner

    settle_heap()
    cases, decided = specimens(), Plan.model_validate_json(plan)
    # The first optimiser brings PyTorch's compiler.
    Learner(decided, torch_device(device), None)
    give_back_heap()
    reset_peak(device)
    before = used(device)
    seconds, events, began = [], su.training(cases, decided), time.perf_counter()
    # The peak of learning: what follows, validation, is not in the forecast.
    for event in events:
        if isinstance(event, StepDone):
            seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
            if event.step == STEPS - 1:
                break
    taken = peak(device) - before
    events.close()
    if name == "our plan":
        su.train(cases, decided).save(model)
    forecast = decided.forecast
    return {
        "training": name,
        "patch": str(decided.patch),
        "batch": decided.batch,
        "precision": decided.precision,
        "GB": taken / 1e9,
        "forecast GB": forecast.memory_bytes / 1e9,
        "of forecast": taken / forecast.memory_bytes,
        "s/step": float(np.median(seconds[1:])),
        "forecast s/step": forecast.seconds_per_step,
    }


def give_back_heap() -> None:
    """Give back what was freed: a training in it would seem to take less."""
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def torch_device(name: str) -> Any:
    """Return the device by the name that torch knows it by."""
    from specimen_unet.engine.devices import choose_device

    return choose_device(name)


def segment(edge: int, device: str, model: str) -> dict[str, Any]:
    """Segment a volume of noise with the model that was trained before."""
    import torch

    import specimen_unet as su
    from specimen_unet.engine.prediction import bytes_of_a_pass

    loaded = su.load_model(model)
    random = np.random.default_rng(0)
    volume = random.integers(0, 256, (edge,) * 3, dtype=np.uint8)
    case = su.Case(
        volume, spacing=loaded.plan.spacing, unit=loaded.plan.unit, name="noise"
    )
    reset_peak("cpu")
    reset_peak(device)
    # Labels are as many bytes as the volume, which is in memory already.
    forecast = used("cpu")
    if device == "cpu":
        forecast += int(bytes_of_a_pass(torch.device(device)))
    began = time.perf_counter()
    result = su.segment(case, loaded, device=device, probabilities=False)
    seconds = time.perf_counter() - began
    beyond = peak("cpu") - volume.nbytes
    return {
        "segmenting": f"{edge}^3 uint8",
        "network": loaded.plan.network,
        "seconds": seconds,
        "Mvoxel/s": volume.size / seconds / 1e6,
        "GB of the volume": volume.nbytes / 1e9,
        "GB of the process": peak("cpu") / 1e9,
        "GB beyond the volume": beyond / 1e9,
        "forecast GB beyond the volume": forecast / 1e9,
        "GB of the GPU": peak(device) / 1e9 if device != "cpu" else None,
        "labels": str(result.labels.dtype),
    }


def reset_peak(device: str) -> None:
    """Begin a new peak."""
    if device == "cpu":
        Path("/proc/self/clear_refs").write_text("5")
        return
    import torch

    torch.cuda.reset_peak_memory_stats()


def used(device: str) -> int:
    """Return the bytes in use now."""
    if device == "cpu":
        return _status("VmRSS")
    import torch

    return int(torch.cuda.memory_allocated())


def peak(device: str) -> int:
    """Return the most bytes that were in use since the peak was begun anew."""
    if device == "cpu":
        return _status("VmHWM")
    import torch

    return int(torch.cuda.max_memory_allocated())


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
