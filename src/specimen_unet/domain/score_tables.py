"""What the scores of many cases say together: worst cases, pairs, sizes.

All of it starts from one table: that of `comparison.score` for every case, with a
column ``case`` in front. `first` is the prediction in rows that are not
`between_observers`, under one name in all cases.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from specimen_unet.domain.bland_altman import bland_altman
from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.domain.summary import summarise
from specimen_unet.domain.yardsticks import williams_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specimen_unet.domain.yardsticks import WilliamsIndex

_PAIR = ["first", "second"]
_NO_SCORES = ("case", *_PAIR, "between_observers", "size_unit", "distance_unit")
SURFACE_SCORES = ("hd95", "mean_surface_distance", "surface_dice")
"""The columns of `engine.surface_distances`; they have a unit, or a tolerance in it."""

FEW_GROUPS = 10
"""Below this an interval is narrower than it should be."""


def observers_in(table: pd.DataFrame) -> list[str]:
    """List the observers, in the order in which they come."""
    between = table["between_observers"].astype(bool)
    names = [*table.loc[~between, "second"], *table.loc[between, "first"]]
    names += [*table.loc[between, "second"]]
    return [str(name) for name in dict.fromkeys(names)]


def prediction_in(table: pd.DataFrame) -> str:
    """Return the name under which the prediction stands."""
    return str(table.loc[~table["between_observers"].astype(bool), "first"].iloc[0])


def worst_first(table: pd.DataFrame) -> pd.DataFrame:
    """Rank the cases by how well the prediction agrees, the worst one first.

    Returns
    -------
    DataFrame
        One row a case: ``case, dice`` (mean over labels and observers where it is
        defined), ``lowest`` (the least of these), ``lowest_label``,
        ``between_observers`` (mean Dice of the observers among themselves) and
        ``undefined`` (how many Dice are not defined). Cases without any defined Dice
        come last.
    """
    between = table["between_observers"].astype(bool)
    rows = []
    for case, scores in table[~between].groupby("case", sort=False):
        defined = scores.dropna(subset="dice")
        worst = defined.nsmallest(1, "dice").to_dict("records")
        rows.append(
            {
                "case": str(case),
                "dice": defined["dice"].mean(),
                "lowest": worst[0]["dice"] if worst else math.nan,
                "lowest_label": str(worst[0]["name"]) if worst else "",
                "between_observers": table.loc[
                    between & (table["case"] == case), "dice"
                ].mean(),
                "undefined": len(scores) - len(defined),
            }
        )
    ranked = pd.DataFrame(rows).sort_values("dice", kind="stable", na_position="last")
    return ranked.reset_index(drop=True)


def median_case(ranked: pd.DataFrame) -> str:
    """Return the case in the middle of those with a Dice; of two the worse one."""
    defined = ranked.dropna(subset="dice")
    cases = defined if len(defined) else ranked
    return str(cases["case"].iloc[(len(cases) - 1) // 2])


def summary_of(
    table: pd.DataFrame, groups: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Sum up every pair over the cases, by label and score.

    Returns
    -------
    DataFrame
        ``first, second, between_observers`` and the columns of `summary.summarise`.
        Sizes are left out where their units differ, and so are distances.
    """
    left_out = list(_NO_SCORES)
    if table["size_unit"].nunique() > 1:
        left_out += [name for name in map(str, table) if name.endswith("_size")]
        left_out.append("size_difference")
    if "distance_unit" in table and table["distance_unit"].nunique() > 1:
        left_out += SURFACE_SCORES
    parts = []
    for pair, rows in table.groupby(["between_observers", *_PAIR], sort=False):
        by_case = {
            str(case): scores.drop(columns=left_out, errors="ignore")
            for case, scores in rows.groupby("case", sort=False)
        }
        part = summarise(by_case, groups=groups)
        between, first, second = pair
        part.insert(0, "first", str(first))
        part.insert(1, "second", str(second))
        part.insert(2, "between_observers", bool(between))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def agreements_in(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the agreement of every pair by case, as `observers.agreement` gives it."""
    columns = [*_PAIR, "label", "dice", "iou"]
    return {
        str(case): rows[columns].reset_index(drop=True)
        for case, rows in table.groupby("case", sort=False)
    }


def sizes_in(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the sizes that every pair finds, by label and unit, as Bland and Altman.

    Returns
    -------
    DataFrame
        ``first, second, between_observers, label, name, unit, bias, sd, low, high,
        pairs``; the bias is the mean of first minus second.
    """
    keys = ["between_observers", *_PAIR, "label", "size_unit"]
    rows = []
    for (between, first, second, label, unit), sizes in table.groupby(keys, sort=False):
        found = bland_altman(
            sizes["predicted_size"].to_numpy(), sizes["true_size"].to_numpy()
        )
        rows.append(
            {
                **{"first": first, "second": second, "between_observers": between},
                **{"label": label, "name": sizes["name"].iloc[0], "unit": unit},
                **{"bias": found.bias, "sd": found.sd, "low": found.low},
                **{"high": found.high, "pairs": found.pairs},
            }
        )
    return pd.DataFrame(rows)


def williams_of(
    table: pd.DataFrame, groups: Mapping[str, str] | None = None
) -> WilliamsIndex | None:
    """Return Williams' index of the prediction; None without two observers."""
    try:
        return williams_index(agreements_in(table), prediction_in(table), groups=groups)
    except NoAnnotationError:
        return None


def in_a_sentence(found: WilliamsIndex, cases: str = "cases") -> str:
    """Say what an index tells, and what it does not.

    Parameters
    ----------
    found : WilliamsIndex
        Of a prediction.
    cases : str, optional
        What people call the cases, in the plural.
    """
    if not math.isfinite(found.index):
        return (
            "Williams' index is undefined: no case has both a Dice of the prediction "
            "and one between observers."
        )
    index = f"Williams' index {found.index:.2f}"
    if found.groups < 2 or not math.isfinite(found.low):
        return (
            f"{index}, of a single {'case' if found.cases == 1 else 'group'}: this "
            "says nothing about others. Compare several cases to get an interval."
        )
    verdict = "as close to the observers as they are to each other"
    if found.high < 1:
        verdict = "further from the observers than they are from each other"
    elif found.low > 1:
        verdict = "closer to the observers than they are to each other"
    of = f"{found.cases} {cases}"
    if found.groups < found.cases:
        of += f" in {found.groups} groups"
    text = (
        f"The prediction is {verdict}: {index} (95 % interval {found.low:.2f} to "
        f"{found.high:.2f}, {of})."
    )
    if found.groups < FEW_GROUPS:
        text += " Of so few the interval is too narrow."
    return text
