"""Options of the terminal say what the settings classes say."""

from __future__ import annotations

import argparse
from typing import get_args

import pytest

from specimen_unet.domain.comparison_settings import ComparisonSettings
from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.case_options import AS_FOUND, AUTO, CaseOptions, LayoutName
from specimen_unet.files.layouts import LAYOUTS
from specimen_unet.runs.options import (
    OptionError,
    add_case_options,
    add_options,
    case_options,
    changes,
    chosen,
)


@pytest.fixture(params=[TrainingSettings, SegmentationSettings, ComparisonSettings])
def kind(request):
    return request.param


def parse(kind, text: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, kind)
    return parser.parse_args(text.split("|") if text else [])


def test_every_field_has_an_option_with_its_description(kind):
    parser = argparse.ArgumentParser()
    add_options(parser, kind)
    text = " ".join(parser.format_help().split())
    for name, field in kind.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description.split(".")[0][:40] in text.replace("- ", "-")


def test_without_options_the_defaults_stand(kind):
    assert chosen(parse(kind, ""), kind) == kind()
    assert changes(parse(kind, ""), kind) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--dimensions|3", {"dimensions": 3}),
        ("--dimensions|auto", {"dimensions": "auto"}),
        ("--minutes|2.5", {"minutes": 2.5}),
        ("--channels|4, 8", {"channels": (4, 8)}),
        ("--patch|16 32 32", {"patch": (16, 32, 32)}),
        ("--spacing|0.5,0.1,0.1", {"spacing": (0.5, 0.1, 0.1)}),
        ("--batch|4", {"batch": 4}),
        ("--batch|auto", {"batch": "auto"}),
        ("--learning-rate|1e-3", {"learning_rate": 0.001}),
        ("--deep-supervision", {"deep_supervision": True}),
        ("--no-deep-supervision", {"deep_supervision": False}),
        ("--loss|Dice + focal", {"loss": "Dice + focal"}),
        ("--steps|20", {"steps": 20, "ending": "steps"}),
        ("--steps|20|--ending|minutes", {"steps": 20, "ending": "minutes"}),
    ],
)
def test_what_is_typed_becomes_settings(text, expected):
    settings = chosen(parse(TrainingSettings, text), TrainingSettings)
    assert settings == TrainingSettings(**expected)


def test_the_engine_is_chosen_in_the_terminal():
    settings = chosen(
        parse(SegmentationSettings, "--engine|openvino"), SegmentationSettings
    )
    assert settings.engine == "openvino"


@pytest.mark.parametrize(
    "text",
    ["--minutes|0", "--minutes|soon", "--channels|4,-8", "--batch|0", "--folds|1"],
)
def test_a_value_out_of_bounds_names_its_option(text):
    with pytest.raises(OptionError, match=text.split("|")[0].strip("-")):
        chosen(parse(TrainingSettings, text), TrainingSettings)


def test_a_word_that_is_not_known_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(TrainingSettings, "--network|VNet")
    assert "DynUNet" in capsys.readouterr().err


def test_some_of_the_fields_only():
    parser = argparse.ArgumentParser()
    add_options(parser, TrainingSettings, only=("annotation",))
    parsed = parser.parse_args(["--annotation", "painted"])
    assert chosen(parsed, TrainingSettings).annotation == "painted"
    with pytest.raises(SystemExit):
        parser.parse_args(["--minutes", "1"])


def parse_case_options(*typed, has_groups=True):
    parser = argparse.ArgumentParser()
    add_case_options(parser, has_groups=has_groups)
    return case_options(parser.parse_args(typed))


def test_what_is_said_of_a_folder_of_cases_is_read():
    assert parse_case_options() == parse_case_options(has_groups=False) == AS_FOUND
    said = parse_case_options(
        *("--layout", "msd", "--group-pattern", r"(\d+)_", "--level", "2"),
        *("--answer", "spacing=0.5 0.1 mm", "--answer", "stack=channels"),
    )
    answers = {"spacing": "0.5 0.1 mm", "stack": "channels"}
    assert said == CaseOptions("msd", r"(\d+)_", answers, 2)


def test_every_layout_has_a_name_in_the_terminal():
    assert {AUTO, *LAYOUTS} == set(get_args(LayoutName))


@pytest.mark.parametrize("typed", ["spacing", "size=3", "stack="])
def test_an_answer_to_no_question_is_told(typed):
    with pytest.raises(OptionError, match=f"--answer {typed}: ABOUT=ANSWER"):
        parse_case_options("--answer", typed)
