"""Near-duplicate images: whether those that people found are found, and only those.

    python -m benchmarks near_duplicates --data ../shared/data

Compares all pairs of images of BUSI with the groups in its groups.csv, which somebody
made by looking; found pairs that are in no group are named, to be looked at. Then the
volumes of the hippocampus data, of 160 people: every pair found there is a wrong one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from record import write_record

from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_options import CaseOptions
from specimen_unet.files.near_duplicates import find_near_duplicates

if TYPE_CHECKING:
    from specimen_unet.files.near_duplicates import Duplicates

OWN_GROUPS = CaseOptions(group_pattern="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu", help="not used")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    busi = against_table(arguments.data / "busi")
    brains = counted(arguments.data / "hippocampus")
    rows = [{"data": "busi", **busi}, {"data": "hippocampus", **brains}]
    shown = [{k: v for k, v in row.items() if k != "not in the table"} for row in rows]
    pairs = [{"not in the table": " = ".join(p)} for p in busi["not in the table"]]
    write_record(
        arguments.json, "near_duplicates", {"rows": rows}, [shown[0], *pairs, shown[1]]
    )


def against_table(folder: Path) -> dict[str, Any]:
    """Compare what is found with what groups.csv says."""
    found, seconds = searched(folder)
    table = CaseFolder.open(folder)
    group = {table.name(f): table.group(f) for f in table.cases(needs_labels=False)}
    names = sorted(group)
    known = {
        (a, b) for i, a in enumerate(names) for b in names[i + 1 :]
        if group[a] == group[b]
    }  # fmt: skip
    pairs = {(min(pair), max(pair)) for pair in found.pairs}
    together = sum(found.groups[a] == found.groups[b] for a, b in known)
    return {
        "images": len(names),
        "pairs in the table": len(known),
        "covered by groups": together / len(known),
        "found directly": len(pairs & known) / len(known),
        "found in all": len(pairs),
        "in the table, of those found": len(pairs & known) / len(pairs),
        "seconds": seconds,
        "not in the table": sorted(pairs - known),
    }


def counted(folder: Path) -> dict[str, Any]:
    """Count what is found where nothing is to be found."""
    found, seconds = searched(folder)
    names = len(found.groups)
    return {
        "volumes": names,
        "pairs": names * (names - 1) // 2,
        "wrongly found": len(found.pairs),
        "seconds": seconds,
    }


def searched(folder: Path) -> tuple[Duplicates, float]:
    """Search a folder as if nothing was known of it; how long it took."""
    begun = time.perf_counter()
    found = find_near_duplicates(CaseFolder.open(folder, OWN_GROUPS))
    return found, time.perf_counter() - begun


if __name__ == "__main__":
    main()
