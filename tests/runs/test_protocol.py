"""Events and commands survive being one line of text."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.domain import events
from specimen_unet.runs.protocol import (
    CommandName,
    command_from_line,
    command_line,
    event_from_line,
    event_to_line,
)

if TYPE_CHECKING:
    from pathlib import Path

    from specimen_unet.domain.plan import Plan

VALUES = {
    "int": st.integers(0, 2**53),
    "float": st.floats(allow_infinity=False),
    "str": st.text(),
    "bool": st.booleans(),
    "Mapping[int, float]": st.dictionaries(
        st.integers(0, 300), st.floats(allow_infinity=False)
    ),
    "Mapping[str, float]": st.dictionaries(st.text(), st.floats(allow_infinity=False)),
}
PLAIN_EVENTS = [
    kind
    for kind in get_args(events.Event)
    if kind not in (events.PlanReady, events.Preview)
]


def an_event(kind: Any) -> st.SearchStrategy[events.Event]:
    return st.builds(kind, **{f.name: VALUES[f.type] for f in fields(kind)})


@given(event=st.one_of([an_event(kind) for kind in PLAIN_EVENTS]))
def test_every_event_survives_the_way_to_text_and_back(event, tmp_path_factory):
    line = event_to_line(event, tmp_path_factory.getbasetemp())
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert line.isascii()
    json.loads(line, parse_constant=pytest.fail)
    # repr, because NaN is not equal to itself
    assert repr(event_from_line(line)) == repr(event)


def test_a_plan_survives(plan_of_ours: Plan, tmp_path: Path):
    heard = event_from_line(event_to_line(events.PlanReady(plan_of_ours), tmp_path))
    assert isinstance(heard, events.PlanReady)
    assert repr(heard.plan) == repr(plan_of_ours)


def test_a_preview_travels_as_a_file(tmp_path: Path):
    labels = np.arange(12, dtype=np.uint16).reshape(3, 4)
    event = events.Preview("left / 032", 7, 40, labels, seconds=0.25)
    line = event_to_line(event, tmp_path)
    assert [path.name for path in (tmp_path / "preview").iterdir()] == [
        "left-032-0007.npy"
    ]
    heard = event_from_line(line)
    assert heard == event
    assert heard.labels.dtype == np.uint16
    np.testing.assert_array_equal(heard.labels, labels)


def test_a_preview_whose_file_is_gone_is_no_event(tmp_path: Path):
    line = event_to_line(events.Preview("a", 0, 1, np.zeros((2, 2), "u1")), tmp_path)
    for path in (tmp_path / "preview").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="gone"):
        event_from_line(line)


@pytest.mark.parametrize("infinite", [math.inf, -math.inf])
def test_numbers_that_are_not_finite_arrive_as_nan(infinite, tmp_path):
    line = event_to_line(events.StepDone(1, infinite, 0.1, 0.5, 1, 2), tmp_path)
    assert math.isnan(event_from_line(line).loss)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "Downloading 100%",
        "[1, 2]",
        '"StepDone"',
        '{"event": "Exploded"}',
        '{"event": ["StepDone"]}',
        '{"step": 1}',
        '{"event": "Warned"}',
        '{"event": "Warned", "message": 3}',
        '{"event": "Warned", "message": "a", "more": 1}',
        '{"event": "TileDone", "tile": true, "of": 3, "seconds_left": 1}',
        '{"event": "TileDone", "tile": 1, "of": 3, "seconds_left": "soon"}',
        '{"event": "PlanReady", "plan": {"dimensions": 4}}',
        '{"event": "StepDone", "step": 12, "los',
    ],
)
def test_what_is_not_an_event_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 (torn lines, each with its own)
        event_from_line(line)


@given(cut=st.integers(0, 118))
def test_no_part_of_a_line_is_an_event(cut, tmp_path_factory):
    event = events.StepDone(12, 0.5, 0.001, 0.25, 0.1, 3.5)
    line = event_to_line(event, tmp_path_factory.getbasetemp()).strip()
    with pytest.raises(ValueError):  # noqa: PT011
        event_from_line(line[: min(cut, len(line) - 1)])


@pytest.mark.parametrize("name", get_args(CommandName))
def test_every_command_survives(name, tmp_path):
    line = command_line(name, run=tmp_path, resume=True, index=3, case="Fall Ü")
    command = command_from_line(line)
    assert command.name == name
    assert command.arguments == {
        "run": str(tmp_path),
        "resume": True,
        "index": 3,
        "case": "Fall Ü",
    }


@pytest.mark.parametrize(
    "line", ["", "stop", "3", '{"command": "fly"}', '{"command": ["stop"]}', "{}"]
)
def test_what_is_not_a_command_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011
        command_from_line(line)
