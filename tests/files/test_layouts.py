"""Every layout is recognised, and what is left out has a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_image, write_labels
from specimen_unet.files.layouts import LAYOUTS, recognise
from specimen_unet.files.layouts.two_folders import recognise_two_folders
from specimen_unet.files.listing import Listing

NOWHERE = Path("nowhere")


def listed(*names, root=NOWHERE):
    return Listing(root, tuple(sorted(names)))


def drawn(pairing):
    """Return images -> observer -> files of labels."""
    return {" ".join(case.images): case.labels for case in pairing.drawn}


def test_the_layout_of_busi_joins_masks_of_one_image():
    layout, pairing = recognise(
        listed(
            *("benign/benign (4).png", "benign/benign (4)_mask.png"),
            *("benign/benign (4)_mask_1.png", "benign/benign (4)_mask_2.png"),
            *("normal/normal (1).png", "normal/normal (1)_mask.png", "groups.csv"),
        )
    )
    assert layout == "numbered-masks"
    parts = [f"benign/benign (4)_mask{end}.png" for end in ("", "_1", "_2")]
    assert drawn(pairing) == {
        "benign/benign (4).png": {"labels": tuple(parts)},
        "normal/normal (1).png": {"labels": ("normal/normal (1)_mask.png",)},
    }
    assert pairing.reasons == {}


def test_numbers_without_a_mask_to_go_on_with_are_observers():
    layout, pairing = recognise(listed("a.png", "a_mask_1.png", "a_mask_2.png"))
    assert layout == "names"
    assert drawn(pairing) == {"a.png": {"1": ("a_mask_1.png",), "2": ("a_mask_2.png",)}}


def test_other_observers_stay_beside_a_mask_in_parts():
    _, pairing = recognise(
        listed("a.png", "a_mask.png", "a_mask_1.png", "a_EA.png", "a_seg_2.png")
    )
    assert drawn(pairing) == {
        "a.png": {
            "labels": ("a_mask.png", "a_mask_1.png"),
            "EA": ("a_EA.png",),
            "2": ("a_seg_2.png",),
        }
    }


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        pytest.param("images/{}.jpg", "masks/{}.png", id="two formats"),
        pytest.param("img/{}.jpg", "msk/{}.png", id="other words"),
        pytest.param("JPEGImages/{}.jpg", "SegmentationClass/{}.png", id="VOC"),
        pytest.param("Input/x_{}.jpg", "Input_GT/{}_segmentation.png", id="ISIC"),
        pytest.param("img/img_{}.png", "gt/gt_{}.png", id="words in files"),
        pytest.param("image/{}.tif", "manual/{}_manual1.tif", id="DRIVE"),
        pytest.param("train/imgs/{}.png", "train/annot/{}.png", id="below a part"),
        pytest.param("img/p1/{}.png", "msk/p1/{}.png", id="a folder a patient"),
    ],
)
def test_two_folders_are_paired_whatever_they_are_called(image, labels):
    numbers = ["007", "012", "112"]
    _, pairing = recognise(
        listed(*(way.format(number) for way in (image, labels) for number in numbers))
    )
    assert drawn(pairing) == {
        image.format(number): {"labels": (labels.format(number),)} for number in numbers
    }
    assert pairing.reasons == {}


def test_several_folders_of_labels_are_several_observers():
    _, pairing = recognise(
        listed("img/1.png", "masks_EA/m1.png", "masks_MG/m1.png", "masks_MG/m2.png")
    )
    assert drawn(pairing) == {
        "img/1.png": {"EA": ("masks_EA/m1.png",), "MG": ("masks_MG/m1.png",)}
    }
    assert list(pairing.left) == ["masks_MG/m2.png"]


affixes = st.sampled_from(["", "img_", "Image-", "x", "_mask", " seg", "-final", "_2x"])


@given(
    st.sets(st.from_regex(r"[a-c]?[0-9]{1,3}", fullmatch=True), min_size=1, max_size=6),
    st.sets(st.from_regex(r"[a-c]?[0-9]{1,3}", fullmatch=True), max_size=6),
    st.tuples(affixes, affixes, affixes, affixes),
)
@example({"a0"}, {"0"}, ("", "", "", "x"))
def test_two_folders_pair_right_or_not_at_all(both, images_only, ways):
    """Where labels are missing, their image is paired with no others'."""
    before, after, labels_before, labels_after = ways
    images = {f"images/{before}{key}{after}.png": key for key in both | images_only}
    labels = {f"labels/{labels_before}{key}{labels_after}.png": key for key in both}
    pairing = recognise_two_folders(listed(*images, *labels))
    for case in pairing.drawn if pairing else ():
        assert images[case.images[0]] == labels[case.labelled[0]]


