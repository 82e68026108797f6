"""A specimen keeps what is known of it."""

from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.domain.case import Case, common_label_names


def test_other_labels_on_a_case_change_nothing_else(make_blob_case, spatial):
    blob = make_blob_case(spatial, channels=2)
    known = {"name": "032", "group": "p7", "channel_names": ("b", "a")}
    case = Case(blob.image, blob.labels, spacing=blob.grid.spacing, unit="um", **known,
                label_names={1: "tumour"})  # fmt: skip
    other = case.with_labels({"MG": np.zeros(spatial, np.uint8)})
    assert list(other.labels) == ["MG"]
    assert other.grid == case.grid
    assert {key: getattr(other, key) for key in known} == known
    assert other.label_names == {1: "tumour"}
    marked = other.with_split("test")
    assert marked.split == marked.with_labels(case.labels).split == "test"
    assert list(marked.labels) == ["MG"]
    assert {key: getattr(marked, key) for key in known} == known


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([{1: "tumour"}, {}], {1: "tumour"}),
        ([{1: "tumour"}, {1: " tumour ", 2: "cyst"}], {1: "tumour", 2: "cyst"}),
        ([{1: "tumour"}, {1: "cyst"}], {}),
        ([{1: "tumour", 2: "tumour", 3: " "}], {}),
    ],
)
def test_names_of_labels_count_where_cases_agree(make_blob_case, told, expected):
    blob = make_blob_case((8, 8))
    cases = [Case(blob.image, label_names=names) for names in told]
    assert common_label_names(cases) == expected
