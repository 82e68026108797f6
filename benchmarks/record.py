"""Where a benchmark writes what it found, with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("specimen-unet", "torch", "monai", "numpy", "SimpleITK", "tifffile")


def machine() -> dict[str, Any]:
    """Name the processor, its cores, the system and the versions of the libraries."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str:
    """Return the version, also where the package is only a folder on the path."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def write_record(path: Path | None, benchmark: str, results: dict[str, Any]) -> None:
    """Print the results, and write them as JSON where a path is given."""
    record = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "results": results,
    }
    text = json.dumps(record, indent=1)
    print(text)
    if path:
        path.write_text(text + "\n", encoding="utf-8")
