"""How the Dice grows with the number of slices that a person outlines.

    python benchmarks/slices.py --json slices.json

On phantom specimens some slices are outlined, as observer EA outlines them, spread
evenly from the first slice with tumour to the last. A 3D network learns from them with
``annotation="slices"``, the same number of steps every time, and is scored against
the whole outlines of EA: on the other slices of the same specimens, and on four
specimens that it has never seen. Training only ever sees what was outlined, its
held-out part too.

With every slice outlined there are no other slices. That is done twice: the empty
slices unknown (``"slices"``), and the empty slices background (``"everywhere"``).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from record import write_record

import specimen_unet as su
from specimen_unet.domain.phantoms import specimen_phantom

if TYPE_CHECKING:
    from specimen_unet.domain.case import Annotation, Array

OBSERVER = "EA"
LEARNT_FROM = range(1, 11)
UNSEEN = range(11, 15)
# A field of view of 19.5 x 33 x 30 mm in voxels of 0.5 x 0.6 x 0.6 mm, which is about
# what a plan for a minute makes of a full scan.
SHAPE = (39, 55, 50)
# So that a training takes a minute or two on one core.
SMALL: dict[str, Any] = {"channels": (16, 32, 64, 128), "residual_units": 0, "batch": 1}


class Work(NamedTuple):
    """What a person outlines: so many slices (None: all) of so many specimens."""

    specimens: int
    slices: int | None
    annotation: Annotation = "slices"


def works(specimens: list[int], slices: list[int]) -> list[Work]:
    """List what is compared, least work first."""
    return [
        work
        for count in specimens
        for work in (
            *(Work(count, number) for number in slices),
            Work(count, None),
            Work(count, None, "everywhere"),
        )
    ]


def outlined(case: su.Case, slices: int | None) -> Array:
    """Return which slices are outlined, (Z,) bool: the middles of equal parts."""
    tumour = np.flatnonzero(truth_of(case).any(axis=(1, 2)))
    parts = np.array_split(tumour, slices or len(tumour))
    chosen = np.zeros(len(truth_of(case)), bool)
    chosen[[part[len(part) // 2] for part in parts]] = True
    return chosen


def truth_of(case: su.Case) -> Array:
    """Return the observer's whole outlines, (Z, Y, X)."""
    return np.asarray(case.labels[OBSERVER])


def painted(case: su.Case, slices: int | None) -> su.Case:
    """Return the case as the person leaves it: other slices hold 0."""
    labels = truth_of(case) * outlined(case, slices)[:, None, None]
    return su.Case(
        case.image,
        {OBSERVER: labels.astype(np.uint8)},
        spacing=case.grid.spacing,
        unit=case.grid.unit,
        name=case.name,
    )


def result_of(
    work: Work, cases: list[su.Case], unseen: list[su.Case], arguments: Any
) -> dict[str, Any]:
    """Train on what is outlined; return both scores, and what was done."""
    begun = time.monotonic()
    seen = cases[: work.specimens]
    model = su.train(
        [painted(case, work.slices) for case in seen],
        dimensions=3,
        annotation=work.annotation,
        ending="steps",
        steps=arguments.steps,
        seed=arguments.seed,
        **SMALL,
    )
    others = [~outlined(case, work.slices) for case in seen]
    return {
        **work._asdict(),
        "outlined": sum(int((~other).sum()) for other in others),
        "dice_other_slices": None
        if work.slices is None
        else mean_dice(model, list(zip(seen, others, strict=True))),
        "dice_unseen": mean_dice(model, [(case, slice(None)) for case in unseen]),
        "dice_held_out": model.card.metrics.mean_dice,
        "seconds": round(time.monotonic() - begun, 1),
    }


def mean_dice(model: su.Model, scored: list[tuple[su.Case, Any]]) -> float:
    """Return the mean over cases of the Dice pooled over the slices of each."""
    return float(np.mean([dice(model, case, slices) for case, slices in scored]))


def dice(model: su.Model, case: su.Case, slices: Any) -> float:
    """Return the Dice of one case, pooled over those slices."""
    labels = su.segment(case, model, probabilities=False).labels
    return float(su.compare(labels[slices], truth_of(case)[slices]).iloc[0]["dice"])


def table(results: list[dict[str, Any]]) -> str:
    """Write the results as the table of docs/your-data.md."""
    rows = ["| outlined | slices in all | other slices | new specimens |"]
    rows += ["|---|---|---|---|"]
    for result in results:
        slices = result["slices"] or "all"
        meaning = ", 0 is background" if result["annotation"] == "everywhere" else ""
        others = result["dice_other_slices"]
        rows.append(
            f"| {slices} of each of {result['specimens']}{meaning} "
            f"| {result['outlined']} | {'' if others is None else f'{others:.2f}'} "
            f"| {result['dice_unseen']:.2f} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Compare every amount of outlining and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specimens", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--slices", type=int, nargs="*", default=[2, 3, 5, 9])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0, help="of network and phantoms")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    # Another seed learns from other specimens, too.
    first = 100 * arguments.seed
    cases = [specimen_phantom(first + seed, SHAPE) for seed in LEARNT_FROM]
    unseen = [specimen_phantom(first + seed, SHAPE) for seed in UNSEEN]
    results = []
    for work in works(arguments.specimens, arguments.slices):
        results.append(result_of(work, cases, unseen, arguments))
        print(results[-1], file=sys.stderr)
    print(table(results), file=sys.stderr)
    write_record(
        arguments.json,
        "slices",
        {
            "steps": arguments.steps,
            "seed": arguments.seed,
            "shape": SHAPE,
            "of": results,
        },
    )


if __name__ == "__main__":
    main()
