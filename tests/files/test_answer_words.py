from __future__ import annotations

import pytest

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.answer_words import ABOUTS, answers_of_text, example_of_answers


def test_answers_are_read_from_one_line():
    assert answers_of_text(" spacing = 0.5 0.1 0.1 mm; stack=channels ;") == {
        "spacing": "0.5 0.1 0.1 mm",
        "stack": "channels",
    }
    assert answers_of_text("spacing=0.1 mm") == {"spacing": "0.1 mm"}
    assert answers_of_text("") == {}


@pytest.mark.parametrize("about", ABOUTS)
def test_what_an_answer_looks_like_can_be_typed(about):
    example = example_of_answers([about])
    assert list(answers_of_text(example)) == [about]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size=3", "'size=3' is no answer: spacing, stack"),
        ("spacing", "no answer"),
        ("spacing=large", "'large' is no voxel size"),
        ("spacing=1 2 3 4 mm", "no voxel size"),
    ],
)
def test_what_is_no_answer_is_told_with_an_example(text, message):
    with pytest.raises(CaseReadError, match=message):
        answers_of_text(text)
