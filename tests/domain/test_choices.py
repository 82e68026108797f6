from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.domain.choices import changed
from specimen_unet.domain.errors import PlanError
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.domain.settings import TrainingSettings


def test_fields_are_changed_and_checked() -> None:
    settings = changed(TrainingSettings(), patch="32, 96 96", minutes=5)
    assert settings.patch == (32, 96, 96)
    assert settings.minutes == 5
    assert changed(SegmentationSettings(), mirror=True).mirror


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minuts": 3}, "There is no setting 'minuts': did you mean 'minutes'?"),
        ({"zzz": 3}, "There is no setting 'zzz': choose from dimensions, annotation"),
        ({"minutes": -1}, "Minutes (minutes): -1 must be 0.05 or more. How long"),
        ({"fold": 0.5}, "Fold (fold): 0.5 must be a whole number"),
        ({"dimensions": 4}, "Network (dimensions): 4 must be 2 or 3, or auto"),
        ({"loss": "x"}, "must be 'Dice', 'Dice + cross-entropy', 'Dice + focal', "),
        ({"patch": (0, 8)}, "Patch (patch): 0 must be 1 or more, or auto"),
        ({"patch": 3.5}, "Patch (patch): 3.5 must be a list of numbers, or auto"),
        ({"patch": "a, b"}, "Patch (patch): 'a' must be a whole number, or auto"),
        ({"learning_rate": 0}, "0 must be more than 0"),
        ({"minutes": float("nan")}, "Minutes (minutes): nan must be"),
        ({"deep_supervision": 7}, "7 must be true or false"),
        ({"device": 1}, "Device (device): 1 must be a text"),
    ],
)
def test_a_fault_is_told_in_plain_words(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as fault:
        changed(TrainingSettings(), **changes)
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


def test_every_fault_has_a_line() -> None:
    with pytest.raises(PlanError) as fault:
        changed(TrainingSettings(), minutes="soon", folds=1, epochs=5)
    lines = str(fault.value).splitlines()
    assert [line.split()[0] for line in lines] == ["Minutes", "Folds", "There"]


@given(
    name=st.sampled_from(list(TrainingSettings.model_fields)),
    value=st.one_of(
        st.none(),
        st.text(max_size=5),
        st.floats(),
        st.integers(),
        st.lists(st.integers() | st.text(max_size=3), max_size=3),
        st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    ),
)
def test_whatever_is_given_is_taken_or_told(name: str, value: Any) -> None:
    told = ""
    try:
        settings = changed(TrainingSettings(), **{name: value})
    except PlanError as fault:
        told = str(fault)
    else:
        assert TrainingSettings.model_validate_json(settings.model_dump_json())
    assert not told or name in told
