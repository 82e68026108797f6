"""Whole groups of cases, dealt out to folds that are alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.counts import labels_present
from specimen_unet.domain.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specimen_unet.domain.case import Case


@dataclass(frozen=True, slots=True)
class Traits:
    """What dealing out looks at.

    Attributes
    ----------
    name, group : str
        Of the case; cases of one group stay together.
    labels : frozenset of int
        That any observer drew on it.
    foreground : int
        Voxels that are labelled, of the observer who labelled most.
    """

    name: str
    group: str
    labels: frozenset[int] = frozenset()
    foreground: int = 0


def traits_of(case: Case) -> Traits:
    """Look at the labels of a case."""
    drawn = list(case.labels.values())
    return Traits(
        case.name,
        case.group,
        frozenset(label for labels in drawn for label in labels_present(labels)),
        max((int(np.count_nonzero(labels)) for labels in drawn), default=0),
    )


def deal_folds(cases: Sequence[Traits], folds: int, seed: int) -> dict[str, int]:
    """Deal whole groups out to folds that are alike.

    Folds get about as many cases, cases with labels, cases with each of the labels, and
    as much that is labelled. Each gets a case with labels, if there are as many groups
    that hold any. The order of the cases does not matter.

    Parameters
    ----------
    cases : sequence of Traits
        Names must differ.
    folds : int
        How many.
    seed : int
        Decides which of the groups that are alike go where.

    Returns
    -------
    dict of str to int
        The fold of every case, from 0.
    """
    groups = _groups(cases)
    whole = sum((group.amounts for group in groups.values()), Counter[str]())
    names = np.random.default_rng(seed).permutation(sorted(groups)).tolist()
    loads = [Counter[str]() for _ in range(folds)]
    of_group: dict[str, int] = {}
    # The large ones first: the small ones then even out what they leave.
    for name in sorted(names, key=lambda name: groups[name].rank, reverse=True):
        amounts = groups[name].amounts
        fold = min(range(folds), key=lambda fold: _clash(loads[fold], amounts, whole))
        loads[fold] += amounts
        of_group[name] = fold
    return {case.name: of_group[case.group] for case in cases}


def check_folds(cases: Sequence[Traits], folds: int) -> None:
    """Refuse more folds than there are groups with labels.

    Raises
    ------
    PlanError
        It says how many folds there can be.
    """
    groups = {case.group for case in cases if case.labels}
    if folds <= len(groups):
        return
    found = f"{folds} folds were asked for, but labels are in {_count(groups)} only"
    if len(groups) < 2:
        raise PlanError(
            f"{found}: models are tried on groups that they have not seen, so that two "
            "groups are needed. Label specimens of other groups, too."
        )
    choice = "2" if len(groups) == 2 else f"2 to {len(groups)}"
    raise PlanError(f"{found}: choose {choice} folds, or label more.")


def labels_of_one_fold(
    cases: Sequence[Traits], fold_of: Mapping[str, int]
) -> dict[int, int]:
    """Return labels that are in one fold only: its model never sees them.

    Returns
    -------
    dict of int to int
        Label -> that fold.
    """
    folds: dict[int, set[int]] = {}
    for case in cases:
        for label in case.labels:
            folds.setdefault(label, set()).add(fold_of[case.name])
    return {label: found.pop() for label, found in folds.items() if len(found) == 1}


@dataclass(slots=True)
class _Group:
    """Cases that stay together, in numbers."""

    cases: int = 0
    labelled: int = 0
    foreground: int = 0
    with_label: Counter[int] = field(default_factory=Counter)

    def take(self, case: Traits) -> None:
        self.cases += 1
        self.labelled += bool(case.labels)
        self.foreground += case.foreground
        self.with_label.update(case.labels)

    @property
    def rank(self) -> tuple[int, int, int]:
        """How large it is; foreground up to a factor of 2, so that the seed matters."""
        return self.labelled, self.cases, self.foreground.bit_length()

    @property
    def amounts(self) -> Counter[str]:
        """What folds are to have equally much of."""
        counted = {f"label {label}": n for label, n in self.with_label.items()}
        fixed = {"labelled": self.labelled, "foreground": self.foreground}
        return Counter({"cases": self.cases, **fixed, **counted})


def _groups(cases: Sequence[Traits]) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
    for case in cases:
        groups.setdefault(case.group, _Group()).take(case)
    return groups


def _clash(
    load: Counter[str], amounts: Counter[str], whole: Counter[str]
) -> tuple[float, int]:
    """Tell how much a fold has already of what a group brings.

    To choose the least is what adds least to the sum of the squared shares of all
    folds. Where folds are alike in that, the one with fewer cases is to be chosen.
    """
    shares = (
        load[of] * amount / whole[of] ** 2 for of, amount in amounts.items() if amount
    )
    return round(sum(shares), 12), load["cases"]


def _count(groups: set[str]) -> str:
    return "one group" if len(groups) == 1 else f"{len(groups)} groups"
