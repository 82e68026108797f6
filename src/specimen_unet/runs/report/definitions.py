"""What every score of a report is, and when it is undefined."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specimen_unet.runs.report.content import ReportContent
    from specimen_unet.runs.report.references import References

TITLES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "size_difference_percent": "Size difference (%)",
    "hd95": "HD95",
    "mean_surface_distance": "Mean surface distance",
    "surface_dice": "Surface Dice",
}
"""Scores that are shown, in this order; the CSV has them all."""


def definitions_of(content: ReportContent, cite: References) -> list[str]:
    """Say how the scores of a report were computed, and of what."""
    return [
        _overlap(cite),
        _surfaces(content, cite) if "hd95" in content.scores else "",
        _undefined(content),
        _over_cases(cite),
    ]


def _overlap(cite: References) -> str:
    return (
        "Scores. With A the predicted (first) and B the true (second) voxels of a "
        "label, counted over the whole case: Dice = 2 |A and B| / (|A| + |B|) "
        f"{cite.cite('dice')}, IoU = |A and B| / |A or B| {cite.cite('iou')}, "
        "precision = |A and B| / |A|, recall = |A and B| / |B| "
        f"{cite.cite('metrics')}, size difference = 100 (|A| - |B|) / |B|."
    )


def _surfaces(content: ReportContent, cite: References) -> str:
    text = (
        "HD95 is the larger of the 95th percentiles of the distances from each surface "
        f"to the other {cite.cite('hausdorff')}, the mean surface distance the mean of "
        f"both {cite.cite('surface-distance')}"
    )
    if content.tolerance is not None:
        units = " or ".join(content.scores["distance_unit"].unique())
        text += (
            "; surface Dice is the share of both surfaces within "
            f"{content.tolerance:g} {units} of the other {cite.cite('surface-dice')}"
        )
    return f"{text}."


def _undefined(content: ReportContent) -> str:
    text = (
        "Dice and IoU of a label that neither has are undefined, as are precision "
        "where nothing was predicted and recall where nothing is true; Dice and IoU of "
        "a label that only one has are 0. What is undefined is left out of means and "
        "counted."
    )
    if content.annotation != "everywhere":
        text += " Voxels that were not annotated are left out of all scores."
    return text


def _over_cases(cite: References) -> str:
    return (
        "Intervals are 95 % percentile intervals of the mean over 2,000 bootstrap "
        f"draws of whole groups {cite.cite('bootstrap')}. Williams' index is the mean "
        "agreement (Dice) of the prediction with the observers, divided by that of the "
        f"observers among themselves {cite.cite('williams', 'chalana')}. Limits of "
        "agreement are the mean of the differences ± 1.96 standard deviations "
        f"{cite.cite('bland-altman')}."
    )
