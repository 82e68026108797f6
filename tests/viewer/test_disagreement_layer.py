from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from specimen_unet.domain.errors import GridMismatchError, NoAnnotationError
from specimen_unet.domain.observers import votes_map
from specimen_unet.viewer.consensus_layer import consensus_layer, consensus_of
from specimen_unet.viewer.disagreement_layer import (
    DisagreementLayer,
    vote_colours,
    votes_of,
)
from specimen_unet.viewer.provenance import kind_of_layer


def layer(*rows: list[int], name: str = "EA") -> Labels:
    return Labels(np.array(rows, np.uint8), name=name, scale=(0.5, 0.25))


def test_votes_are_those_of_the_label_that_has_most():
    drawn = [np.array(row, np.uint8) for row in ([0, 1, 1, 1], [0, 1, 2, 0])]
    assert votes_map(drawn).tolist() == [0, 2, 1, 1]
    drawn.append(np.array([3, 1, 2, 0], np.uint8))
    assert votes_map(drawn).tolist() == [1, 3, 2, 1]


def test_votes_agree_with_a_count_of_every_voxel():
    generator = np.random.default_rng(0)
    drawn = [generator.integers(0, 4, (5, 6)) for _ in range(4)]
    for place in np.ndindex(5, 6):
        given = [int(each[place]) for each in drawn]
        most = max((given.count(value) for value in given if value), default=0)
        assert votes_map(drawn)[place] == most


def test_what_is_not_annotated_is_not_counted():
    one, two = layer([1, 2, 2, 0]), layer([1, 2, 0, 2])
    model = layer([0, 2, 2, 2])
    assert votes_of([one, two], model, "everywhere").tolist() == [[2, 3, 2, 2]]
    # 1 is the background, and two voxels were painted by one of them only.
    assert votes_of([one, two], model, "painted").tolist() == [[0, 3, 0, 0]]


def test_slices_that_one_left_out_are_not_counted():
    one = Labels(np.array([[[1, 0]], [[1, 1]]], np.uint8))
    two = Labels(np.array([[[0, 0]], [[1, 0]]], np.uint8))
    assert votes_of([one, two], None, "slices").tolist() == [[[0, 0]], [[2, 1]]]


def test_the_layer_lies_on_the_others_and_is_renewed():
    viewer = ViewerModel()
    layers = [layer([1, 1], name="EA"), layer([1, 0], name="MG")]
    for one in layers:
        viewer.add_layer(one)
    viewer.layers.selection = {layers[0]}
    shown = DisagreementLayer(viewer)
    shown.show(votes_of(layers, None, "everywhere"), layers)
    made = viewer.layers[-1]
    assert made.name == "disagreement: EA, MG"
    assert made.data.tolist() == [[2, 1]]
    assert tuple(made.scale) == (0.5, 0.25)
    assert not made.editable
    assert kind_of_layer(made) == "disagreement"
    assert list(made.features["label"]) == ["1 of 2", "all 2"]
    assert viewer.layers.selection == {layers[0]}
    shown.show(np.array([[0, 1]], np.uint8), layers)
    assert len(viewer.layers) == 3
    assert made.data.tolist() == [[0, 1]]
    viewer.layers.remove(made)
    assert shown.sources is None


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_number_of_votes_has_a_colour_of_its_own(count):
    colours = vote_colours(count)
    assert list(colours) == list(range(1, count + 1))
    assert len({colour for _, colour in colours.values()}) == count
    assert colours[count][0] == f"all {count}"


def test_a_consensus_is_a_layer_that_tells_where_it_is_from():
    layers = [
        layer([1, 1, 0], name="specimen 1 EA"),
        layer([1, 0, 0], name="specimen 1 MG"),
        layer([1, 1, 0], name="specimen 1 JK"),
    ]
    made = consensus_layer(consensus_of(layers, "majority"), layers, "majority")
    assert made.name == "specimen 1 majority of EA, MG, JK"
    assert made.data.tolist() == [[1, 1, 0]]
    assert tuple(made.scale) == (0.5, 0.25)
    assert made.editable
    mark = made.metadata["specimen-unet"]
    assert mark["method"] == "majority"
    assert mark["of"] == "specimen 1 EA, specimen 1 MG, specimen 1 JK"
    union = consensus_layer(consensus_of(layers, "union"), layers[:1], "staple")
    assert union.name == "specimen 1 STAPLE of EA"


def test_a_consensus_needs_two_of_one_shape():
    with pytest.raises(NoAnnotationError, match="at least two"):
        consensus_of([layer([1, 0])], "union")
    with pytest.raises(GridMismatchError):
        consensus_of([layer([1, 0]), layer([1, 0, 0])], "union")
