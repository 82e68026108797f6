"""Every package that is asked for has its reason on a page; no other is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# It is copied into an export, and runs where onnxruntime is.
COPIED = {"segment_with_onnx.py"}


def names(requirements: Iterable[Any]) -> set[str]:
    """Return the packages of requirements such as ``dask[array]`` or ``zarr>=3.1``."""
    return {
        re.split(r"[\[<>=!~; ]", requirement)[0].lower()
        for requirement in requirements
        if isinstance(requirement, str)
    }


def extras(requirements: Iterable[Any]) -> set[str]:
    """Return what stands in brackets: napari[pyqt6] asks for PyQt6, too."""
    found = re.findall(r"\[(\w+)\]", " ".join(map(str, requirements)))
    return {name.lower() for name in found}


INSTALLED = names(PROJECT["project"]["dependencies"]).union(
    *map(names, PROJECT["project"]["optional-dependencies"].values())
)
ASKED_FOR = INSTALLED.union(*map(names, PROJECT["dependency-groups"].values()))


def explained() -> set[str]:
    """Return the packages in the table of the page on architecture."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("## Why each dependency")[1]
    cells = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", table, re.MULTILINE)
    listed = ",".join(re.sub(r"\(.*?\)", "", cell) for cell in cells)
    return {name.strip().lower() for name in listed.split(",")} - {"package"}


def imported(path: Path) -> Iterator[str]:
    """List the packages that a module imports when it runs, wherever in it."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        waiting += ast.iter_child_nodes(node)


def test_every_package_that_is_asked_for_has_its_reason() -> None:
    assert ASKED_FOR - explained() == set()


def test_no_reason_is_given_for_a_package_that_is_not_asked_for() -> None:
    groups = PROJECT["dependency-groups"].values()
    assert explained() - ASKED_FOR.union(*map(extras, groups)) == set()


def test_every_package_that_the_source_imports_is_asked_for() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if path.name not in COPIED]
    modules = {module for path in sources for module in imported(path)}
    foreign = modules - sys.stdlib_module_names - {"specimen_unet"}
    offered = packages_distributions()
    unasked = {
        module
        for module in foreign
        if INSTALLED.isdisjoint(name.lower() for name in offered.get(module, ()))
    }
    assert "torch" in foreign
    assert unasked == set()
