"""The demo leaves everything it shows where it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from specimen_unet.files.images import read_image, read_labels
from specimen_unet.files.library import library_folder, read_card
from specimen_unet.runs import demo as room
from specimen_unet.runs.answers import Status

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory):
    """Return the folder and the answer of a demo that is small and short."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, room.demo(folder, minutes=0.05, shape=(10, 56, 50))


def test_every_file_is_where_it_is_said_to_be(shown):
    folder, _ = shown
    assert sorted(path.name for path in (folder / "unseen").iterdir()) == [
        f"specimen-{seed}{observer}.tif"
        for seed in (11, 12, 13, 14)
        for observer in ("", "_EA", "_MG")
    ]
    assert len(list((folder / "training").iterdir())) == 30
    image, grid = read_image(folder / "unseen" / "specimen-11.tif")
    assert grid.unit == "mm"
    for dimensions in (2, 3):
        card = read_card(folder / "models" / f"phantom-{dimensions}d.safetensors")
        assert card.plan.dimensions == dimensions
        path = folder / f"predictions-{dimensions}d" / "specimen-11.tif"
        labels, labels_grid = read_labels(path)
        assert labels.shape == image.shape
        assert labels_grid == grid
    assert not library_folder().exists()


def test_the_table_has_models_and_observers_side_by_side(shown):
    folder, answer = shown
    for words in ("3D", "2D", "model against EA", "EA against MG", "specimen-12"):
        assert words in answer.text
    table = pd.read_csv(folder / "scores.csv")
    assert len(table) == 2 * 4 * 3
    between = table[table["between_observers"]]
    assert between["dice"].between(0.8, 0.99).all()
    json.dumps(answer.content, allow_nan=False)


def test_a_model_below_the_bound_is_told_by_the_status(shown):
    folder: Path
    folder, answer = shown
    table = pd.read_csv(folder / "scores.csv")
    ours = table[(table["model"] == "3D") & ~table["between_observers"]]
    dice = ours["dice"].fillna(0)
    assert answer.content["lowest_dice"] == pytest.approx(dice.min())
    means = dice.groupby(ours["second"]).mean()
    assert answer.content["mean_dice"] == pytest.approx(means.to_dict())
    expected = Status.OK if means.min() >= 0.85 else Status.BELOW_BOUND
    assert answer.status is expected
    assert ("less than 0.85" in answer.text) == (expected is Status.BELOW_BOUND)


@pytest.mark.parametrize(
    ("dice", "status"), [(0.82, Status.OK), (0.78, 4), (float("nan"), 4)]
)
def test_the_bound_is_kept_against_every_observer(tmp_path, dice, status):
    rows = [
        {"case": case, "model": model, "first": "prediction", "second": observer}
        for case in ("specimen-11", "specimen-12")
        for model in ("3D", "2D")
        for observer in ("EA", "MG")
    ]
    scores = pd.DataFrame(rows).assign(between_observers=False, dice=0.9)
    scores.loc[5, "dice"] = dice  # specimen-12, 3D, MG
    scores.loc[2, "dice"] = 0.1  # 2D: not what the bound is about
    assert room._answer(scores, tmp_path).status == status