def test_the_gray_values_tell_images_where_no_name_does(tmp_path):
    random = np.random.default_rng(0)
    gray = random.integers(0, 255, (20, 20)).astype(np.uint8)
    for number in range(4):
        write_image(tmp_path / "A" / f"{number}.tif", gray, Grid((1, 1)))
        write_image(tmp_path / "B" / f"{number}.tif", gray // 128, Grid((1, 1)))
    layout, pairing = recognise(Listing.of(tmp_path))
    assert layout == "two-folders"
    assert drawn(pairing)["A/3.tif"] == {"labels": ("B/3.tif",)}


def test_images_and_masks_in_two_formats_may_share_a_folder(tmp_path):
    gray = np.arange(400, dtype=np.uint16).reshape(20, 20)
    for name in "ab":
        write_image(tmp_path / f"{name}.tif", gray, Grid((1, 1)))
        write_image(tmp_path / f"{name}.nii", gray // 200, Grid((1, 1)))
    _, pairing = recognise(Listing.of(tmp_path))
    assert drawn(pairing) == {
        f"{name}.tif": {"labels": (f"{name}.nii",)} for name in "ab"
    }


def test_two_folders_of_images_are_not_paired(tmp_path):
    gray = np.arange(400, dtype=np.uint16).reshape(20, 20)
    for name in ("A/1.tif", "B/1.tif"):
        write_image(tmp_path / name, gray, Grid((1, 1)))
    _, pairing = recognise(Listing.of(tmp_path))
    assert pairing.drawn == ()
    assert pairing.images == ("A/1.tif", "B/1.tif")


def test_nnunet_raw_has_a_file_a_channel(tmp_path):
    facts = {
        "channel_names": {"1": "CT", "0": "T1"},
        "labels": {"background": 0, "vessel": 1, "whole": [1, 2], "wall": 2},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    (tmp_path / "dataset.json").write_text(json.dumps(facts))
    layout, pairing = recognise(
        listed(
            *("imagesTr/a_0001.nii.gz", "imagesTr/a_0000.nii.gz"),
            *("imagesTr/b_0000.nii.gz", "imagesTr/c_0000.nii.gz"),
            *("imagesTr/c_0001.nii.gz", "imagesTs/t_0000.nii.gz", "labelsTr/a.nii.gz"),
            *("imagesTs/t_0001.nii.gz", "labelsTr/b.nii.gz", "labelsTs/t.nii.gz"),
            "dataset.json",
            root=tmp_path,
        )
    )
    assert layout == "nnunet"
    assert drawn(pairing) == {
        "imagesTr/a_0000.nii.gz imagesTr/a_0001.nii.gz": {
            "labels": ("labelsTr/a.nii.gz",)
        }
    }
    assert {case.name for case in pairing.cases} == {"a", "c", "t"}
    assert pairing.label_names == {0: "background", 1: "vessel", 2: "wall"}
    assert pairing.channel_names == ("T1", "CT")
    reasons = pairing.reasons
    assert "_0001 of b is missing" in reasons["imagesTr/b_0000.nii.gz"]
    assert "no labels" in reasons["imagesTr/c_0001.nii.gz"]
    assert "testing" in reasons["imagesTs/t_0000.nii.gz"]
    assert "testing" in reasons["labelsTs/t.nii.gz"]
    assert "no image" in reasons["labelsTr/b.nii.gz"]


def test_the_decathlon_lists_its_files(tmp_path):
    facts = {
        "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
        "modality": {"0": "MRI"},
        "training": [
            {
                "image": f"./imagesTr/h_{number}.nii.gz",
                "label": f"./labelsTr/h_{number}.nii.gz",
            }
            for number in (1, 2)
        ],
        "test": ["./imagesTs/h_3.nii.gz"],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(facts))
    layout, pairing = recognise(
        listed(
            *("imagesTr/h_1.nii.gz", "labelsTr/h_1.nii.gz", "imagesTr/h_2.nii.gz"),
            *("imagesTs/h_3.nii.gz", "imagesTr/h_9.nii.gz", "dataset.json"),
            root=tmp_path,
        )
    )
    assert layout == "msd"
    assert drawn(pairing) == {
        "imagesTr/h_1.nii.gz": {"labels": ("labelsTr/h_1.nii.gz",)}
    }
    assert pairing.label_names == {0: "background", 1: "Anterior", 2: "Posterior"}
    assert pairing.reasons == {
        "imagesTr/h_2.nii.gz": "its partner is missing",
        "imagesTr/h_9.nii.gz": "dataset.json does not list it",
        "imagesTs/h_3.nii.gz": "it is kept for testing",
        "labelsTr/h_2.nii.gz": "dataset.json names it, but there is no such file",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"training": [{"image": "a.nii"}]}', "was expected"),
        ('{"training": ["a.nii"]}', "was expected"),
        ('{"training": [{"image": 1, "label": 2}]}', "was expected"),
    ],
)
def test_a_dataset_file_that_makes_no_sense_is_told(tmp_path, text, message):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(CaseReadError, match=message) as told:
        recognise(listed("a.nii", "dataset.json", root=tmp_path))
    assert "dataset.json" in str(told.value)


@pytest.mark.parametrize("text", ['{"training": {}}', "{}", '{"labels": ["a"]}'])
def test_a_dataset_file_that_lists_nothing_does_not_matter(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    layout, pairing = recognise(listed("a.tif", "a_EA.tif", root=tmp_path))
    assert layout == "names"
    assert len(pairing.drawn) == 1


def test_a_layout_can_be_asked_for():
    files = listed("images/1.png", "labels/1.png")
    assert recognise(files)[0] == "names"
    assert recognise(files, "two-folders")[0] == "two-folders"
    with pytest.raises(CaseReadError, match="not laid out as nnunet"):
        recognise(files, "nnunet")
    with pytest.raises(CaseReadError, match=r"no layout 'busi'.*numbered-masks"):
        recognise(files, "busi")


@pytest.mark.parametrize("layout", LAYOUTS)
@given(
    st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["", "imagesTr/", "labelsTr/", "images/", "gt/", "p/"]),
            st.sampled_from(["a", "a_mask", "a_mask_1", "a_0000", "a_0001", "b_0000"]),
            st.sampled_from([".png", ".nii.gz"]),
        ),
        max_size=12,
    )
)
def test_no_layout_loses_a_file(layout, names):
    listing = listed(*set(names))
    pairing = LAYOUTS[layout].recognise(listing)
    if pairing is not None:
        told = {file for case in pairing.drawn for file in case.files}
        assert told | set(pairing.reasons) == set(listing.images)
        assert not told & set(pairing.reasons)


def test_a_listing_names_files_and_stores(tmp_path):
    for name in ("a.tif", "p/b.png", "p/x.ome.zarr/0/0.0", ".git/c.tif", "p/.d.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert Listing.of(tmp_path).names == ("a.tif", "p/b.png", "p/x.ome.zarr")
    with pytest.raises(CaseReadError, match="no folder"):
        Listing.of(tmp_path / "a.tif")


def test_predictions_in_a_folder_of_cases_do_not_hide_what_observers_drew(tmp_path):
    gray = np.random.default_rng(0).integers(0, 255, (9, 8)).astype(np.uint8)
    grid = Grid((1, 1), "mm")
    for name in ("032", "033"):
        write_image(tmp_path / f"{name}.tif", gray, grid)
        for place in (f"{name}_EA", f"{name}_MG", f"predicted/{name}"):
            write_labels(tmp_path / f"{place}.tif", gray // 128, grid)
    layout, pairing = recognise(Listing.of(tmp_path))
    assert layout == "names"
    assert [case.images for case in pairing.drawn] == [("032.tif",), ("033.tif",)]
    assert [set(case.labels) for case in pairing.drawn] == [{"EA", "MG"}] * 2
