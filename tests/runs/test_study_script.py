"""Cross-validation from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import specimen_unet as su
from specimen_unet.domain.errors import PlanError, RunFolderError
from specimen_unet.files.images import read_labels, write_image, write_labels

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.case import Case

SMALL: dict[str, Any] = {
    "ending": "steps", "steps": 6, "channels": (4, 8), "batch": 1,
    "residual_units": 0, "network": "UNet", "device": "cpu",
}  # fmt: skip


def test_cases_become_tables_models_and_labels(
    study_cases: list[Case], tmp_path, make_blob_case
):
    lines: list[str] = []
    small = {**SMALL, "dimensions": study_cases[0].grid.dimensions}
    study = su.crossvalidate(
        study_cases, folds=3, folder=tmp_path / "s", progress=lines.append, **small
    )
    assert study.folder == tmp_path / "s"
    assert len(study.scores) == 6 * 3
    assert set(study.summary["score"]) >= {"dice", "iou"}
    assert list(study.predictions) == [case.name for case in study_cases]
    for case in study_cases:
        labels, grid = read_labels(study.predictions[case.name])
        assert labels.shape == case.shape
        assert grid.same_spacing(case.grid)
    models = [su.load_model(path) for path in study.models]
    together = su.segment(study_cases[0], models)
    assert together.labels.shape == study_cases[0].shape
    assert lines[0] == "fold 1 of 3"
    assert sum("on cases not seen" in line for line in lines) == 3

    # The same again takes what is there; other cases are not mixed into it.
    before = [path.stat().st_mtime_ns for path in study.models]
    of_test = make_blob_case(study_cases[0].shape, seed=9).with_split("test")
    same = [*study_cases, of_test]  # which takes no part
    again = su.crossvalidate(same, folds=3, folder=tmp_path / "s", **small)
    assert [path.stat().st_mtime_ns for path in again.models] == before
    changed = np.array(study_cases[0].labels["EA"])
    changed[tuple(size // 2 for size in changed.shape)] = 0
    labels = {**study_cases[0].labels, "EA": changed}
    others = [study_cases[0].with_labels(labels), *study_cases[1:]]
    for cases in (others, study_cases[:-1]):
        with pytest.raises(RunFolderError, match="a study of other cases"):
            su.crossvalidate(cases, folds=3, folder=tmp_path / "s", **small)


def test_a_folder_of_cases_will_do(make_blob_case, tmp_path: Path, monkeypatch):
    for seed in range(4):
        case = make_blob_case((32, 32), seed=seed)
        write_image(tmp_path / "blobs" / f"{seed}.tif", case.image[0], case.grid)
        path = tmp_path / "blobs" / f"{seed}_EA.tif"
        write_labels(path, case.labels["EA"], case.grid)
    monkeypatch.chdir(tmp_path)
    study = su.crossvalidate("blobs", folds=2, dimensions=2, **SMALL)
    assert study.folder.name.startswith("blobs-study_")
    assert len(study.models) == 2
    assert "blobs-study" in repr(study)


def test_a_setting_that_is_not_there_is_told(study_cases: list[Case], tmp_path):
    with pytest.raises(PlanError, match="did you mean 'minutes'"):
        su.crossvalidate(study_cases, folder=tmp_path / "s", minute=3)
    assert not (tmp_path / "s").exists()
