from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.engine import provenance
from specimen_unet.engine.provenance import case_hash, label_colours


@pytest.fixture
def case(spatial, make_blob_case):
    return make_blob_case(spatial, observers=("EA", "MG"), channels=2)


def changed(case, **labels):
    return Case(case.image, {**case.labels, **labels}, spacing=case.grid.spacing)


def test_the_hash_depends_on_every_voxel_of_image_and_labels(case):
    image = case.image.copy()
    image.flat[-1] ^= 1
    labels = case.labels["MG"].copy()
    labels.flat[-1] ^= 1
    hashes = {
        case_hash(case),
        case_hash(Case(image, case.labels, spacing=case.grid.spacing)),
        case_hash(changed(case, MG=labels)),
        case_hash(changed(case, MG=case.labels["MG"].astype(np.int16))),
    }
    assert len(hashes) == 4


def test_the_hash_does_not_depend_on_where_arrays_are(case, tmp_path, monkeypatch):
    expected = case_hash(case)
    np.save(tmp_path / "image.npy", case.image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    monkeypatch.setattr(provenance, "_CHUNK", 100)
    again = Case(mapped, case.labels, spacing=case.grid.spacing, name="other")
    assert case_hash(again) == expected
    assert len(expected) == 64


def test_labels_have_different_colours_and_always_the_same():
    colours = label_colours((0, 1, 2, 5))
    assert colours.keys() == {1, 2, 5}
    assert len({*colours.values()}) == 3
    assert label_colours((0, 5))[5] == colours[5]
