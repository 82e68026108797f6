"""What a file leaves open is asked; what it says stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import open_image, read_image, write_image

STACK = np.random.default_rng(0).integers(0, 255, (4, 8, 9), dtype=np.uint8)


@pytest.fixture
def pages(tmp_path):
    """A plain TIFF: four pages that are nothing in particular."""
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", metadata=None)
    return tmp_path / "a.tif"


def test_pages_are_slices_until_somebody_says_otherwise(pages):
    image, grid, questions = open_image(pages)
    np.testing.assert_array_equal(image, STACK)
    assert grid == Grid((1, 1, 1), "pixel")
    assert {question.about: question.taken for question in questions} == {
        "stack": "slices",
        "spacing": "1 1 1 pixel",
    }
    assert all(str(pages) in question.text for question in questions)


def test_answers_are_taken(pages):
    answers = {"stack": "slices", "spacing": "0.5 0.1 0.1 mm"}
    image, grid, questions = open_image(pages, answers)
    assert grid == Grid((0.5, 0.1, 0.1), "mm")
    assert not questions
    image, grid, _ = open_image(pages, {"stack": "channels"})
    np.testing.assert_array_equal(image, STACK)
    assert grid.dimensions == 2
    with pytest.raises(CaseReadError, match="4 points in time"):
        open_image(pages, {"stack": "times"})


@pytest.mark.parametrize(
    "answers",
    [
        {"stack": "rows"},
        *(
            {"spacing": text}
            for text in ("", "mm", "0.5", "0.5 0.1 mm", "0 1 1 mm", "nan 1 1 mm")
        ),
        {"spacing": "1 1 1 furlong"},
        {"spacing": "a b c mm"},
    ],
)
def test_what_is_no_answer_is_told(pages, answers):
    (about, text), *_ = answers.items()
    with pytest.raises(CaseReadError, match="is no answer") as told:
        read_image(pages, answers)
    assert f"{about}={text!r}" in str(told.value)


def test_an_answer_changes_nothing_that_the_file_says(tmp_path):
    grid = Grid((0.5, 0.1, 0.1), "mm")
    write_image(tmp_path / "a.tif", STACK, grid)
    answers = {"spacing": "9 9 9 um", "stack": "channels"}
    image, read_grid, questions = open_image(tmp_path / "a.tif", answers)
    assert image.shape == STACK.shape
    assert read_grid == grid
    assert not questions


@pytest.mark.parametrize(("axes", "found"), [("TYX", "points in time"), ("CYX", "")])
def test_what_is_called_something_else_is_asked(tmp_path, axes, found):
    stack = np.repeat(STACK, 3, axis=0)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": axes})
    question = open_image(tmp_path / "a.tif").questions[0]
    assert question.about == "stack"
    assert found in question.text
    assert set(question.choices) == {"slices", "channels", "times"}
