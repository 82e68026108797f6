from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.folds import (
    Traits,
    check_folds,
    deal_folds,
    labels_of_one_fold,
    traits_of,
)

ONE = frozenset({1})


def many(n: int, seed: int = 0) -> list[Traits]:
    """Make cases of groups of one to three, of labels and sizes that differ."""
    chance = np.random.default_rng(seed)
    groups = [f"g{number}" for number in range(n) for _ in range(chance.integers(1, 4))]
    return [
        Traits(
            f"c{number}",
            group,
            frozenset(np.flatnonzero(chance.random(4) < (0.8, 0.4, 0.2, 0.1)).tolist()),
            int(10 ** chance.uniform(2, 5)),
        )
        for number, group in enumerate(groups)
    ]


@given(
    groups=st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30),
    folds=st.integers(2, 5),
    seed=st.integers(0, 50),
)
def test_a_group_is_never_in_two_folds_and_none_is_left_out(groups, folds, seed):
    cases = [Traits(str(n), group, ONE, n) for n, group in enumerate(groups)]
    dealt = deal_folds(cases, folds, seed)
    assert sorted(dealt) == sorted(case.name for case in cases)
    for group in set(groups):
        assert len({dealt[case.name] for case in cases if case.group == group}) == 1
    assert len(set(dealt.values())) == min(folds, len(set(groups)))


def test_folds_have_as_many_cases_labels_and_foreground():
    for seed in range(5):
        cases = many(60, seed)
        dealt = deal_folds(cases, 5, seed=seed)
        n = Counter(dealt.values())
        assert max(n.values()) - min(n.values()) <= 4
        for label in range(4):
            n = Counter(dealt[case.name] for case in cases if label in case.labels)
            assert max(n.values()) - min(n[fold] for fold in range(5)) <= 4
        sizes = [
            sum(case.foreground for case in cases if dealt[case.name] == fold)
            for fold in range(5)
        ]
        of_group = Counter()
        for case in cases:
            of_group[case.group] += case.foreground
        assert max(sizes) - min(sizes) <= max(of_group.values())


def test_a_rare_label_is_in_every_fold_that_it_can_be_in():
    cases = [Traits(str(n), str(n), ONE, 10) for n in range(95)]
    cases += [Traits(f"rare {n}", f"rare {n}", ONE | {2}, 10) for n in range(5)]
    dealt = deal_folds(cases, 5, seed=3)
    assert sorted(dealt[f"rare {n}"] for n in range(5)) == [0, 1, 2, 3, 4]


def test_the_same_seed_deals_the_same_whatever_the_order():
    cases = many(30)
    assert deal_folds(cases, 4, seed=1) == deal_folds(cases[::-1], 4, seed=1)
    assert deal_folds(cases, 4, seed=1) != deal_folds(cases, 4, seed=2)


def test_every_fold_gets_labels_where_few_cases_hold_any():
    cases = [Traits(f"normal {n}", f"normal {n}") for n in range(40)]
    cases += [Traits(f"ill {n}", f"ill {n}", ONE, 10 ** (n + 1)) for n in range(4)]
    dealt = deal_folds(cases, 4, seed=0)
    assert sorted(dealt[f"ill {n}"] for n in range(4)) == [0, 1, 2, 3]
    assert set(Counter(dealt.values()).values()) == {11}


def test_more_folds_than_groups_with_labels_are_refused_with_a_choice():
    cases = [Traits("a", "1", ONE), Traits("b", "2", ONE), Traits("c", "3", ONE)]
    check_folds(cases, 3)
    with pytest.raises(PlanError, match="3 groups only: choose 2 to 3 folds"):
        check_folds(cases, 4)
    with pytest.raises(PlanError, match=r"in one group only: .* two groups are needed"):
        check_folds([*cases[:1], Traits("d", "4")], 2)


def test_labels_that_one_fold_has_alone_are_found():
    cases = [Traits("a", "a", ONE), Traits("b", "b", ONE | {7}), Traits("c", "c", ONE)]
    assert labels_of_one_fold(cases, {"a": 0, "b": 1, "c": 2}) == {7: 1}


def test_traits_are_those_of_all_observers():
    first, second = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    first[0], second[:2] = 1, 3
    case = Case(
        np.zeros((4, 4)), {"EA": first, "MG": second}, name="032", group="patient"
    )
    assert traits_of(case) == Traits("032", "patient", frozenset({1, 3}), 8)
    assert traits_of(Case(np.zeros((4, 4)), name="032")) == Traits("032", "032")
