"""What the pages take for granted: folders of cases, a model, a run, open layers.

Everything is small: networks of two levels that train for two steps. Which choices a
page writes down stays as it is; how long it takes does not.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel

import specimen_unet as su
from specimen_unet.domain.phantoms import breast_ultrasound_phantom, specimen_phantom
from specimen_unet.engine import planning
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.runs import phantom_files, work

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan

SMALL: dict[str, Any] = {
    "ending": "steps", "steps": 2, "channels": (4, 8), "network": "UNet", "batch": 1,
}  # fmt: skip
_SHAPE = (10, 36, 32)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folders that the pages name, once."""
    folder = tmp_path_factory.mktemp("world")
    cases = [specimen_phantom(seed, _SHAPE) for seed in range(6)]
    for number, case in enumerate(cases[:5], start=32):
        _write(folder / "specimens", f"0{number}", case)
    _write(folder / "volumes", "040", cases[5], with_labels=False)
    _write_ultrasound(folder / "ultrasound")
    su.train(cases[:5], **SMALL).save(folder / "tumour.safetensors")
    return folder


@pytest.fixture
def place(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder of one's own in which everything is that the pages name.

    Phantoms that are made there are small.
    """
    monkeypatch.setattr(phantom_files, "SHAPE", _SHAPE)
    folder = tmp_path / "place"
    shutil.copytree(world, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan small and short trainings, whatever is asked for."""

    def small_plan(*arguments: Any, **changes: Any) -> Plan:
        return planned(*arguments, **{**changes, **SMALL})

    planned = planning.plan
    monkeypatch.setattr(planning, "plan", small_plan)
    monkeypatch.setattr(work, "make_plan", small_plan)


@pytest.fixture
def open_layers() -> ViewerModel:
    """Open the layers "032", "EA" and "MG"."""
    case = specimen_phantom(0, _SHAPE)
    viewer = ViewerModel()
    options = {"scale": case.grid.spacing, "units": (case.grid.unit,) * 3}
    viewer.add_image(case.image[0], name="032", **options)
    for observer, labels in case.labels.items():
        viewer.add_labels(labels, name=observer, **options)
    return viewer


def _write(folder: Path, name: str, case: Case, *, with_labels: bool = True) -> None:
    folder.mkdir(exist_ok=True)
    write_image(folder / f"{name}.tif", case.image[0], case.grid)
    for observer, labels in case.labels.items() if with_labels else ():
        write_labels(folder / f"{name}_{observer}.tif", labels, case.grid)


def _write_ultrasound(folder: Path) -> None:
    """Write single images, two a patient."""
    stack = breast_ultrasound_phantom(images=4, shape=(48, 56))
    grid = su.Grid(stack.grid.spacing[1:], stack.grid.unit)
    rows = ["image,group"]
    for number in range(4):
        path = f"b{number + 1:02d}.tif"
        for part in ("images", "labels"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        write_image(folder / "images" / path, stack.image[0, number], grid)
        write_labels(
            folder / "labels" / path, np.array(stack.labels["EA"][number]), grid
        )
        rows.append(f"{path},patient {number // 2}")
    (folder / "groups.csv").write_text("\n".join(rows) + "\n")
