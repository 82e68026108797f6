"""Segmenting takes the room it plans for, and never floats of a whole volume."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.plan import Plan

ROOM = 64 * 2**20
# Segments once before it looks, so that what torch loads once is not counted.
SCRIPT = """
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from specimen_unet.domain.case import Case
from specimen_unet.domain.plan import Plan
from specimen_unet.engine import prediction
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.segmentation import segment

torch.set_num_threads(1)
prediction._MOST_ON_CPU = {room}
plan = Plan.model_validate_json(Path(sys.argv[1]).read_text())
model = SimpleNamespace(network=build_network(plan).eval(), plan=plan, name="it")


def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field)]
    return int(line.split()[1]) * 1024


def segmented(image):
    case = Case(image, spacing=(float(sys.argv[2]),) * 3, unit="mm")
    segment(case, model, device="cpu", probabilities=False, largest_only=True)


image = np.random.default_rng(0).integers(0, 255, (192,) * 3, np.uint8)
segmented(image[:64, :64, :64])
before = resident("VmRSS")
segmented(image)
print(resident("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize("spacing", [1.0, 0.5, 1.5])
def test_the_peak_is_the_labels_and_the_room_for_a_pass(
    make_plan: Callable[..., Plan], tmp_path: Path, spacing: float
) -> None:
    plan = make_plan(3, patch=(32, 32, 32))
    path = tmp_path / "plan.json"
    path.write_text(plan.model_dump_json(), "utf-8")
    script = SCRIPT.format(room=ROOM)
    ran = subprocess.run(
        [sys.executable, "-c", script, str(path), str(spacing)],
        capture_output=True,
        text=True,
        check=True,
    )
    # The labels, and their largest part with the numbers of all parts: 1 + 6 bytes a
    # voxel. Probabilities and a float32 image would take 12 more, 85 MB.
    labels = 7 * 192**3
    assert int(ran.stdout) < 1.2 * ROOM + labels
