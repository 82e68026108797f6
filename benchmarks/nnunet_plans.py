"""Our sizes by nnU-Net's rules beside those of nnU-Net's own planner.

    python benchmarks/nnunet_plans.py

Needs `nnunetv2` (2.8.1 was compared) in an environment of its own, with this package
on its path. Its `ExperimentPlanner.get_plans_for_configuration` is called as it is.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specimen_unet.engine.nnunet_rules import nnunet_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

# Name, typical shape, spacing, classes, cases: of known data sets and of specimens.
SETS: list[tuple[str, tuple[int, ...], tuple[float, ...], int, int]] = [
    ("hippocampus", (36, 50, 35), (1.0, 1.0, 1.0), 3, 260),
    ("liver, CT", (482, 512, 512), (1.0, 0.767, 0.767), 3, 131),
    ("prostate, MR", (20, 320, 319), (3.6, 0.62, 0.62), 3, 32),
    ("heart, MR", (115, 320, 232), (1.37, 1.25, 1.25), 2, 20),
    ("cardiac cine (ACDC)", (9, 256, 216), (10.0, 1.56, 1.56), 4, 200),
    ("pancreas, CT", (96, 512, 512), (2.5, 0.8, 0.8), 3, 281),
    ("ex-vivo specimen 032", (39, 221, 200), (0.5, 0.15, 0.15), 2, 10),
    ("vessels, two-photon", (18, 512, 512), (5.0, 0.994, 0.994), 2, 5),
    ("one long thin volume", (16, 40, 900), (1.0, 1.0, 1.0), 2, 3),
    ("light sheet", (700, 1024, 1024), (4.0, 1.0, 1.0), 2, 12),
    ("ultrasound, 2D (BUSI)", (450, 560), (1.0, 1.0), 2, 260),
    ("fundus, 2D (DRIVE)", (584, 565), (1.0, 1.0), 2, 20),
]


def nnunets(
    shape: Sequence[int], spacing: Sequence[float], classes: int, voxels: float
) -> dict[str, Any]:
    """Ask nnU-Net's planner, for a data set that holds no more than its description."""
    with tempfile.TemporaryDirectory() as folder:
        planner = _planner(Path(folder), classes)
        plan = planner.get_plans_for_configuration(spacing, shape, "", voxels, {})
    network = plan["architecture"]["arch_kwargs"]
    return {
        "patch": tuple(int(n) for n in plan["patch_size"]),
        "strides": tuple(map(tuple, network["strides"])),
        "kernels": tuple(map(tuple, network["kernel_sizes"])),
        "channels": tuple(network["features_per_stage"]),
        "batch": plan["batch_size"],
    }


def _planner(folder: Path, classes: int) -> Any:
    """Make nnU-Net's planner for an empty data set in a folder."""
    from nnunetv2.experiment_planning.experiment_planners import (
        default_experiment_planner as module,
    )

    name = "Dataset001_Empty"
    (folder / name / "imagesTr").mkdir(parents=True)
    described = {
        "channel_names": {"0": "gray"},
        "labels": {str(label): label for label in range(classes)},
        "numTraining": 0,
        "file_ending": ".nii.gz",
    }
    (folder / name / "dataset.json").write_text(json.dumps(described))
    seen = {"median_relative_size_after_cropping": 1.0}
    (folder / name / "dataset_fingerprint.json").write_text(json.dumps(seen))
    module.nnUNet_raw = module.nnUNet_preprocessed = str(folder)
    module.maybe_convert_to_dataset_name = str
    return module.ExperimentPlanner(name)


def ours(
    shape: Sequence[int], spacing: Sequence[float], classes: int, voxels: float
) -> dict[str, Any]:
    """Ask this package."""
    found = nnunet_sizes(shape, spacing, classes, voxels)
    return {
        "patch": found.patch,
        "strides": found.levels.strides,
        "kernels": found.levels.kernels,
        "channels": found.channels,
        "batch": found.batch,
    }


def main() -> None:
    """Print a row for each data set, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows, lines = [], ["| | shape | spacing | patch | batch | levels | the same |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, shape, spacing, classes, cases in SETS:
        voxels = float(math.prod(shape) * cases)
        theirs = nnunets(shape, spacing, classes, voxels)
        own = ours(shape, spacing, classes, voxels)
        differing = {k: (own[k], theirs[k]) for k in own if own[k] != theirs[k]}
        same = "yes" if not differing else f"no: {', '.join(differing)} {differing}"
        lines.append(
            f"| {name} | {_sizes(shape)} | {_sizes(spacing)} | {_sizes(own['patch'])} "
            f"| {own['batch']} | {len(own['strides'])} | {same} |"
        )
        rows.append({"name": name, "ours": own, "nnunet": theirs})
    print("\n".join(lines))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _sizes(numbers: Sequence[float]) -> str:
    """Write sizes as people do."""
    return " × ".join(f"{number:g}" for number in numbers)


if __name__ == "__main__":
    main()
