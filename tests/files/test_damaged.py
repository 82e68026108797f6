"""Damaged files of every format are read or refused, whatever was damaged."""

from __future__ import annotations

import time

import numpy as np
import pytest

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.images import read_image, read_labels

FILES = 100  # of each format
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def samples(damage, tmp_path_factory):
    return damage.make_samples(tmp_path_factory.mktemp("samples"))


def test_valid_files_are_read(samples):
    assert len(samples) >= 20
    for files in samples.values():
        assert read_image(files[0])[0].size


def test_damaged_files_are_read_or_refused_by_name(damage, samples):
    refused = 0
    for name, files in samples.items():
        random = np.random.default_rng([0, *name.encode()])
        parts = files[1:] or files
        for _ in range(FILES):
            part = parts[random.integers(len(parts))]
            whole = part.read_bytes()
            part.write_bytes(damage.damaged(random, whole))
            began = time.process_time()
            told = _told(files[0])
            part.write_bytes(whole)
            assert str(files[0].parent) in told
            assert time.process_time() - began < 5
            refused += told != str(files[0])
    assert refused > FILES * len(samples) / 3


def _told(path):
    """Return the message of the error, or the path if there was none."""
    try:
        np.asarray(read_image(path)[0])  # OME-Zarr reads its blocks only now
        read_labels(path)
    except CaseReadError as error:
        return str(error)
    return str(path)
