"""The one way to all benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    assert set(found) == {case.name for case in cases}
    of_group = {(case.group, found[case.name]) for case in cases}
    assert len(of_group) == len(set(groups))  # one fold a group
    sizes = [list(found.values()).count(fold) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1


def test_observers_finds_what_an_independent_count_finds(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    folder = tmp_path / "observers"
    folder.mkdir()
    for case in ("b01", "b02", "b03"):
        image = generator.integers(0, 255, (40, 50)).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{case}.png")
        for number in (1, 2, 3):
            mask = np.zeros((40, 50), np.uint8)
            mask[10 : 30 + number, 8 + number : generator.integers(30, 45)] = 255
            Image.fromarray(mask).save(folder / f"{case}_observer{number}.png")
    record = tmp_path / "record.json"
    told = benchmarks("observers", "--data", str(tmp_path), "--json", str(record))
    assert told.returncode == 0, told.stderr
    found = json.loads(record.read_text())["results"]
    assert (found["pairs"], found["pairs_independent"]) == (9, 9)
    assert 0.5 < found["mean_pairwise_dice"] < 1
    assert found["difference"] < 1e-12
    assert len(found["williams"]) == 3
