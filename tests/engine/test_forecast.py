from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from specimen_unet.domain.events import StepDone
from specimen_unet.engine import forecast
from specimen_unet.engine.batch_time import seconds_of_batch
from specimen_unet.engine.forecast import memory_of_step, seconds_of_step
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.patches import Batch
from specimen_unet.engine.precision import fastest_precision
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan

pytestmark = pytest.mark.slow


def test_memory_grows_with_batch_patch_and_digits(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(channels=(8, 8, 8), patch=(64, 128, 128))
    whole = memory_of_step(plan)
    larger = {"batch": 8}, {"patch": (128, 256, 128)}
    for change in larger:
        more = memory_of_step(plan.model_copy(update=change))
        assert 3 * whole < more < 4.01 * whole
    half = memory_of_step(plan.model_copy(update={"precision": "bfloat16"}))
    assert 0.5 * whole < half < 0.9 * whole


def test_tiles_of_a_processor_take_memory_in_bfloat16_alone(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intel's AMX: a FastUNet grew by 212 MB where 176 were forecast."""
    taken = {}
    for tiles in (False, True):
        monkeypatch.setattr(forecast, "has_tiles", lambda tiles=tiles: tiles)
        for precision in ("float32", "bfloat16"):
            plan = make_plan(precision=precision)
            taken[precision, tiles] = memory_of_step(plan)
    assert taken["float32", True] == taken["float32", False]
    more = taken["bfloat16", True] - taken["bfloat16", False]
    assert more == 22 * 2**20


FOLDED = {"network": "FastUNet", "residual_units": 0, "patch": (256, 256), "batch": 4}
DEFAULT = {**FOLDED, "channels": (32, 64, 128, 256), "strides": ((2, 2),) * 4}
UNET = {"network": "UNet", "channels": (16, 32, 64, 128), "patch": (32, 96, 96)}
NNUNETS = {
    "network": "DynUNet",
    "channels": (32, 64, 128, 256),
    "patch": (16, 80, 64),
}
SIZES = {"FastUNet": DEFAULT, "UNet": UNET, "DynUNet": NNUNETS}
# In 16 bits only where a plan would be: elsewhere torch computes in another way.
FORMATS = sorted({"float32", fastest_precision(torch.device("cpu"))})
# Plans come in on standard input; out go the bytes that the process grew by at most.
# A tiny network of the same kind goes first, so that libraries are not counted, and
# what it freed is given back, so that the heap has nothing in store.
TRAIN = """
import ctypes
import sys
import torch
from peak_memory import PeakMemory
from specimen_unet.domain.plan import Plan
from specimen_unet.engine.devices import settle_heap
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.patches import Batch

def train(plan, steps):
    learner = Learner(plan, torch.device("cpu"), None)
    for step in range(steps):
        images = torch.randn(plan.batch, 1, *plan.patch)
        learner.learn(Batch(images, (images[:, 0] > 1).long(), True), 1e-3, step)

torch.set_num_threads(1)
settle_heap()
plan = Plan.model_validate_json(sys.stdin.read())
levels = len(plan.channels)
tiny = {"channels": (4,) * levels, "patch": (2 * 2**levels,) * len(plan.patch)}
train(plan.model_copy(update=tiny), 1)
ctypes.CDLL("libc.so.6").malloc_trim(0)
with PeakMemory() as peak:
    train(plan, 4)
print(peak.grown)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
@pytest.mark.parametrize("network", SIZES)
@pytest.mark.parametrize("precision", FORMATS)
def test_memory_is_what_a_training_grows_by_within_15_percent(
    network: str, precision: str, make_plan: Callable[..., Plan]
) -> None:
    size = SIZES[network]
    plan = make_plan(len(size["patch"]), **size, precision=precision)
    # The same process grows by a tenth more or less from run to run.
    grown = statistics.median(growth_of_training(plan) for _ in range(3))
    assert memory_of_step(plan) == pytest.approx(grown, rel=0.15)


def growth_of_training(plan: Plan) -> int:
    """Train for some steps in a process of its own; return the bytes it grew by."""
    answer = subprocess.run(
        [sys.executable, "-c", TRAIN],
        input=plan.model_dump_json(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parent,
        text=True,
    )
    return int(answer.stdout)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("network", SIZES)
def test_what_is_counted_is_what_lives_in_real_steps(
    network: str, precision: str, make_plan: Callable[..., Plan]
) -> None:
    """Without values as with them, to 10 %: patches and weights in all copies."""
    size = SIZES[network]
    levels, axes = len(size["channels"]), len(size["patch"])
    small = {"channels": (8,) * levels, "patch": (2**levels,) * (axes - 1) + (64,)}
    plan = make_plan(axes, **{**size, **small, "precision": precision})
    live = forecast._HeldBytes()
    with live:
        learner = Learner(plan, torch.device("cpu"), None)
        images = torch.randn(plan.batch, 1, *plan.patch)
        batch = Batch(images, (images[:, 0] > 1).long(), is_annotated=True)
        for step in range(2):
            learner.learn(batch, 1e-3, step)
    waiting = batch.images.nbytes + batch.classes.nbytes
    assert forecast._held_by_step(plan).most == pytest.approx(
        live.most + waiting, rel=0.1
    )


def test_a_step_is_timed_in_little_time(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(channels=(8, 8, 8), patch=(16, 32, 32))
    start = time.perf_counter()
    seconds = seconds_of_step(plan)
    assert 0 < seconds < time.perf_counter() - start


@pytest.mark.parametrize("change", [{"batch": 10_000}, {"patch": (8192, 64, 64)}])
def test_a_step_that_would_take_too_long_is_not_taken(
    change: dict[str, object], make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(channels=(4, 4), residual_units=0)
    small = seconds_of_step(plan)
    start = time.perf_counter()
    large = seconds_of_step(plan.model_copy(update=change))
    assert time.perf_counter() - start < 20
    assert large > 50 * small


SMALL = {"network": "UNet", "channels": (16, 32, 64), "patch": (32, 32, 32)}
MIDDLE = {**FOLDED, "channels": (32, 64, 128, 256), "strides": ((2, 2),) * 4}
MIDDLE |= {"patch": (96, 96), "batch": 4}
LARGE = {"network": "DynUNet", "channels": (32, 64, 128, 256), "patch": (16, 16, 16)}
ROUNDS = 3
STEPS = 4


@pytest.mark.alone
@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE], ids=["small", "2D", "large"])
def test_time_is_what_a_step_of_a_training_takes_within_15_percent(
    size: dict[str, Any],
    make_plan: Callable[..., Plan],
    make_blob_case: Callable[..., Case],
) -> None:
    """In time of its thread, in turns, the best of each: whatever a machine does."""
    patch = size["patch"]
    cases = [make_blob_case(tuple(2 * n for n in patch), seed=n) for n in range(2)]
    split = {"training": [cases[0].name], "validation": []}
    plan = make_plan(len(patch), **size, steps=1000, split=split)
    events = training(cases, plan)
    forecasts, taken = [], []
    seconds_of_steps(events, 3)  # what happens only once
    for _ in range(ROUNDS):
        batch = seconds_of_batch(cases, plan, time.thread_time)
        forecasts.append(seconds_of_step(plan, time.thread_time) + batch)
        taken += seconds_of_steps(events, STEPS)
    events.close()
    assert min(forecasts) == pytest.approx(min(taken), rel=0.15)


def seconds_of_steps(events: Any, count: int) -> list[float]:
    """Let a training go on for some steps, and tell the seconds of each."""
    times = [time.thread_time()]
    while len(times) <= count:
        if isinstance(next(events), StepDone):
            times.append(time.thread_time())
    return [after - before for before, after in itertools.pairwise(times)]


@pytest.mark.alone
def test_a_step_too_long_to_take_is_scaled_up_within_15_percent(
    make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(2, **{**MIDDLE, "patch": (192, 192)})
    taken, scaled = [], []
    for _ in range(ROUNDS):
        taken.append(seconds_of_step(plan, time.thread_time))
        with monkeypatch.context() as patch:
            patch.setattr(forecast, "_PATIENCE", taken[0] / 2)
            scaled.append(seconds_of_step(plan, time.thread_time))
    assert min(scaled) == pytest.approx(min(taken), rel=0.15)
