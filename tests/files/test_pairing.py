"""Images find their labels by name; no file is lost in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specimen_unet.files.images import SUFFIXES, image_suffix
from specimen_unet.files.pairing import (
    NO_IMAGE,
    NO_LABELS,
    pair_names,
    says_labels,
)

# Parts that meet in every way: images, observers, marks, numbers, separators.
parts = st.sampled_from(
    ["032", "a", "EA", "MG", "2", "labels", "mask", "seg", "Labels", "image", "é"]
)
stems = st.lists(parts, min_size=1, max_size=4).flatmap(
    lambda words: st.sampled_from(["_", "-", " - ", ".", ""]).map(
        lambda separator: separator.join(words)
    )
)
folders = st.sampled_from(
    [
        "",
        "images/",
        "labels/",
        "labels-EA/",
        "labels/EA/",
        "Masks/",
        "p1/",
        "p1/images/",
        "p1/labels/",
        "images/a/",
        "labels/a/",
    ]
)
names = st.builds("{}{}{}".format, folders, stems, st.sampled_from(SUFFIXES))


def accounted(pairing):
    """List every file a pairing speaks of, as often as it does."""
    return [*(file for case in pairing.cases for file in case.files), *pairing.left]


def drawn(pairing):
    """Return image -> observer -> file of labels."""
    return {
        case.images[0]: {who: file for who, (file,) in case.labels.items()}
        for case in pairing.drawn
    }


@given(st.lists(names, max_size=25))
def test_every_file_is_paired_or_reported_exactly_once(files):
    pairing = pair_names(files)
    assert sorted(accounted(pairing)) == sorted(set(files))
    assert set(pairing.reasons) == {*pairing.images, *pairing.left}


@given(st.lists(names, max_size=25), st.randoms())
def test_the_order_of_files_does_not_matter(files, random):
    shuffled = list(files)
    random.shuffle(shuffled)
    assert pair_names(shuffled) == pair_names(files)


@given(st.lists(st.text(max_size=12), max_size=12))
def test_any_names_whatever_are_accounted_for(files):
    images = {
        name
        for name in files
        if image_suffix(name) and not any(p[:1] == "." for p in name.split("/"))
    }
    assert sorted(accounted(pair_names(files))) == sorted(images)


@given(
    st.sets(st.from_regex(r"[a-z]{1,3}", fullmatch=True), min_size=1, max_size=6),
    st.sets(st.sampled_from(["EA", "MG", "third reader"]), min_size=1),
    st.sampled_from(
        ["{}_{}", "{}-{}", "{} - {}", "{}_labels_{}", "{}_{}_mask", "{}_seg-{}"]
    ),
)
def test_every_image_finds_its_observers_by_suffix(images, observers, way):
    files = [f"{image}.tif" for image in images]
    files += [
        f"{way.format(image, observer)}.tif"
        for image in images
        for observer in observers
    ]
    pairing = pair_names(files)
    assert drawn(pairing) == {
        f"{image}.tif": {
            observer: f"{way.format(image, observer)}.tif" for observer in observers
        }
        for image in images
    }


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        pytest.param(
            ["images/032.tif", "labels/032.tif"],
            {"images/032.tif": {"labels": "labels/032.tif"}},
            id="folders",
        ),
        pytest.param(
            ["images/032.nii.gz", "labels/032.tif"],
            {"images/032.nii.gz": {"labels": "labels/032.tif"}},
            id="two formats",
        ),
        pytest.param(
            ["images/1.tif", "labels-EA/1.tif", "labels_MG/1.tif", "masks/1.tif"],
            {
                "images/1.tif": {
                    "EA": "labels-EA/1.tif",
                    "MG": "labels_MG/1.tif",
                    "labels": "masks/1.tif",
                }
            },
            id="a folder an observer",
        ),
        pytest.param(
            ["images/1.tif", "labels/EA/1.tif", "labels/MG/1.tif"],
            {"images/1.tif": {"EA": "labels/EA/1.tif", "MG": "labels/MG/1.tif"}},
            id="folders of observers",
        ),
        pytest.param(
            ["images/1.tif", "labels/1_EA.tif", "labels/1_mask.tif"],
            {"images/1.tif": {"EA": "labels/1_EA.tif", "labels": "labels/1_mask.tif"}},
            id="folders and suffixes",
        ),
        pytest.param(
            ["images/a/1.tif", "images/b/1.tif", "labels/a/1.tif", "labels/b/1.tif"],
            {
                "images/a/1.tif": {"labels": "labels/a/1.tif"},
                "images/b/1.tif": {"labels": "labels/b/1.tif"},
            },
            id="folders of specimens",
        ),
        pytest.param(
            ["p/1.tif", "p/1_labels.tif", "q/1.tif", "q/1_labels.tif"],
            {
                "p/1.tif": {"labels": "p/1_labels.tif"},
                "q/1.tif": {"labels": "q/1_labels.tif"},
            },
            id="a folder a patient",
        ),
        pytest.param(
            ["1.tif", "1_labels.tif", "1_2.tif", "1_2_labels.tif"],
            {
                "1.tif": {"labels": "1_labels.tif"},
                "1_2.tif": {"labels": "1_2_labels.tif"},
            },
            id="an image whose name begins like another",
        ),
        pytest.param(
            ["1.tif", "1_2.tif", "1_EA.tif", "1_2_EA.tif"],
            {"1.tif": {"EA": "1_EA.tif"}, "1_2.tif": {"EA": "1_2_EA.tif"}},
            id="the same with observers",
        ),
        pytest.param(
            ["t2.nii.gz", "t2_seg.nii.gz", "t2_seg-manual.nii.gz", "t2_seg-a_b.nii"],
            {
                "t2.nii.gz": {
                    "labels": "t2_seg.nii.gz",
                    "manual": "t2_seg-manual.nii.gz",
                    "a_b": "t2_seg-a_b.nii",
                }
            },
            id="spinal cord",
        ),
        pytest.param(
            ["032.tif", "032 - Labels.tif"],
            {"032.tif": {"labels": "032 - Labels.tif"}},
            id="napari's new labels",
        ),
        pytest.param(
            ["1.tif", "1.nii", "1_EA.tif", "1_EA.nii"],
            {"1.tif": {"EA": "1_EA.tif"}, "1.nii": {"EA": "1_EA.nii"}},
            id="one name in two formats",
        ),
    ],
)
def test_layouts_people_have(files, pairs):
    pairing = pair_names(files)
    assert drawn(pairing) == pairs
    assert pairing.reasons == {}


def test_what_has_no_partner_is_told_with_the_reason():
    pairing = pair_names(["a.tif", "b.tif", "b_EA.tif", "c_mask.tif", "notes.txt"])
    assert list(drawn(pairing)) == ["b.tif"]
    assert pairing.images == ("a.tif",)
    assert pairing.reasons == {"a.tif": NO_LABELS, "c_mask.tif": NO_IMAGE}
    assert list(pairing.left) == ["c_mask.tif"]


def test_the_second_labels_of_one_observer_are_told():
    pairing = pair_names(["a.tif", "a_mask.tif", "a_labels.tif"])
    assert drawn(pairing) == {"a.tif": {"labels": "a_labels.tif"}}
    assert pairing.left == {"a_mask.tif": "a_labels.tif is already what 'labels' drew"}


def test_numbered_images_are_not_labels_of_the_first():
    pairing = pair_names(["scan.tif", "scan_1.tif", "scan_2.tif"])
    assert pairing.images == ("scan.tif", "scan_1.tif", "scan_2.tif")


def test_labels_of_another_folder_are_not_taken():
    pairing = pair_names(["p/1.tif", "q/1_labels.tif"])
    assert pairing.drawn == ()


def test_files_being_written_and_hidden_folders_are_passed_over():
    pairing = pair_names([".part-1.tif", ".trash/a.tif", "a.tif", "a_EA.tif"])
    assert accounted(pairing) == ["a.tif", "a_EA.tif"]


def test_thousands_of_files_are_paired_at_once():
    files = [f"{n:05d}{end}.tif" for n in range(5000) for end in ("", "_EA", "_MG")]
    assert len(pair_names(files).drawn) == 5000


@pytest.mark.parametrize(
    "name", ["a_mask.tif", "labels/a.tif", "a_seg-x.nii", "gt.tif"]
)
def test_names_that_say_labels(name):
    assert says_labels(name)


@pytest.mark.parametrize("name", ["a_EA.tif", "images/maskedball.tif", "segment.tif"])
def test_names_that_do_not_say_labels(name):
    assert not says_labels(name)
