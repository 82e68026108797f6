"""The sections of a report, from what it is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from specimen_unet.domain.score_tables import (
    agreements_in,
    in_a_sentence,
    median_case,
    observers_in,
    prediction_in,
    sizes_in,
    williams_of,
    worst_first,
)
from specimen_unet.domain.yardsticks import agreement_matrix
from specimen_unet.runs.curves import figure_of
from specimen_unet.runs.plots import bland_altman_plot, dots
from specimen_unet.runs.report.definitions import TITLES
from specimen_unet.runs.report.page import (
    folded,
    paragraph,
    picture,
    section,
    side_by_side,
    table,
)
from specimen_unet.runs.report.pictures import case_picture
from specimen_unet.runs.report.wording import counted, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from specimen_unet.domain.yardsticks import AgreementMatrix
    from specimen_unet.runs.report.content import ReportContent

_MOST_CASES = 200
_SUMMARY = ("Score", "Mean", "95 % interval", "SD", "Pooled", "Cases", "Undefined")


def in_short(content: ReportContent, summary: pd.DataFrame) -> str:
    """Say in sentences how well the prediction agrees, and with what to compare it."""
    name = prediction_in(content.scores)
    lines = []
    dice = summary[summary["score"] == "dice"]
    for label, rows in dice.groupby("name", sort=False):
        told = [
            f"{row['first']} against {row['second']} {_with_interval(row)}"
            for row in rows.to_dict("records")
        ]
        lines.append(paragraph(f"Dice of {label}: {'; '.join(told)}."))
    found = williams_of(content.scores, content.groups)
    if found is not None:
        sentence = in_a_sentence(found)
        lines.append(paragraph(sentence.replace("The prediction", _capital(name))))
    return section("In short", *lines)


def score_tables(content: ReportContent, summary: pd.DataFrame) -> str:
    """Write a table for each pair: a row a label and score."""
    shown = [name for name in TITLES if name in set(summary["score"])]
    unit = content.scores.get("distance_unit", pd.Series(["pixel"])).iloc[0]
    tables = []
    for (first, second), rows in summary.groupby(["first", "second"], sort=False):
        by_score = {
            (str(row["name"]), row["score"]): row for row in rows.to_dict("records")
        }
        labels = list(dict.fromkeys(label for label, _ in by_score))
        # On a phone there is room for few columns, so the ones that matter come first.
        for label in labels:
            lines = [
                _summary_row(score, by_score[label, score], str(unit))
                for score in shown
                if (label, score) in by_score
            ]
            caption = f"{first} against {second}: {label}"
            tables.append(table(_SUMMARY, lines, caption=caption))
    hint = (
        "Means are over cases, undefined ones left out; the interval is a bootstrap "
        "over groups; pooled scores count all voxels of all cases together."
    )
    return section("Scores", paragraph(hint, "quiet"), *tables)


def plots(content: ReportContent) -> str:
    """Draw the Dice of everybody, and how far sizes differ."""
    if content.scores["case"].nunique() < 2:
        return ""
    sizes = sizes_in(content.scores)
    rows = [
        [
            *(str(row[key]) for key in ("first", "second", "name")),
            *(rounded(row[key]) for key in ("bias", "sd", "low", "high")),
            *(str(row["unit"]), str(row["pairs"])),
        ]
        for row in sizes.to_dict("records")
    ]
    heads = ["First", "Second", "Label", "Bias", "SD", "Low", "High", "Unit", "Cases"]
    return section(
        "Prediction beside observers",
        side_by_side(
            picture(
                dots(content.scores),
                "Dice of every pair: a dot is a case, a line the mean, and gray are "
                "the observers among themselves.",
            ),
            picture(
                bland_altman_plot(content.scores),
                "Bland-Altman plot of sizes: differences over means, their mean (line) "
                "and limits of agreement (dashed), by observer.",
            ),
        ),
        table(heads, rows, texts=3, caption="Sizes: first minus second"),
    )


def agreement(content: ReportContent) -> str:
    """Write how far every pair agrees, where there are at least two observers."""
    if len(observers_in(content.scores)) < 2:
        return ""
    matrix = agreement_matrix(agreements_in(content.scores))
    names = [str(name) for name in matrix.mean]
    rows = [[name, *(_cell(matrix, name, other) for other in names)] for name in names]
    hint = "Mean Dice over cases and labels; in brackets over how many cases."
    return section("Agreement of every pair", table(["", *names], rows, caption=hint))


def cases(content: ReportContent) -> str:
    """Picture the worst and the median case, and list all, the worst first."""
    ranked = worst_first(content.scores)
    rows = [
        [
            str(row["case"]),
            *(rounded(row[key]) for key in ("dice", "lowest")),
            str(row["lowest_label"]),
            rounded(row["between_observers"]),
            str(row["undefined"]),
        ]
        for row in ranked.head(_MOST_CASES).to_dict("records")
    ]
    heads = ["Case", "Mean Dice", "Lowest", "of label", "Between observers"]
    caption = "All cases, the worst first. Dice is the mean over labels and observers."
    if len(ranked) > _MOST_CASES:
        caption += f" The first {_MOST_CASES} of {len(ranked)}; the CSV has all."
    listed = table([*heads, "Undefined"], rows, caption=caption)
    return section("Cases", side_by_side(*_pictured(content, ranked)), listed)


def training(content: ReportContent) -> str:
    """Draw how the trainings went."""
    drawn = [
        picture(
            figure_of(model.curves),
            f"Training of {model.card.name}: loss, scores on held-out cases, and "
            "learning rate.",
        )
        for model in content.models
        if model.curves is not None and model.curves.steps
    ]
    plans = [
        folded(
            f"Every decision of the plan of {model.card.name}, and why",
            "".join(
                paragraph(f"{field}: {reason}")
                for field, reason in model.card.plan.reasons.items()
            ),
        )
        for model in content.models
    ]
    return section("Training", *drawn, *plans)


def _pictured(content: ReportContent, ranked: pd.DataFrame) -> Iterator[str]:
    if content.view_of is None:
        return
    names = list(map(str, ranked["case"]))
    chosen = {names[0]: "Worst case" if len(names) > 1 else "The case"}
    if len(names) == 2:
        chosen[names[1]] = "The other case"
    else:
        chosen.setdefault(median_case(ranked), "Median case")
    by_case = dict(zip(ranked["case"], ranked["dice"], strict=True))
    name = prediction_in(content.scores)
    for case, title in chosen.items():
        view = content.view_of(case)
        if min(view.predicted.shape) == 0:
            continue
        figure, caption = case_picture(view, name, content.annotation)
        dice = rounded(by_case[case])
        yield picture(figure, f"{title}, {case}: Dice {dice}. {caption}")


def _summary_row(score: str, row: Mapping[Any, Any], unit: str) -> list[str]:
    title = TITLES[score]
    if score in ("hd95", "mean_surface_distance"):
        title += f" ({unit})"
    interval = ""
    if math.isfinite(row["low"]):
        interval = f"{rounded(row['low'])} to {rounded(row['high'])}"
    return [
        *(title, rounded(row["mean"]), interval, rounded(row["sd"])),
        *(rounded(row["pooled"]), str(int(row["cases"])), str(int(row["undefined"]))),
    ]


def _with_interval(row: Mapping[Any, Any]) -> str:
    """Write a mean, its interval and how many cases it is of."""
    of = counted(int(row["cases"]), "case")
    if not math.isfinite(row["low"]):
        return f"{rounded(row['mean'])} ({of})"
    interval = f"95 % interval {rounded(row['low'])} to {rounded(row['high'])}"
    return f"{rounded(row['mean'])} ({interval}, {of})"


def _cell(matrix: AgreementMatrix, name: str, other: str) -> str:
    if name == other:
        return ""
    mean: Any = matrix.mean.at[name, other]
    count: Any = matrix.cases.at[name, other]
    return f"{rounded(mean)} ({count})"


def _capital(name: str) -> str:
    return f"The {name}" if name in ("prediction", "model") else name
