"""How five observers of cell images agree: our table against an independent count.

    python -m benchmarks observers --data ../shared/data

Mean Dice over all pairs of observers and all images, once by `su.agreement` and
`su.agreement_matrix` and once by SciPy on what Pillow reads. Beside it Williams' index
of every observer as if that one were the model, and HD95 of the pairs, in pixels.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import write_record
from scipy.spatial.distance import dice as dice_distance

import specimen_unet as su


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu", help="nothing runs on a GPU")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    folder = arguments.data / "observers"
    began = time.perf_counter()
    cases = su.read_cases(folder)
    agreements = {case.name: su.agreement(case.labels) for case in cases}
    seconds = time.perf_counter() - began
    matrix = su.agreement_matrix(agreements)
    ours = float(
        np.mean([matrix.mean.loc[pair] for pair in combinations(matrix.mean, 2)])
    )
    theirs = independent_dice(folder)
    results = {
        "images": len(cases),
        "observers": list(matrix.mean),
        "pairs": int(np.triu(matrix.cases, 1).sum()),
        "mean_pairwise_dice": ours,
        "mean_pairwise_dice_independent": float(np.mean(theirs)),
        "pairs_independent": len(theirs),
        "difference": abs(ours - float(np.mean(theirs))),
        "seconds": seconds,
        "hd95": mean_hd95(cases),
    }
    rows = [williams(agreements, observer) for observer in matrix.mean]
    figures = [
        {"figure": name, "value": value if isinstance(value, float) else str(value)}
        for name, value in results.items()
        if name not in ("observers", "difference")
    ]
    figures.append({"figure": "difference", "value": f"{results['difference']:.1e}"})
    write_record(
        arguments.json, "observers", {**results, "williams": rows}, [*figures, *rows]
    )


def independent_dice(folder: Path) -> list[float]:
    """Return the Dice of every pair of every image, without a line of ours."""
    masks = defaultdict(list)
    for path in sorted(folder.glob("*_observer*.png")):
        drawn = np.asarray(Image.open(path).convert("L")).ravel() > 0
        masks[path.name.partition("_observer")[0]].append(drawn)
    return [
        1 - float(dice_distance(first, second))
        for drawn in masks.values()
        for first, second in combinations(drawn, 2)
    ]


def mean_hd95(cases: list[su.Case]) -> float:
    """Average the 95th percentile of distances over all pairs and images."""
    return float(
        np.mean(
            [
                su.surface_distances(first, second, case.grid)["hd95"].item()
                for case in cases
                for first, second in combinations(case.labels.values(), 2)
            ]
        )
    )


def williams(agreements: dict[str, Any], observer: str) -> dict[str, Any]:
    """Take an observer for the model."""
    found = su.williams_index(agreements, observer)
    return {
        "taken for the model": observer,
        "Williams' index": found.index,
        "low": found.low,
        "high": found.high,
        "with observers": found.with_observers,
        "among observers": found.among_observers,
    }


if __name__ == "__main__":
    main()
