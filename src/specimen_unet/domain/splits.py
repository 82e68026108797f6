"""Which cases are learnt from, and which are held out to score the model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.counts import labels_present
from specimen_unet.domain.errors import NoAnnotationError, PlanError
from specimen_unet.domain.folds import deal_folds, traits_of
from specimen_unet.domain.marked_splits import (
    free_cases,
    marked_validation,
    without_tests,
)
from specimen_unet.domain.plan import Split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.folds import Traits

    # Labels that occur, by the name of the case.
    Found = Mapping[str, frozenset[int]]

# Neighbouring slices are alike over some distance: this share of a case is left out
# on either side of the block that is held out. A 3D network also looks across slices,
# so that it keeps two slices away at least.
_GAP = 0.05


def split_cases(
    cases: Sequence[Case], *, folds: int, fold: int, seed: int, dimensions: int
) -> Split:
    """Hold out one part in `folds` to validate on, whole groups at a time.

    Where only one group holds labels, no group can be held out: then one of its
    several cases is, or a block of slices of its only case (rows of a 2D image),
    with a gap on either side. `Split.caution` says what the number is then worth.

    What a person marked (`Case.split`) is kept: test cases stand on neither side, and
    where any cases are marked for validation, those and no others are held out. What
    is marked for training is never held out.

    Parameters
    ----------
    cases : sequence of Case
        With labels; names must differ.
    folds, fold : int
        Into how many parts, and which of them is held out; 0 is the first. There
        are never more parts than groups (cases, slices) with labels.
    seed : int
        Decides which groups go together.
    dimensions : {2, 3}
        Of the network.

    Returns
    -------
    Split
        Both sides hold labels. `held_out` and `excluded` are ranges [start, stop)
        along the first spatial axis of the one case in `validation`.

    Raises
    ------
    NoAnnotationError
        If there are too few labels to learn from some and hold out others.
    PlanError
        If two cases share a name, there is no part number `fold`, or what is marked
        cannot be kept.
    """
    _check_names(cases)
    cases, told = without_tests(cases)
    traits = [traits_of(case) for case in cases]
    found = {each.name: each.labels for each in traits}
    held_out = marked_validation(cases, found)
    free = {case.name for case in free_cases(cases, found)}
    if not held_out and len(free) < len(cases):
        dealt = [each for each in traits if each.name in free]
        held_out = _held_out(dealt, folds, fold, seed)
    if held_out:
        split = _split(cases, found, held_out)
    else:
        split = _dealt(cases, traits, folds, fold, seed, dimensions)
    return split.model_copy(update={"caution": f"{split.caution} {told}".strip()})


def _dealt(
    cases: Sequence[Case],
    traits: Sequence[Traits],
    folds: int,
    fold: int,
    seed: int,
    dimensions: int,
) -> Split:
    """Hold out what nobody has marked to be held out."""
    found = {each.name: each.labels for each in traits}
    labelled = [case for case in cases if found[case.name]]
    if not labelled:
        raise NoAnnotationError(
            "None of the cases holds a label: draw at least one structure first."
        )
    if len(labelled) == 1:
        return _split_one_case(cases, labelled[0], folds, fold, dimensions)
    if len({case.group for case in labelled}) == 1:
        return _split_one_group(labelled, folds, fold, cases, found)
    return _split(cases, found, _held_out(traits, folds, fold, seed))


def _held_out(traits: Sequence[Traits], folds: int, fold: int, seed: int) -> set[str]:
    """Name the cases of groups that are as the others."""
    parts = min(folds, len({each.group for each in traits if each.labels}))
    _check_fold(fold, parts, "groups")
    fold_of = deal_folds(traits, parts, seed)
    return {name for name, part in fold_of.items() if part == fold}


def _split_one_group(
    labelled: Sequence[Case], folds: int, fold: int, cases: Sequence[Case], found: Found
) -> Split:
    """Hold out cases of the only group that holds labels, and say so."""
    parts = np.array_split([case.name for case in labelled], min(folds, len(labelled)))
    _check_fold(fold, len(parts), "cases")
    held_out = {str(name) for name in parts[fold]}
    caution = (
        f"All labels belong to one group ({labelled[0].group!r}), so the held-out "
        f"{_listed(sorted(held_out))} is not independent of what is learnt from: the "
        "validation score holds for more images of this group, not for another one."
    )
    return _split(cases, found, held_out, caution)


def _split_one_case(
    cases: Sequence[Case], case: Case, folds: int, fold: int, dimensions: int
) -> Split:
    """Hold out a block of slices (or rows) of the only case that holds labels."""
    by_slice = _labels_by_slice(case)
    labelled = np.flatnonzero([bool(labels) for labels in by_slice])
    # To a 2D network a stack holds images, which need not be slices of anything.
    in_stack = "slices" if dimensions == 3 else "images"
    word = in_stack if case.grid.dimensions == 3 else "rows"
    if len(labelled) < 2:
        raise NoAnnotationError(
            f"Only one of the {word} of {case.name} holds labels, so that none could "
            f"be held out to score the model: label more {word} (five or more are "
            "good), or add a second case."
        )
    blocks = np.array_split(labelled, min(folds, len(labelled)))
    _check_fold(fold, len(blocks), f"labelled {word}")
    block = blocks[_from_the_middle(len(blocks))[fold]]
    held_out = (int(block[0]), int(block[-1]) + 1)
    gap = max(dimensions - 1, round(_GAP * len(by_slice)))
    excluded = _with_gap(held_out, gap, labelled, len(by_slice))
    learnt = {
        label
        for position, labels in enumerate(by_slice)
        if not excluded[0] <= position < excluded[1]
        for label in labels
    }
    unseen = frozenset().union(*by_slice) - learnt
    return Split(
        training=tuple(case.name for case in cases),
        validation=(case.name,),
        held_out=held_out,
        excluded=excluded,
        caution=_block_caution(case, held_out, excluded, word) + _unseen(unseen),
    )


def _split(
    cases: Sequence[Case], found: Found, held_out: set[str], caution: str = ""
) -> Split:
    """Put cases on their side, and say which labels nobody can learn."""
    learnt = [found[case.name] for case in cases if case.name not in held_out]
    unseen = frozenset().union(*found.values()) - frozenset().union(*learnt)
    return Split(
        training=tuple(case.name for case in cases if case.name not in held_out),
        validation=tuple(case.name for case in cases if case.name in held_out),
        caution=(caution + _unseen(unseen)).strip(),
    )


def _from_the_middle(count: int) -> list[int]:
    """Order blocks from the middle outwards: the last slices are the odd ones."""
    return sorted(range(count), key=lambda block: abs(2 * block - count + 1))


def _with_gap(
    held_out: tuple[int, int], gap: int, labelled: Array, n: int
) -> tuple[int, int]:
    """Widen a block by the gap, as far as labels remain to be learnt from."""
    for width in range(gap, 0, -1):
        excluded = max(held_out[0] - width, 0), min(held_out[1] + width, n)
        if ((labelled < excluded[0]) | (labelled >= excluded[1])).any():
            return excluded
    return held_out


def _block_caution(
    case: Case, held_out: tuple[int, int], excluded: tuple[int, int], word: str
) -> str:
    """Say what a score on a block of the only case is worth."""
    first, last = held_out[0], held_out[1] - 1
    left_out = excluded[1] - excluded[0] - (held_out[1] - held_out[0])
    block, them = f"{word} {first} to {last} are", "them"
    if first == last:
        block, them = f"{word.removesuffix('s')} {first} is", "it"
    beside = (
        f"and {left_out} beside {them} are left out"
        if left_out
        else f"but there are too few labelled {word} to leave any out beside {them}"
    )
    return (
        f"Only {case.name} holds labels: its {block} held out {beside}. The "
        "validation score says how well the model does on the rest of this very case; "
        "on another one it may do much worse."
    )


def _unseen(labels: frozenset[int]) -> str:
    """Say which labels occur only in what is held out."""
    if not labels:
        return ""
    values = ", ".join(map(str, sorted(labels)))
    return (
        f" Label {values} occurs only in what is held out and cannot be learnt: "
        "choose another fold, or label more."
    )


def _labels_by_slice(case: Case) -> list[frozenset[int]]:
    """Return the labels that occur in each slice (row), over all observers."""
    return [
        frozenset(
            label
            for drawn in case.labels.values()
            for label in labels_present(drawn[position])
        )
        for position in range(case.shape[0])
    ]


def _check_names(cases: Sequence[Case]) -> None:
    """Refuse two cases of one name: nobody could tell which is held out."""
    counts = Counter(case.name for case in cases)
    double = sorted(name for name, count in counts.items() if count > 1)
    if double:
        raise PlanError(
            f"Several cases are called {_listed(double)}: give every case a name of "
            "its own."
        )


def _check_fold(fold: int, parts: int, word: str) -> None:
    """Refuse a fold that is not there."""
    if fold >= parts:
        raise PlanError(
            f"Fold {fold} was asked for, but there are only {parts} {word} or folds "
            f"to choose from: choose a fold from 0 to {parts - 1}."
        )


def _listed(names: Sequence[str]) -> str:
    """Name things in a sentence."""
    return ", ".join(repr(name) for name in names)
