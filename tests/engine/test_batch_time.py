"""Tests of how long a step waits for its batch."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING

import dask.array
import pytest
import torch

from specimen_unet.domain.case import Case
from specimen_unet.domain.events import StepDone
from specimen_unet.engine import batch_time, course, prefetch
from specimen_unet.engine.batch_time import seconds_of_batch
from specimen_unet.engine.forecast import seconds_of_step
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.planning import plan
from specimen_unet.engine.prefetch import in_turn
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan


@pytest.fixture
def no_free_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_cores", torch.get_num_threads)


@pytest.fixture
def cases(make_blob_case: Callable[..., Case]) -> list[Case]:
    return [make_blob_case((48, 64, 64), seed=seed) for seed in range(4)]


PATCH = {
    "network": "UNet",
    "channels": (2, 4),
    "residual_units": 0,
    "patch": (32, 32, 32),
}


@pytest.mark.usefixtures("no_free_core")
def test_a_batch_takes_what_making_batches_takes(
    cases: list[Case], make_plan: Callable[..., Plan]
) -> None:
    names = [case.name for case in cases]
    # The one in the middle is held out.
    split = {"training": [*names[:2], names[3]], "validation": [names[2]]}
    found = make_plan(3, **PATCH, split=split)
    patches = Patches(cases, found, torch.device("cpu"))
    forecasts, made = [], []
    for _ in range(3):
        forecasts.append(seconds_of_batch(cases, found, time.thread_time))
        start = time.thread_time()
        for step in range(1, 5):
            patches.batch(step)
        made.append((time.thread_time() - start) / 4)
    assert min(forecasts) == pytest.approx(min(made), rel=0.5)


def test_no_step_waits_for_batches_that_are_made_ahead(
    cases: list[Case], make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "_cores", lambda: torch.get_num_threads() + 1)
    names = [case.name for case in cases]
    found = make_plan(3, **PATCH, split={"training": names, "validation": []})
    assert seconds_of_batch(cases, found) == 0
    on_gpu = found.model_copy(update={"device": "cuda"})
    assert seconds_of_batch(cases, on_gpu) == 0


@pytest.mark.usefixtures("no_free_core")
def test_no_case_is_loaded_to_be_timed(
    cases: list[Case], make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    lazy = [
        Case(dask.array.from_array(case.image), case.labels, name=case.name)
        for case in cases
    ]
    names = [case.name for case in cases]
    found = make_plan(3, **PATCH, split={"training": names, "validation": []})
    monkeypatch.setattr(batch_time, "Patches", None)
    assert seconds_of_batch(lazy, found) == 0


def test_a_plan_counts_the_batch_in(
    cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specimen_unet.engine.planning.seconds_of_step", lambda _: 1.0)
    monkeypatch.setattr(
        "specimen_unet.engine.planning.seconds_of_batch", lambda *_: 0.25
    )
    found = plan(cases, minutes=5, device="cpu")
    assert found.forecast.seconds_per_step == 1.25
    assert found.steps == int(300 / (1.25 / 0.85))


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.usefixtures("no_free_core")
def test_both_together_are_what_a_step_takes_within_15_percent(
    cases: list[Case], make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network so small that a fifth of a step is the making of its batch.

    The same steps are made again and again, as other programs make single ones longer;
    the forecast takes the quickest of a few, too.
    """
    names = [case.name for case in cases]
    split = {"training": names[:3], "validation": names[3:]}
    found = make_plan(3, **PATCH, steps=1000, split=split)
    monkeypatch.setattr(course, "maker_beside", lambda _: in_turn)

    def steps() -> list[float]:
        events = training(cases, found)
        times = []
        while len(times) < 12:
            if isinstance(next(events), StepDone):
                times.append(time.thread_time())
        events.close()
        # The first ones pay for what happens only once.
        return [after - before for before, after in itertools.pairwise(times[3:])]

    forecasts, runs = [], []
    for _ in range(4):
        batch = batch_time.seconds_of_batch(cases, found, time.thread_time)
        forecasts.append((seconds_of_step(found, time.thread_time), batch))
        runs.append(steps())
    step, batch = map(statistics.median, zip(*forecasts, strict=True))
    real = statistics.mean(map(min, zip(*runs, strict=True)))
    assert batch > 0.15 * step
    assert step + batch == pytest.approx(real, rel=0.15)
