from __future__ import annotations

import re

import numpy as np
import pytest
from napari.layers import Labels

from specimen_unet.domain.errors import NoAnnotationError, SpecimenUnetError
from specimen_unet.viewer.comparison import check_compared_layers, check_surfaces
from specimen_unet.viewer.layers import names_of_labels

FRAME = {"scale": (0.5, 0.1, 0.1), "units": ["mm"] * 3}


def labels(name: str, shape=(4, 8, 8), *, painted: bool = True, **frame) -> Labels:
    data = np.zeros(shape, np.uint8)
    data[..., 2:5] = painted
    return Labels(data, name=name, **(frame or FRAME))


def test_layers_on_one_frame_are_compared_without_a_remark():
    compared = check_compared_layers(labels("model"), [labels("EA"), labels("MG")])
    comparison = compared.comparison("slices")
    assert compared.remarks == []
    assert list(comparison.truths) == ["EA", "MG"]
    assert comparison.grid.spacing == (0.5, 0.1, 0.1)
    assert comparison.grid.unit == "mm"
    assert comparison.annotation == "slices"


def test_voxels_are_not_copied_because_they_change_as_one_paints():
    model = labels("model")
    comparison = check_compared_layers(model, [labels("EA")]).comparison("everywhere")
    model.data[0, 0, 0] = 7
    assert comparison.predicted[0, 0, 0] == 7


def test_a_layer_of_another_shape_is_left_out_and_named():
    compared = check_compared_layers(
        labels("model"), [labels("EA"), labels("other", (4, 8, 9))]
    )
    assert [layer.name for layer in compared.truths] == ["EA"]
    (remark,) = compared.remarks
    assert "'other' is 4 × 8 × 9 voxels, but 'model' is 4 × 8 × 8" in remark


@pytest.mark.parametrize(
    ("truths", "told"),
    [
        ([], "Tick the ground truth"),
        ([labels("other", (4, 8, 9))], "4 × 8 × 9 voxels"),
        ([labels("blank", painted=False)], "Nothing is painted in 'blank' yet"),
    ],
)
def test_what_keeps_everything_from_being_compared_is_told(truths, told):
    with pytest.raises(SpecimenUnetError, match=told):
        check_compared_layers(labels("model"), truths)


def test_without_a_prediction_it_says_what_to_do():
    with pytest.raises(SpecimenUnetError, match="no labels layer yet"):
        check_compared_layers(None, [])


def test_a_layer_is_not_its_own_ground_truth():
    layer = labels("model")
    with pytest.raises(SpecimenUnetError, match="is the prediction itself"):
        check_compared_layers(layer, [layer])


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            {"scale": (1, 1, 1)},
            "voxels are 1 × 1 × 1 pixel, but those of 'model' are 0.5 × 0.1 × 0.1 mm",
        ),
        ({**FRAME, "translate": (0, 3, 0)}, "moved or turned"),
        ({**FRAME, "rotate": (0, 0, 20)}, "moved or turned"),
    ],
)
def test_another_frame_is_remarked_on_and_compared_all_the_same(frame, told):
    compared = check_compared_layers(labels("model"), [labels("EA", **frame)])
    assert len(compared.truths) == 1
    (remark,) = compared.remarks
    assert re.search(told, remark)


def test_layers_with_one_fault_share_a_remark():
    truths = [labels(name, scale=(1, 1, 1)) for name in ("EA", "MG")]
    (remark,) = check_compared_layers(labels("model"), truths).remarks
    assert remark.startswith("Of 'EA' and 'MG', voxels are 1 × 1 × 1 pixel")


def test_an_empty_prediction_is_scored_and_remarked_on():
    compared = check_compared_layers(labels("model", painted=False), [labels("EA")])
    assert compared.remarks == ["Nothing is labelled in 'model' yet."]


def test_names_of_labels_come_from_the_prediction_first():
    model, truth = labels("model"), labels("EA")
    model.features = {"index": [0, 1], "label": ["background", "tumour"]}
    truth.features = {"index": [1, 2], "label": ["lesion", "rim"]}
    names = check_compared_layers(model, [truth]).comparison("everywhere").label_names
    assert names == {1: "tumour", 2: "rim"}
    assert names_of_labels([labels("plain")]) == {}


@pytest.mark.parametrize("annotation", ["slices", "painted"])
def test_surfaces_of_what_is_partly_annotated_are_refused(annotation):
    check_surfaces("everywhere")
    with pytest.raises(NoAnnotationError, match=r"only where everything .* so\.$"):
        check_surfaces(annotation)
    with pytest.raises(NoAnnotationError, match=r"so\. Or not\.$"):
        check_surfaces(annotation, "Or not.")
