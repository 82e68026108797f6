"""What must be known before a number of a report is believed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specimen_unet.domain.score_tables import FEW_GROUPS, observers_in
from specimen_unet.runs.report.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from specimen_unet.runs.report.content import ReportContent


def cautions_of(content: ReportContent) -> list[str]:
    """List what weakens the numbers, the worst first; each thing once."""
    found = [
        *_of_splits(content),
        *content.cautions,
        *_of_failures(content),
        *_of_number(content),
        *_of_choice(content),
        *_of_scores(content),
    ]
    return list(dict.fromkeys(text for text in found if text))


def _of_splits(content: ReportContent) -> Iterator[str]:
    # Of a cross-validation, splits tell of what each fold chose its weights by.
    if len(content.models) == 1:
        card = content.models[0].card
        yield card.metrics.caution if card.metrics else card.plan.split.caution


def _of_failures(content: ReportContent) -> Iterator[str]:
    if content.failed:
        names = listed(content.failed)
        yield (
            f"{counted(len(content.failed), 'case')} could not be compared and "
            f"{'is' if len(content.failed) == 1 else 'are'} in no number: {names}."
        )


def _of_number(content: ReportContent) -> Iterator[str]:
    cases = content.scores["case"].nunique()
    groups = content.groups
    names = content.scores["case"].unique()
    n_groups = len({groups[case] for case in names}) if groups else cases
    if cases == 1:
        yield "This is one case: it says nothing about how far others differ from it."
    elif n_groups == 1:
        yield (
            f"All {cases} cases are of one group: they are alike, and there is no "
            "interval."
        )
    elif n_groups < FEW_GROUPS:
        of = "cases" if n_groups == cases else f"groups ({cases} cases)"
        yield (
            f"{n_groups} {of} are few: the intervals are narrower than they should be."
        )


def _of_choice(content: ReportContent) -> Iterator[str]:
    """Tell when the cases that are scored had a say in which weights were kept."""
    if len(content.models) != 1:
        return
    card = content.models[0].card
    split, tried = card.plan.split, card.metrics.validations if card.metrics else 1
    validated = {_plain(case) for case in split.validation}
    scored = {_plain(case): str(case) for case in content.scores["case"].unique()}
    if tried > 1 and scored.keys() & validated:
        yield (
            f"The model is the best of {tried} validations on these very cases: "
            "expect a little less on new ones."
        )
    learnt = {_plain(case) for case in split.training} - validated
    if scored.keys() & learnt:
        names = listed(sorted(scored[case] for case in scored.keys() & learnt))
        yield (
            f"The model has learnt from {names}: the scores of such cases say nothing "
            "about new ones."
        )


def _of_scores(content: ReportContent) -> Iterator[str]:
    between = content.scores["between_observers"].astype(bool)
    scores = content.scores[~between]
    undefined = int(scores["dice"].isna().sum())
    if undefined:
        yield (
            f"{undefined} of {len(scores)} Dice are undefined, because neither has the "
            "label: they are in no mean."
        )
    if "hd95" in scores and scores["hd95"].isna().any():
        missing = int(scores["hd95"].isna().sum())
        yield (
            f"{missing} of {len(scores)} surface distances are undefined, because a "
            "label is missing on one side: a prediction that finds nothing has no bad "
            "distance."
        )
    if content.scores["size_unit"].nunique() > 1:
        units = listed(sorted(map(str, content.scores["size_unit"].unique())))
        yield f"Sizes are in different units ({units}) and were not summed up."
    if "distance_unit" in scores and scores["distance_unit"].nunique() > 1:
        units = listed(sorted(map(str, scores["distance_unit"].unique())))
        yield (
            f"Surface distances are in different units ({units}) and were not summed "
            "up; the tolerance was taken in the unit of each case."
        )
    if len(observers_in(content.scores)) == 1:
        yield (
            "There is one observer: how far people differ, which is the yardstick, is "
            "not known."
        )


def _plain(name: object) -> str:
    """Return a name as files and layers both have it: "specimen 1", "specimen-1"."""
    return re.sub(r"\W+|_", " ", str(name)).strip().lower()
