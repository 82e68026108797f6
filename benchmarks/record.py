"""Where a benchmark writes what it found, with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGES = (
    *("specimen-unet", "torch", "monai", "nnunetv2", "numpy", "napari", "SimpleITK"),
    *("tifffile", "openvino"),
)


def machine() -> dict[str, Any]:
    """Name processor, cores, graphics card, system and versions of the libraries."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "graphics": _graphics(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": _versions(),
        "commit": _commit(),
    }


def tables(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay rows out in columns; rows with other keys begin another table."""
    return "\n\n".join(
        _table(heads, list(alike)) for heads, alike in groupby(rows, key=tuple)
    )


def _table(heads: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [list(heads), *([_cell(row.get(head)) for head in heads] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )


def write_record(
    path: Path | None,
    benchmark: str,
    results: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Print the results, and write them as JSON where a path is given.

    `rows` are printed as tables; without them the whole record is printed.
    """
    record = {
        "benchmark": benchmark,
        "command": sys.argv,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "results": results,
    }
    text = json.dumps(record, indent=1)
    print(tables(rows) if rows else text)
    if path:
        path.write_text(text + "\n", encoding="utf-8")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"
    return "" if value is None else str(value)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.split(":")[1].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())


def _graphics() -> str | None:
    """Name the graphics card, where a benchmark has loaded torch and it sees one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _commit() -> str | None:
    """Return which version of this repository ran, if git can tell."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
