"""The one way to all benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def benchmarks(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_name_every_benchmark_is_listed_with_what_it_says_of_itself() -> None:
    told = benchmarks()
    assert told.returncode == 0
    for name in ("hippocampus", "busi", "vessels", "memory", "viewer"):
        (line,) = (one for one in told.stdout.splitlines() if one.split()[:1] == [name])
        assert len(line.split()) > 4
    assert "record" not in told.stdout.split()


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    told = benchmarks("hipocampus", "--minutes", "5")
    assert told.returncode == 2
    assert "'hipocampus'" in told.stderr
    assert "hippocampus" in told.stdout


def test_words_after_the_name_reach_the_benchmark() -> None:
    told = benchmarks("memory", "--help")
    assert told.returncode == 0
    assert "--edge" in told.stdout


@pytest.mark.parametrize("folds", [2, 5])
def test_busi_never_tears_a_group_apart_and_fills_folds_evenly(
    folds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from busi import folds_of

    import specimen_unet as su

    groups = [
        f"g{number // 3}" if number < 30 else f"s{number}" for number in range(60)
    ]
    cases = [
        su.Case(np.zeros((2, 2)), name=str(number), group=group)
        for number, group in enumerate(groups)
    ]
    found = folds_of(cases, folds, seed=0)
    assert set(found) == set(groups)
    sizes = [sum(found[group] == fold for group in groups) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1
