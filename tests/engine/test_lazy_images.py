"""Images that are loaded when they are looked at (dask), as OME-Zarr gives them."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import ImageError
from specimen_unet.domain.gray_values import check_gray_values
from specimen_unet.engine.fingerprint import fingerprint
from specimen_unet.engine.intensity import intensity_scale
from specimen_unet.engine.provenance import case_hash
from specimen_unet.engine.segmentation import segment
from specimen_unet.engine.training import train
from specimen_unet.runs.storage import read_case, write_case


def lazy_copy(case, loaded=None):
    """Make a case whose voxels are noted when they are loaded."""

    def noted(block):
        if loaded is not None:
            loaded.append(block.size)
        return block

    def lazy(values):
        blocks = dask.array.from_array(values, chunks=8)
        return blocks.map_blocks(noted, dtype=values.dtype)

    return Case(
        lazy(case.image),
        {name: lazy(drawn) for name, drawn in case.labels.items()},
        spacing=case.grid.spacing,
        unit=case.grid.unit,
        name=case.name,
    )


@pytest.fixture
def case(make_blob_case, spatial):
    return make_blob_case(spatial, channels=2)


def test_what_is_seen_in_a_case_does_not_depend_on_where_it_is(case):
    lazy = lazy_copy(case)
    assert fingerprint([lazy], "everywhere") == fingerprint([case], "everywhere")
    assert case_hash(lazy) == case_hash(case)
    for method in ("z-score", "percentile", "range"):
        np.testing.assert_allclose(
            intensity_scale(lazy.image, method), intensity_scale(case.image, method)
        )


def test_a_lazy_case_trains_and_segments_as_one_in_memory(case, make_plan):
    results = []
    for one in (case, lazy_copy(case)):
        plan = make_plan(
            one.grid.dimensions,
            image_channels=2,
            patch=(8, 16, 16)[-one.grid.dimensions :],
            spacing=one.grid.spacing,
            split={"training": (one.name,), "validation": ()},
        )
        model = train([one], plan)
        results.append(segment(one, model))
    np.testing.assert_array_equal(results[0].labels, results[1].labels)


def test_a_lazy_case_is_written_without_being_loaded_whole(case, tmp_path):
    loaded = []
    write_case(tmp_path / "case", lazy_copy(case, loaded))
    assert max(loaded) < case.image.size
    stored = read_case(tmp_path / "case")
    np.testing.assert_array_equal(stored.image, case.image)
    np.testing.assert_array_equal(stored.labels["EA"], case.labels["EA"])


def test_a_lazy_image_that_shows_nothing_is_told_in_numbers():
    with pytest.raises(ImageError, match=r"constant \(7 everywhere\)"):
        check_gray_values(dask.array.full((4, 8), 7, chunks=4), "The image")
