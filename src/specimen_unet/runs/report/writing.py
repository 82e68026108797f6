"""A report and its tables, written so that each is there whole or not at all."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from specimen_unet import __version__
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.score_tables import sizes_in, summary_of, worst_first
from specimen_unet.files.replacing import replaced
from specimen_unet.runs.report import sections
from specimen_unet.runs.report.cautions import cautions_of
from specimen_unet.runs.report.definitions import definitions_of
from specimen_unet.runs.report.methods import methods_of
from specimen_unet.runs.report.page import (
    cautions,
    numbered,
    page,
    paragraph,
    section,
)
from specimen_unet.runs.report.references import References
from specimen_unet.runs.report.wording import listed

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from specimen_unet.runs.report.content import ReportContent


def write_report(content: ReportContent, path: Path) -> list[Path]:
    """Write a report as one HTML file that needs nothing else, and CSVs beside it.

    Parameters
    ----------
    content : ReportContent
        What it says.
    path : Path
        Of the HTML; the tables are called ``STEM-scores.csv`` (every case, pair and
        label), ``STEM-summary.csv``, ``STEM-cases.csv`` (the worst first) and
        ``STEM-sizes.csv``. Files of these names are replaced.

    Returns
    -------
    list of Path
        What was written, the HTML first.

    Raises
    ------
    NoAnnotationError
        If there is nothing to report.
    """
    if content.scores.empty:
        raise NoAnnotationError(
            "There are no scores to report: compare at least one prediction with the "
            "labels of an observer."
        )
    summary = summary_of(content.scores, content.groups)
    tables = {
        "scores": content.scores,
        "summary": summary,
        "cases": worst_first(content.scores),
        "sizes": sizes_in(content.scores),
    }
    beside = {
        path.with_name(f"{path.stem}-{name}.csv"): table
        for name, table in tables.items()
    }
    text = _html(content, summary, [each.name for each in beside])
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, table in beside.items():
        with replaced(place) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    # Last: whoever finds it finds its tables.
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return [path, *beside]


def _html(content: ReportContent, summary: pd.DataFrame, files: list[str]) -> str:
    cite = References()
    moment = datetime.now().astimezone()
    methods = [*methods_of(content.models, cite), *definitions_of(content, cite)]
    body = [
        f"<header><h1>{escape(content.title)}</h1>",
        paragraph(content.compared),
        paragraph(
            f"Written by specimen-unet {__version__}, {moment:%Y-%m-%d %H:%M}. The "
            f"numbers are in {listed(files)}.",
            "quiet",
        ),
        "</header>",
        cautions(cautions_of(content)),
        sections.in_short(content, summary),
        sections.score_tables(content, summary),
        sections.plots(content),
        sections.agreement(content),
        sections.cases(content),
        sections.training(content),
        section("Methods", *map(paragraph, methods)),
        section("References", numbered(cite.listed)),
        section(
            "Not compared",
            *(paragraph(f"{name}: {why}") for name, why in content.failed.items()),
        ),
    ]
    return page(content.title, body)
