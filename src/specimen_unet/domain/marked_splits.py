"""What people have marked cases for: training, validation, test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.domain.errors import NoAnnotationError, PlanError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from specimen_unet.domain.case import Case

_MOST_NAMES = 5


def without_tests(cases: Sequence[Case]) -> tuple[list[Case], str]:
    """Leave out the cases marked for test.

    Returns
    -------
    list of Case
        The others.
    str
        A sentence about those left out; "" where there are none.

    Raises
    ------
    PlanError
        If a group has test cases and others: the test would not be independent.
    NoAnnotationError
        If there are no others.
    """
    tests = [case for case in cases if case.split == "test"]
    others = [case for case in cases if case.split != "test"]
    if not tests:
        return others, ""
    if not others:
        raise NoAnnotationError(
            f"All {len(tests)} cases are marked for test: mark some for training."
        )
    _check_apart("test", tests, others)
    count = f"{len(tests)} case" + ("s are" if len(tests) > 1 else " is")
    return others, f"{count} marked for test: neither learnt from nor validated on."


def marked_validation(
    cases: Sequence[Case], found: Mapping[str, Collection[int]]
) -> set[str]:
    """Return the names of the cases marked for validation.

    Parameters
    ----------
    cases : sequence of Case
        Without those for test.
    found : mapping of str to collection of int
        Labels that occur, by the name of the case.

    Raises
    ------
    PlanError
        If a group stands on both sides.
    NoAnnotationError
        If one of the sides holds no labels.
    """
    held_out = [case for case in cases if case.split == "validation"]
    others = [case for case in cases if case.split != "validation"]
    if not held_out:
        return set()
    _check_apart("validation", held_out, others)
    for side, what in ((held_out, "marked for validation"), (others, "to learn from")):
        if not any(found[case.name] for case in side):
            raise NoAnnotationError(
                f"None of the {len(side)} cases {what} holds a label: mark others, or "
                "draw on one of them."
            )
    return {case.name for case in held_out}


def free_cases(
    cases: Sequence[Case], found: Mapping[str, Collection[int]]
) -> list[Case]:
    """Return the cases that may be held out: no case of their group is for training.

    Raises
    ------
    PlanError
        If none of them holds labels, and none is marked for validation.
    """
    learnt = {case.group for case in cases if case.split == "training"}
    free = [case for case in cases if case.group not in learnt]
    has_validation = any(case.split == "validation" for case in cases)
    if learnt and not has_validation and not any(found[case.name] for case in free):
        raise PlanError(
            "All cases with labels are marked for training, or are in the group of "
            "one that is: mark some for validation, or take the marks of some away."
        )
    return free


def _check_apart(mark: str, marked: Sequence[Case], others: Sequence[Case]) -> None:
    """Refuse groups of which some cases are marked and others are not."""
    groups = {case.group for case in marked} & {case.group for case in others}
    if groups:
        names = ", ".join(repr(group) for group in sorted(groups)[:_MOST_NAMES])
        more = f" and {len(groups) - _MOST_NAMES} more" * (len(groups) > _MOST_NAMES)
        raise PlanError(
            f"Only some of the cases of group {names}{more} are marked for {mark}. "
            "Cases of one group show nearly the same, so the score would be too good: "
            f"mark all cases of a group for {mark}, or none."
        )
