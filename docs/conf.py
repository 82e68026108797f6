"""How Sphinx builds these pages; ``tox run -e docs``, and no network is needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from specimen_unet import __version__
from specimen_unet.domain.card import ModelCard
from specimen_unet.domain.plan import Plan
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.domain.settings import TrainingSettings

if TYPE_CHECKING:
    from pydantic import BaseModel

project = "specimen-unet"
author = "The specimen-unet developers"
copyright = "2026, the specimen-unet developers"  # noqa: A001 (Sphinx's name)
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = "specimen-unet"
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["colon_fence", "deflist", "substitution"]
myst_heading_anchors = 3
copybutton_prompt_text = "$ "

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the docstrings tell types with shapes and axes
napoleon_google_docstring = False
napoleon_use_rtype = False
default_role = "literal"
nitpicky = False  # no inventory of torch's or napari's names without a network


def _table(kind: type[BaseModel]) -> str:
    """Write every field of a settings class as a row, as the form and terminal do."""
    rows = [
        "| in the dock | in scripts | in the terminal | default | what it does |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {field.title} | `{name}` | `{_option(name)}` "
        f"| {field.default} | {_in_a_cell(field.description)} |"
        for name, field in kind.model_fields.items()
    ]
    return "\n".join(rows)


def _contents(kind: type[BaseModel]) -> str:
    """Write the fields whose names do not say all as rows."""
    rows = ["| field | what it says |", "|---|---|"]
    rows += [
        f"| `{name}` | {_in_a_cell(field.description)} |"
        for name, field in kind.model_fields.items()
        if field.description
    ]
    return "\n".join(rows)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _in_a_cell(text: str | None) -> str:
    return (text or "").replace("\n", "<br>")


myst_substitutions = {
    "training_settings": _table(TrainingSettings),
    "segmentation_settings": _table(SegmentationSettings),
    "plan_fields": _contents(Plan),
    "card_fields": _contents(ModelCard),
}


def _escape_stars(*arguments: Any) -> None:
    """Keep "(*spatial)" of shapes from being taken for emphasis."""
    lines: list[str] = arguments[-1]
    lines[:] = [re.sub(r"\*(?=(?:spatial|patch)\b)", r"\\*", line) for line in lines]


def setup(app: Any) -> None:
    """Tell Sphinx of it."""
    app.connect("autodoc-process-docstring", _escape_stars, priority=400)
