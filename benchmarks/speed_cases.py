"""What speed is measured on: cases and plans of fixed sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.case import Case
from specimen_unet.domain.plan import Split
from specimen_unet.engine.planning import plan as make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.plan import Plan

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
