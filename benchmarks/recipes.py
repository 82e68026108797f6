"""What changes of a training's recipe are worth, in steps that a CPU would make.

    python -m benchmarks recipes --data .gpu --device cuda --workers 15 --only h20

Each run of `recipe_runs` takes so many steps on the cases of other folds (whole groups;
what the plan holds out for validation is not learnt from, as in the program), and is
scored on the cases of its fold with the smoothed weights of the end: nothing is
selected. `--workers` runs at a time, each in a process of its own and one thread; none
that is not done after `--seconds` counts. Scored as a segmentation does by default,
and with mirrors along the plan's axes (`mirrored`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from networks import own_levels, read
from recipe_runs import Run, runs
from record import write_record
from torch.nn import functional

import specimen_unet as su
from specimen_unet.domain.folds import deal_folds, traits_of
from specimen_unet.domain.phantoms import specimen_phantom
from specimen_unet.engine.graphed_step import GraphedStep
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.patches import Batch, Patches
from specimen_unet.engine.pretrained import pretrained_weights
from specimen_unet.engine.schedule import one_cycle
from specimen_unet.engine.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan

FOLDS = 5
PHANTOMS = 15


def cases_of(data: Path, images: str) -> list[su.Case]:
    """Read the cases, or make phantoms of specimens."""
    if images == "phantoms":
        return [specimen_phantom(seed) for seed in range(PHANTOMS)]
    return read(data, images)


def planned(cases: list[su.Case], run: Run, device: str) -> Plan:
    """Plan a run: by its settings, then what it says of the plan."""
    folds = deal_folds([traits_of(case) for case in cases], FOLDS, 0)
    training = [case for case in cases if folds[case.name] != run["fold"]]
    scored = [case.name for case in cases if folds[case.name] == run["fold"]]
    plan = su.plan(training, device="cpu", minutes=10, **run["settings"])
    changes = {
        **run["plan"],
        "steps": run["steps"],
        "device": device,
        "split": plan.split.model_copy(update={"validation": tuple(scored)}),
    }
    if device == "cuda":
        changes["precision"] = "bfloat16"
    plan = plan.model_copy(update=changes)
    levels = run.get("levels")
    return plan.model_copy(update=own_levels(plan, *levels)) if levels else plan


def smaller(batch: Batch, size: Sequence[int]) -> Batch:
    """Bring a batch of patches to another size."""
    images = functional.interpolate(
        batch.images, size, mode="bilinear", antialias=True, align_corners=False
    )
    classes = functional.interpolate(
        batch.classes[:, None].float(), size, mode="nearest-exact"
    )
    return Batch(images, classes[:, 0].long(), batch.is_annotated)


def trained(
    cases: list[su.Case], plan: Plan, sizes: Sequence[tuple[float, int, int, int]]
) -> Learner:
    """Take the plan's steps, in turn with patches of each size."""
    device = torch.device(plan.device)
    learner = Learner(
        plan, device, pretrained_weights(plan) if plan.pretrained else None
    )
    patches = Patches(cases, plan, device)
    step, done = 0, 0.0
    for share, count, *size in sizes:
        if step and device.type == "cuda":
            # A graph is of one size.
            learner._graph = GraphedStep(learner._descend)
        for number in range(count):
            batch = patches.batch(step)
            if tuple(size) != plan.patch:
                batch = smaller(batch, size)
            rate = one_cycle(done + share * (number + 0.5) / count)
            learner.learn(batch, plan.learning_rate * rate, step)
            step += 1
        done += share
    return learner


class Mirrored(torch.nn.Module):
    """The mean of what a network says of an image and of its mirror images."""

    def __init__(self, network: torch.nn.Module, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self._flips: list[list[int]] = [[]]
        for axis in axes:
            self._flips += [[*flip, axis + 2] for flip in self._flips]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        found = [
            self.network(image.flip(flip)).float().softmax(1).flip(flip)
            for flip in self._flips
        ]
        return torch.stack(found).mean(0).clamp(min=1e-7).log()


def scored(cases: list[su.Case], plan: Plan, network: torch.nn.Module) -> float:
    """Score the cases of the fold."""
    scoring = Validation(cases, plan, torch.device(plan.device)).scoring(network)
    while True:
        try:
            next(scoring)
        except StopIteration as end:
            return float(end.value.mean_dice)


def carried_out(run: Run, data: Path, device: str) -> dict[str, Any]:
    """Make one run."""
    began = time.perf_counter()
    cases = cases_of(data, run["images"])
    plan = planned(cases, run, device)
    sizes = run.get("sizes") or [(1, plan.steps, *plan.patch)]
    learner = trained(cases, plan, sizes)
    seconds = time.perf_counter() - began
    mirrored = Mirrored(learner.smoothed, plan.mirror_axes)
    return {
        **run,
        "dice": scored(cases, plan, learner.smoothed),
        "mirrored": scored(cases, plan, mirrored),
        "seconds": round(seconds, 1),
        "network": plan.network,
        "patch": plan.patch,
        "batch": plan.batch,
        "learnt_from": len(plan.split.training),
        "problem": learner.problem,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--one", type=int, help="make this run and print it")
    parser.add_argument("--only", help="runs whose name has this in it")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.one is not None:
        torch.set_num_threads(1)
        found = carried_out(runs()[arguments.one], arguments.data, arguments.device)
        print(json.dumps(found))
        return
    wanted = [
        i for i, run in enumerate(runs()) if (arguments.only or "") in run["name"]
    ]
    rows = all_of(wanted, arguments)
    write_record(arguments.json, "recipes", {"rows": rows}, rows and brief(rows))


def all_of(wanted: list[int], arguments: Any) -> list[dict[str, Any]]:
    """Make runs, some at a time, until the time is over."""
    end = time.monotonic() + arguments.seconds
    waiting, running, rows = list(wanted), [], []
    command = [sys.executable, "-m", "benchmarks", "recipes", "--data", arguments.data]
    command += ["--device", arguments.device, "--one"]
    while (waiting or running) and time.monotonic() < end:
        while waiting and len(running) < arguments.workers:
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            running.append(subprocess.Popen([*command, str(waiting.pop(0))], **pipes))
        for process in [p for p in running if p.poll() is not None]:
            running.remove(process)
            out, err = process.communicate()
            if process.returncode:
                print(err[-1500:], file=sys.stderr, flush=True)
                continue
            rows.append(json.loads(out.splitlines()[-1]))
            print(brief(rows[-1:])[0], file=sys.stderr, flush=True)
        time.sleep(0.2)
    for process in running:
        process.kill()
    return rows


def brief(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a table shows."""
    names = ("name", "fold", "steps", "dice", "mirrored", "seconds")
    return [{name: row[name] for name in names} for row in rows]


if __name__ == "__main__":
    main()
