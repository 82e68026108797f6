from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.engine import voxel_index
from specimen_unet.engine.voxel_index import LabelScans, index_voxels


@pytest.fixture
def labels(spatial):
    """Labels 1 and 3 in the second and third slice (row)."""
    drawn = np.zeros(spatial, np.uint8)
    drawn[1, 2:6] = 1
    drawn[2, 3:9] = 3
    return drawn


@pytest.fixture
def plan(make_plan, spatial):
    return make_plan(len(spatial), label_values=(0, 1, 3))


def everything(labels):
    return np.ones(len(labels), bool)


def test_every_voxel_of_a_label_is_found(labels, plan, monkeypatch):
    monkeypatch.setattr(voxel_index, "_SLAB", labels[0].size)
    index = index_voxels(labels, everything(labels), plan)
    assert index.voxels[0].size == 0
    assert (index.voxels[1] == np.flatnonzero(labels == 1)).all()
    assert (index.voxels[2] == np.flatnonzero(labels == 3)).all()
    assert index.is_annotated.all()


def test_voxels_of_slices_not_allowed_are_not_listed(labels, plan):
    allowed = everything(labels)
    allowed[1] = False
    index = index_voxels(labels, allowed, plan)
    assert [len(positions) for positions in index.foreground] == [(labels == 3).sum()]


def test_very_many_voxels_are_thinned_out_evenly(labels, plan, monkeypatch):
    monkeypatch.setattr(voxel_index, "_SLAB", labels[0].size)
    monkeypatch.setattr(voxel_index, "_POSITIONS", 40)
    labels[:] = 1
    found = index_voxels(labels, everything(labels), plan).voxels[1]
    assert 20 <= len(found) <= 40
    per_half = np.bincount(found * 2 // labels.size)
    assert abs(per_half[0] - per_half[1]) <= 2


def test_painted_background_is_listed_as_class_0(labels, plan):
    plan = plan.model_copy(
        update={
            "annotation": "painted",
            "painted_background": 1,
            "label_values": (0, 3),
        }
    )
    index = index_voxels(labels, everything(labels), plan)
    assert (index.voxels[0] == np.flatnonzero(labels == 1)).all()
    assert (index.foreground[0] == np.flatnonzero(labels == 3)).all()


def test_annotated_slices_are_those_with_a_label(labels, plan):
    plan = plan.model_copy(update={"annotation": "slices"})
    found = index_voxels(labels, everything(labels), plan).is_annotated
    expected = [True] * len(labels) if labels.ndim == 2 else (labels > 0).any((1, 2))
    assert (found == expected).all()


def test_what_is_painted_later_is_found_at_a_fixed_step(labels, plan):
    scans = LabelScans([labels], [everything(labels)], plan)
    before = len(scans.index(0).voxels[1])
    labels[4] = 1
    scans.forget_oldest(1)
    assert len(scans.index(0).voxels[1]) == before
    scans.forget_oldest(voxel_index._SHORTEST_PERIOD)
    assert len(scans.index(0).voxels[1]) == before + labels[4].size


def test_labels_that_stay_are_not_scanned_again(labels, plan):
    scans = LabelScans([labels], [everything(labels)], plan)
    index = scans.index(0)
    scans.forget_oldest(voxel_index._SHORTEST_PERIOD)
    assert scans.index(0) is index
    labels[4, 0] = 3
    scans.forget_oldest(2 * voxel_index._SHORTEST_PERIOD)
    assert scans.index(0) is not index
