"""A finished cross-validation as a page."""

from __future__ import annotations

import pytest

from specimen_unet import cli
from specimen_unet.domain.errors import RunFolderError
from specimen_unet.runs.crossvalidation import crossvalidating
from specimen_unet.runs.study_report import report_study


@pytest.mark.slow
def test_every_case_is_reported_by_a_model_that_has_not_seen_it(study, capsys):
    for _ in crossvalidating(study):
        pass
    path, *_ = report_study(study)
    text = path.read_text("utf-8")
    assert "Cross-validation of 3 folds" in text
    assert "Data. 6 cases of 3 groups" in text
    assert "3 groups (6 cases) are few" in text
    assert "best of" not in text
    assert "has learnt from" not in text
    assert text.count("data:image/png") == 2 + 2 + 3
    assert cli.main(["report", str(study.path)]) == 0
    assert "report.html" in capsys.readouterr().out


def test_a_study_that_is_not_finished_is_refused(study):
    with pytest.raises(RunFolderError, match="not finished"):
        report_study(study)
    assert not (study.path / "report.html").exists()
