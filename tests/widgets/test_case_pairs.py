"""CasePairs: prefilled, editable, and wrong choices told beside the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from specimen_unet.widgets.case_pairs import CasePairs, CaseRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

    from specimen_unet.domain.case import Case


@pytest.fixture
def pairs(
    viewer: ViewerModel,
    two_observer_cases: list[Case],
    open_case: Callable[..., None],
    qtbot: QtBot,
) -> CasePairs:
    """Two specimens, each drawn on by EA and MG, in 2D and in 3D."""
    open_case(viewer, two_observer_cases[0], "032")
    open_case(viewer, two_observer_cases[1], "033")
    pairs = CasePairs(viewer)
    qtbot.addWidget(pairs.native)
    pairs.native.show()
    return pairs


def names(pairs: CasePairs) -> dict[str, list[str]]:
    return {p.image.name: [truth.name for truth in p.truths] for p in pairs.pairs}


def click(qtbot: QtBot, row: CaseRow | CasePairs, name: str) -> None:
    button = next(w for w in every_part(row) if w.name == name)
    qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton)


def every_part(container: Any) -> list[Any]:
    parts = list(container)
    return parts + [p for part in parts if hasattr(part, "extend") for p in part]


def tick(row: CaseRow, name: str) -> None:
    """Tick a layer in the open menu, and close the menu."""
    truths = next(w for w in every_part(row) if w.name.startswith("ground_truth"))
    truths.boxes[name].click()
    truths._menu.aboutToHide.emit()


BOTH = {"032": ["032_EA", "032_MG"], "033": ["033_EA", "033_MG"]}


def test_what_is_wrong_stays_told_when_another_layer_comes(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    viewer.add_image(np.random.default_rng(0).random((12, 16, 16)), name="034")
    pairs = CasePairs(viewer)
    qtbot.addWidget(pairs.native)
    pairs.native.show()
    assert not pairs.check()
    viewer.add_points(np.zeros((1, 3)), name="a mark")
    viewer.add_image(np.random.default_rng(1).random((9, 16, 16)), name="035")
    assert "No ground truth is chosen for '034'" in pairs.rows[0].problem.value
    qtbot.waitUntil(lambda: pairs.rows[0].problem.visible)
    viewer.layers["034"].name = "036"
    assert "'036'" in pairs.rows[0].problem.value


def test_what_is_open_is_paired(pairs: CasePairs) -> None:
    assert names(pairs) == BOTH
    assert pairs.check()


def test_untouched_it_follows_what_is_opened_and_closed(
    pairs: CasePairs, viewer: ViewerModel
) -> None:
    changes: list[int] = []
    pairs.edited.connect(lambda: changes.append(len(pairs.pairs)))
    del viewer.layers["033"], viewer.layers["032_EA"]
    assert names(pairs) == {"032": ["032_MG"]}
    viewer.add_labels(viewer.layers["032_MG"].data.copy(), name="032_XY")
    assert names(pairs) == {"032": ["032_MG", "032_XY"]}
    assert changes[-1] == 1


def test_edited_pairs_stay_and_lose_only_what_is_gone(
    pairs: CasePairs, viewer: ViewerModel, qtbot: QtBot
) -> None:
    tick(pairs.rows[0], "032_EA")
    assert names(pairs) == {"032": ["032_MG"], "033": ["033_EA", "033_MG"]}
    viewer.add_labels(viewer.layers["032_MG"].data.copy(), name="032_XY")
    del viewer.layers["033_EA"]
    assert names(pairs) == {"032": ["032_MG"], "033": ["033_MG"]}
    click(qtbot, pairs, "pair_open_layers")
    assert names(pairs)["032"] == ["032_EA", "032_MG", "032_XY"]


def test_a_row_can_be_taken_away_and_added_again(
    pairs: CasePairs, qtbot: QtBot
) -> None:
    click(qtbot, pairs.rows[0], "remove_0")
    assert names(pairs) == {"033": BOTH["033"]}
    click(qtbot, pairs, "add_case")
    assert names(pairs) == {"033": BOTH["033"], "032": BOTH["032"]}


def test_an_image_of_another_case_cannot_be_chosen_twice(pairs: CasePairs) -> None:
    box = next(w for w in every_part(pairs.rows[0]) if w.name == "image_0")
    assert [layer.name for layer in box.choices] == ["032"]


def test_a_renamed_layer_is_shown_by_its_new_name(
    pairs: CasePairs, viewer: ViewerModel
) -> None:
    viewer.layers["032_EA"].name = "032_Eva"
    truths = next(w for w in every_part(pairs.rows[0]) if w.name == "ground_truth_0")
    assert truths.native.text() == "Eva, MG"


def wrong_layers(viewer: ViewerModel, what: str) -> None:
    """Spoil specimen 032 in one way."""
    image, truth = viewer.layers["032"], viewer.layers["032_EA"]
    if what == "NaN":
        image.data = np.full(image.data.shape, np.nan, np.float32)
    elif what == "constant":
        image.data = np.full_like(image.data, 7)
    elif what == "moved":
        truth.translate = np.full(truth.ndim, 3.0)
    elif what == "scale":
        truth.scale = np.full(truth.ndim, 3.0)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("NaN", "not numbers"),
        ("constant", "constant"),
        ("moved", "moved"),
        ("scale", "scale"),
    ],
)
def test_a_wrong_choice_is_told_beside_its_row(
    pairs: CasePairs, viewer: ViewerModel, what: str, words: str
) -> None:
    wrong_layers(viewer, what)
    assert not pairs.check()
    assert words in pairs.rows[0].problem.value
    assert pairs.rows[0].problem.visible
    assert not pairs.rows[1].problem.visible


def test_labels_on_which_nothing_is_painted_are_told(
    pairs: CasePairs, viewer: ViewerModel
) -> None:
    assert pairs.check()
    viewer.layers["032_EA"].data[...] = 0
    assert not pairs.check()
    assert "Nothing is painted" in pairs.rows[0].problem.value


def test_labels_of_another_shape_are_listed_but_cannot_be_ticked(
    pairs: CasePairs, viewer: ViewerModel
) -> None:
    viewer.add_labels(np.ones((3, 3), np.uint8), name="other")
    truths = next(w for w in every_part(pairs.rows[0]) if w.name == "ground_truth_0")
    assert not truths.boxes["other"].isEnabled()
    assert truths.boxes["032_EA"].isEnabled()


def test_without_images_it_says_what_to_open(viewer: ViewerModel, qtbot: QtBot) -> None:
    pairs = CasePairs(viewer)
    qtbot.addWidget(pairs.native)
    pairs.native.show()
    assert pairs.pairs == ()
    assert not pairs.check()
    assert "Open an image" in pairs["no_images"].value


def test_after_leaving_it_follows_no_layers(
    pairs: CasePairs, viewer: ViewerModel
) -> None:
    pairs.leave()
    viewer.layers.clear()
    assert list(names(pairs)) == ["032", "033"]


@pytest.fixture
def stained(
    viewer: ViewerModel,
    two_observer_cases: list[Case],
    open_case: Callable[..., None],
    qtbot: QtBot,
) -> CasePairs:
    """One specimen under two stains, each a layer, and a small image beside them."""
    open_case(viewer, two_observer_cases[0], "DAPI")
    dapi = viewer.layers["DAPI"]
    frame = {"scale": dapi.scale, "units": dapi.units}
    viewer.add_image(255 - dapi.data, name="GFP", **frame)
    viewer.add_image(dapi.data[..., :9], name="small", **frame)
    pairs = CasePairs(viewer)
    qtbot.addWidget(pairs.native)
    pairs.native.show()
    return pairs


def test_another_layer_is_added_as_a_channel(stained: CasePairs, qtbot: QtBot) -> None:
    click(qtbot, stained.rows[0], "more_channels_0")
    (pair,) = stained.pairs
    assert [layer.name for layer in pair.channels] == ["DAPI", "GFP"]
    assert [truth.name for truth in pair.truths] == ["DAPI_EA", "DAPI_MG"]
    assert stained.check()
    assert pair.case().channel_names == ("DAPI", "GFP")
    parts = [widget.name for widget in every_part(stained.rows[0])]
    assert "leave_channel_2" in parts
    assert "more_channels_0" not in parts


def test_a_channel_can_be_left_out_again(
    stained: CasePairs, viewer: ViewerModel, qtbot: QtBot
) -> None:
    click(qtbot, stained.rows[0], "more_channels_0")
    click(qtbot, stained.rows[0], "leave_channel_2")
    assert stained.pairs[0].more == ()
    click(qtbot, stained.rows[0], "more_channels_0")
    del viewer.layers["GFP"]
    assert stained.pairs[0].more == ()


def test_a_channel_that_does_not_lie_on_the_image_is_told(
    stained: CasePairs, viewer: ViewerModel, qtbot: QtBot
) -> None:
    viewer.layers["GFP"].scale = viewer.layers["GFP"].scale * 2
    click(qtbot, stained.rows[0], "more_channels_0")
    assert not stained.check()
    assert "'GFP' has the scale" in stained.rows[0].problem.value
