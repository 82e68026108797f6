"""Stand-ins for packages that a bare machine lacks and no benchmark calls.

With this folder on PYTHONPATH a missing SimpleITK, zarr, ... is imported as an empty
module: its names are classes that complain when they are made or called. TIFF, the
engine and nnU-Net's trainer and predictor work without any of them.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

NAMES = {"SimpleITK", "zarr", "dask", "nibabel", "cc3d", "unittest2", "future"}


class _Missing(type):
    """Names of a missing package, and the names within them."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __call__(cls, *_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError("this package is not on this machine")


class _Module(ModuleType):
    __path__: list[str] = []  # noqa: RUF012 (so that parts of it can be imported)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # A class of its own each time: two may be bases of one class.
        return _Missing(name, (), {})


class _Finder:
    """Finds what no other finder found."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in NAMES:
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec: Any) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is in it."""


sys.meta_path.append(_Finder())
