from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.domain.plan import Fingerprint
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.engine import fingerprint as module
from specimen_unet.engine.fingerprint import fingerprint
from specimen_unet.engine.mirroring import decide_mirror_axes

if TYPE_CHECKING:
    from specimen_unet.domain.case import Annotation

BOTH = pytest.mark.parametrize("dimensions", [2, 3])


def pair(dimensions: int, axis: int, *, is_turned: bool = False) -> Any:
    """Draw label 1 before label 2 along an axis."""
    labels = np.zeros((32,) * dimensions, np.uint8)
    for label, middle in ((1, 10), (2, 22)):
        box = [slice(10, 22)] * dimensions
        box[axis] = slice(middle - 4, middle + 4)
        labels[tuple(box)] = label
    return np.flip(labels, axis) if is_turned else labels


def cases(drawn: list[Any], observers: int = 1) -> list[Case]:
    return [
        Case(
            np.random.default_rng(number).normal(0, 1, labels.shape),
            {f"observer {k}": labels for k in range(observers)},
            name=str(number),
            unit="mm",
        )
        for number, labels in enumerate(drawn)
    ]


def ordered(drawn: list[Any], annotation: Annotation = "everywhere") -> tuple[Any, ...]:
    return fingerprint(cases(drawn), annotation).label_order


@BOTH
def test_labels_in_one_order_along_an_axis_are_seen(dimensions: int) -> None:
    last = dimensions - 1
    assert ordered([pair(dimensions, last)] * 3) == ((last, 1, 2),)
    assert ordered([pair(dimensions, last, is_turned=True)] * 3) == ((last, 2, 1),)


@BOTH
def test_one_case_the_other_way_round_means_no_order(dimensions: int) -> None:
    turned = pair(dimensions, 0, is_turned=True)
    assert ordered([pair(dimensions, 0)] * 5 + [turned]) == ()


@BOTH
def test_two_cases_are_too_few_to_say_always(dimensions: int) -> None:
    single = np.where(pair(dimensions, 0) == 1, 1, 0)
    assert ordered([pair(dimensions, 0)] * 2 + [single]) == ()
    twice = fingerprint(cases([pair(dimensions, 0)] * 2, observers=2), "everywhere")
    assert twice.label_order == ()


@BOTH
def test_labels_hardly_apart_have_no_order(dimensions: int) -> None:
    drawn = []
    for _ in range(3):
        labels = pair(dimensions, 0)
        labels[labels == 2] = 0
        labels[(slice(11, 23),) * dimensions] = 2  # around much the same middle
        labels[(slice(12, 21),) * dimensions] = 1
        drawn.append(labels)
    assert ordered(drawn) == ()


@BOTH
def test_a_single_label_never_has_an_order(dimensions: int) -> None:
    assert ordered([np.where(pair(dimensions, 0) == 1, 1, 0)] * 4) == ()


def test_where_strokes_lie_says_nothing() -> None:
    drawn = [pair(3, 0)] * 3
    assert ordered(drawn, "painted") == ()
    assert ordered(drawn, "slices") == ((0, 1, 2),)


def test_blocks_of_slices_tell_what_the_whole_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = [pair(3, axis=0)] * 3
    whole = ordered(drawn)
    monkeypatch.setattr(module, "_BLOCK", 5 * 32 * 32)
    assert ordered(drawn) == whole == ((0, 1, 2),)


@BOTH
def test_such_an_axis_is_not_mirrored_and_the_plan_says_why(dimensions: int) -> None:
    last = dimensions - 1
    seen = fingerprint(cases([pair(dimensions, last)] * 3), "everywhere")
    seen = seen.model_copy(update={"label_names": {1: "head", 2: "tail"}})
    decided = decide_mirror_axes(TrainingSettings(), seen, dimensions)
    assert decided.value == ((0,) if dimensions == 3 else ())
    assert "not along X: head always comes before tail there" in decided.reason
    chosen = TrainingSettings(mirror_axes=(last,))
    assert decide_mirror_axes(chosen, seen, dimensions).value == (last,)


def test_a_2d_plan_on_volumes_heeds_the_axes_it_sees() -> None:
    drawn = [pair(3, axis=2)] * 3
    seen = fingerprint(cases(drawn), "everywhere")
    assert decide_mirror_axes(TrainingSettings(), seen, 2).value == ()
    along_z = fingerprint(cases([pair(3, axis=0)] * 3), "everywhere")
    assert decide_mirror_axes(TrainingSettings(), along_z, 2).value == (1,)
    assert decide_mirror_axes(TrainingSettings(), along_z, 3).value == (2,)


def test_a_fingerprint_saved_before_there_was_an_order_still_loads() -> None:
    seen = fingerprint(cases([pair(2, 0)] * 3), "everywhere")
    saved = json.loads(seen.model_dump_json())
    del saved["label_order"]
    assert Fingerprint.model_validate(saved).label_order == ()
