"""The scripted API: light to import, and one flow from cases to scores."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import specimen_unet as su

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Case

HEAVY = ("torch", "monai", "napari", "qtpy", "PyQt6", "PySide6", "pandas", "numpy")


def test_importing_the_package_imports_nothing_heavy():
    program = (
        f"import sys, specimen_unet; print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.alone
def test_importing_the_package_takes_next_to_no_time():
    program = (
        "import time; start = time.perf_counter(); import specimen_unet; "
        "print(time.perf_counter() - start)"
    )
    seconds = [
        float(subprocess.check_output([sys.executable, "-c", program]))
        for _ in range(5)
    ]
    assert statistics.median(seconds) < 0.05


@pytest.mark.parametrize("name", su.__all__)
def test_every_name_of_the_api_is_there(name):
    assert callable(getattr(su, name))
    assert getattr(su, name).__doc__
    assert name in dir(su)


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(AttributeError, match="does_not_exist"):
        _ = su.does_not_exist


def test_the_scripted_flow(two_observer_cases: list[Case], tmp_path: Path):
    cases = two_observer_cases
    dimensions = cases[0].grid.dimensions
    small = {"channels": (4, 8), "residual_units": 0, "learning_rate": 0.02}
    plan = su.plan(
        cases,
        dimensions=dimensions,
        ending="steps",
        steps=60,
        batch=4,
        device="cpu",
        patch=(16, 16) if dimensions == 2 else (8, 16, 16),
        **small,
    )
    assert "2D" in str(plan) or "3D" in str(plan)
    assert plan.reasons

    told: list[object] = []
    model = su.train(cases, plan, progress=told.append)
    assert told

    path = tmp_path / "blob.safetensors"
    model.save(path)
    loaded = su.load_model(path)

    unseen = su.Case(
        cases[0].image + np.uint8(1),
        dict(cases[0].labels),
        spacing=cases[0].grid.spacing,
        unit="mm",
        name="unseen",
    )
    result = su.segment(unseen, loaded)
    assert result.labels.shape == unseen.shape
    assert result.probabilities.shape == (2, *unseen.shape)
    assert result.uncertainty.shape == unseen.shape
    assert result.grid == unseen.grid
    np.testing.assert_array_equal(result.labels, su.segment(unseen, model).labels)

    table = su.compare(
        result.labels, unseen.labels["EA"], spacing=unseen.grid.spacing, unit="mm"
    )
    assert table["dice"].item() > 0.7
    agreed = su.agreement(
        {**unseen.labels, "model": result.labels}, spacing=unseen.grid.spacing
    )
    assert set(agreed["first"]) | set(agreed["second"]) == {"EA", "MG", "model"}
    both = su.consensus(list(unseen.labels.values()), method="union")
    assert (both >= unseen.labels["EA"]).all()


def test_training_can_be_followed_event_by_event(two_observer_cases: list[Case]):
    dimensions = two_observer_cases[0].grid.dimensions
    plan = su.plan(
        two_observer_cases,
        dimensions=dimensions,
        ending="steps",
        steps=3,
        channels=(4, 8),
        patch=(16, 16) if dimensions == 2 else (8, 16, 16),
        batch=2,
        device="cpu",
    )
    events = [type(event).__name__ for event in su.training(two_observer_cases, plan)]
    assert events[0] == "PlanReady"
    assert events.count("StepDone") == 3
    assert "Validated" in events
