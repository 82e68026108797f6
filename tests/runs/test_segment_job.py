from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import RunFolderError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.runs.segment_job import SegmentJob


def test_a_job_keeps_order_case_and_result(tmp_path):
    settings = SegmentationSettings(mirror=True)
    case = Case(np.ones((3, 4, 5), np.float32), name="032")
    job = SegmentJob.create(tmp_path, case, [Path("model.safetensors")], settings)
    opened = SegmentJob.open(job.path)
    assert opened.order().settings == settings
    assert opened.order().models == (Path("model.safetensors").resolve(),)
    np.testing.assert_array_equal(opened.case().image, case.image)
    assert opened.probabilities() is None
    with pytest.raises(RunFolderError, match="labels"):
        opened.labels()
    opened.keep(np.full((3, 4, 5), 2, np.uint8), np.ones((2, 3, 4, 5), np.float32))
    assert job.labels().max() == 2
    assert job.probabilities().shape == (2, 3, 4, 5)
    job.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_an_order_is_no_job(tmp_path):
    with pytest.raises(RunFolderError, match=r"job\.json"):
        SegmentJob.open(tmp_path)
