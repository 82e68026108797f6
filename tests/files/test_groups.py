"""Which cases belong together."""

from __future__ import annotations

import pytest

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.groups import find_groups


def names(*images):
    return {image: image.rpartition("/")[2].partition(".")[0] for image in images}


def test_without_any_word_every_case_is_its_own_group(tmp_path):
    groups = find_groups(tmp_path, names("a.png", "b.png"))
    assert groups.of_image == {"a.png": "a", "b.png": "b"}
    assert (groups.source, groups.note) == ("none", "")


@pytest.mark.parametrize(
    "images",
    [
        ("12_3.jpg", "12_4.jpg", "7_1.jpg"),
        ("x/12_3.jpg", "x/12_4.jpg", "x/7_1.jpg"),
        ("P12-3.jpg", "P12-4.jpg", "P7-1.jpg"),
    ],
)
def test_patient_and_image_in_all_names_are_groups_and_told_to_be_assumed(
    tmp_path, images
):
    groups = find_groups(tmp_path, names(*images))
    first, second, third = groups.of_image.values()
    assert first == second != third
    assert groups.source == "prefix"
    assert "2 groups of 3 cases assumed" in groups.note
    assert "groups.csv" in groups.note


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(("12_3.jpg", "12_4.jpg", "other.jpg"), id="not all"),
        pytest.param(("12_3.jpg", "12_4.jpg"), id="one group"),
        pytest.param(("12_1.jpg", "13_1.jpg"), id="nothing grouped"),
        pytest.param(("liver_1.jpg", "liver_2.jpg", "lung_1.jpg"), id="no number"),
    ],
)
def test_names_that_do_not_all_say_so_are_no_groups(tmp_path, images):
    assert find_groups(tmp_path, names(*images)).source == "none"


def test_a_person_can_say_otherwise(tmp_path):
    images = names("a/12_3.jpg", "a/12_4.jpg", "b/7_1.jpg")
    by_name = find_groups(tmp_path, images, r"_(\d)")
    assert list(by_name.of_image.values()) == ["3", "4", "1"]
    by_folder = find_groups(tmp_path, images, "(.+)/")
    assert list(by_folder.of_image.values()) == ["a", "a", "b"]
    none = find_groups(tmp_path, images, "")
    assert list(none.of_image.values()) == ["12_3", "12_4", "7_1"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "regular expression"), ("_", "brackets"), (r"(x)_", "2 of 2 images")],
)
def test_a_pattern_that_makes_no_sense_is_told(tmp_path, pattern, message):
    with pytest.raises(CaseReadError, match=message):
        find_groups(tmp_path, names("12_3.jpg", "7_1.jpg"), pattern)


def test_images_that_the_table_leaves_out_are_told(tmp_path):
    (tmp_path / "groups.csv").write_text("image,group\n12_3.jpg,A\n12_4.jpg,A\n")
    groups = find_groups(tmp_path, names("12_3.jpg", "12_4.jpg", "7_1.jpg"))
    assert list(groups.of_image.values()) == ["A", "A", "7_1"]
    assert groups.source == "table"
    assert "7_1.jpg" in groups.note
