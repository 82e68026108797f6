"""Train and run 2D and 3D U-Nets on specimen volumes.

The scripted API. Every name is loaded on first use (PEP 562), so that importing
the package costs nothing and brings in neither torch nor napari.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specimen_unet.domain.bland_altman import bland_altman
    from specimen_unet.domain.case import Case
    from specimen_unet.domain.grid import Grid
    from specimen_unet.domain.margins import margin
    from specimen_unet.domain.measures import measure
    from specimen_unet.domain.near_duplicates import near_duplicates
    from specimen_unet.domain.observers import agreement
    from specimen_unet.domain.overlap import compare
    from specimen_unet.domain.summary import summarise
    from specimen_unet.domain.yardsticks import agreement_matrix, williams_index
    from specimen_unet.engine.model import Model, load_model
    from specimen_unet.engine.planning import plan
    from specimen_unet.engine.segmentation import Segmentation, segment
    from specimen_unet.engine.surface_distances import surface_distances
    from specimen_unet.engine.training import train, training
    from specimen_unet.files.cases import read_cases
    from specimen_unet.files.consensus import consensus
    from specimen_unet.runs.reporting import report
    from specimen_unet.runs.study_script import Study, crossvalidate
    from specimen_unet.viewer.layers import case_from_layers

_HOME = {
    "Case": "domain.case",
    "Grid": "domain.grid",
    "Model": "engine.model",
    "Segmentation": "engine.segmentation",
    "Study": "runs.study_script",
    "agreement": "domain.observers",
    "agreement_matrix": "domain.yardsticks",
    "bland_altman": "domain.bland_altman",
    "case_from_layers": "viewer.layers",
    "compare": "domain.overlap",
    "consensus": "files.consensus",
    "crossvalidate": "runs.study_script",
    "load_model": "engine.model",
    "margin": "domain.margins",
    "measure": "domain.measures",
    "near_duplicates": "domain.near_duplicates",
    "plan": "engine.planning",
    "read_cases": "files.cases",
    "report": "runs.reporting",
    "segment": "engine.segmentation",
    "summarise": "domain.summary",
    "surface_distances": "engine.surface_distances",
    "train": "engine.training",
    "training": "engine.training",
    "williams_index": "domain.yardsticks",
}

__all__ = [
    "Case",
    "Grid",
    "Model",
    "Segmentation",
    "Study",
    "agreement",
    "agreement_matrix",
    "bland_altman",
    "case_from_layers",
    "compare",
    "consensus",
    "crossvalidate",
    "load_model",
    "margin",
    "measure",
    "near_duplicates",
    "plan",
    "read_cases",
    "report",
    "segment",
    "summarise",
    "surface_distances",
    "train",
    "training",
    "williams_index",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
