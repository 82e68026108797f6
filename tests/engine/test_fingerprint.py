from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.case import Case
from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    NoAnnotationError,
    PlanError,
    SpecimenUnetError,
)
from specimen_unet.engine import fingerprint as module
from specimen_unet.engine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from specimen_unet.domain.case import Annotation, Array

SHAPE = (6, 8, 10)
NOISE = np.random.default_rng(0).normal(0, 1, SHAPE)


def case(labels: Array | None = None, image: Array | None = None, **more: Any) -> Case:
    """Make a case of noise with one labelled block, or what is given."""
    if labels is None:
        labels = np.zeros(SHAPE, np.uint8)
        labels[2:4, 2:6, 2:6] = 1
    if image is None:
        image = np.random.default_rng(0).normal(0, 1, labels.shape)
    return Case(image, {"EA": labels}, **more)


def drawn(**values: Any) -> Array:
    """Make labels: ``drawn(z2=1)`` fills slice 2 with label 1."""
    labels = np.zeros(SHAPE, np.int64)
    for name, value in values.items():
        labels[int(name[1:])] = value
    return labels


def test_it_tells_shapes_spacings_and_labels(
    make_blob_case: Callable[..., Case],
) -> None:
    cases = [
        make_blob_case((8, 32, 32), labels=2),
        make_blob_case((6, 20, 24), seed=1, spacing=(1, 1, 1)),
    ]
    seen = fingerprint(cases, "everywhere")
    assert seen.cases == 2
    assert seen.shapes == ((8, 32, 32), (6, 20, 24))
    assert seen.spacings == ((2, 0.5, 0.5), (1, 1, 1))
    assert (seen.unit, seen.channels, seen.label_values) == ("mm", 1, (1, 2))


def test_gray_values_inside_and_outside_are_told_apart() -> None:
    labels = drawn(z2=1, z3=7)
    image = np.where(labels > 0, 50.0, 10.0)
    image[0, 0, 0] = 11
    seen = fingerprint([case(labels, image)], "everywhere")
    assert (seen.foreground_mean, seen.foreground_sd) == (50, 0)
    assert seen.background_mean == pytest.approx(10 + 1 / 320)
    assert seen.foreground_fraction == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("annotation", "annotated", "foreground"),
    [
        ("everywhere", 1, 3 / 24),
        ("slices", 2 / 6, 3 / 8),  # slices 2 and 4
        ("painted", 3 / 24, 1 / 3),  # label 4 is the background
    ],
)
def test_what_zero_means_decides_what_is_annotated(
    annotation: Annotation, annotated: float, foreground: float
) -> None:
    labels = drawn()
    labels[2, :4] = 4  # half of a slice, of which there are 6
    labels[4, :2] = 5  # a quarter
    seen = fingerprint([case(labels)], annotation)
    assert seen.annotated_fraction == pytest.approx(annotated)
    assert seen.foreground_fraction == pytest.approx(foreground)


def test_all_observers_count() -> None:
    one, other = drawn(z2=1), drawn(z2=1, z3=2)
    both = Case(NOISE, {"EA": one, "MG": other})
    seen = fingerprint([both], "everywhere")
    assert seen.label_values == (1, 2)
    assert seen.foreground_fraction == pytest.approx(3 / 12)


def test_blocks_of_a_mapped_case_give_what_the_whole_gives(
    make_blob_case: Callable[..., Case],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = make_blob_case((9, 32, 32), labels=2, channels=2)
    expected = fingerprint([whole], "slices")
    np.save(tmp_path / "image.npy", whole.image)
    np.save(tmp_path / "labels.npy", whole.labels["EA"])
    mapped = Case(
        np.load(tmp_path / "image.npy", mmap_mode="r"),
        {"EA": np.load(tmp_path / "labels.npy", mmap_mode="r")},
        spacing=whole.grid.spacing,
        unit="mm",
    )
    monkeypatch.setattr(module, "_BLOCK", 2 * 2 * 32 * 32)
    found = fingerprint([mapped], "slices")
    for name, value in expected.model_dump(exclude={"shapes", "spacings"}).items():
        assert getattr(found, name) == pytest.approx(value), name


def test_a_few_bright_voxels_make_a_tail() -> None:
    image = np.random.default_rng(0).normal(100, 10, SHAPE)
    assert fingerprint([case(image=image)], "everywhere").tail < 2
    image[0, 0, 0] = 1e6
    assert fingerprint([case(image=image)], "everywhere").tail > 1000


def test_slices_of_a_volume_are_alike_and_those_of_a_stack_are_not() -> None:
    generator = np.random.default_rng(0)
    volume = np.cumsum(generator.normal(0, 1, (20, 16, 16)), 0)
    stack = generator.permutation(volume)
    labels = np.zeros(volume.shape, np.uint8)
    labels[5:9] = 1
    alike = fingerprint([case(labels, volume)], "everywhere").slice_likeness
    apart = fingerprint([case(labels, stack)], "everywhere").slice_likeness
    assert alike is not None
    assert apart is not None
    assert alike > 0.7
    assert apart < 0.3
    assert (
        fingerprint([case(labels[5:7, :8], volume[5:7, :8])], "everywhere") if 0 else 1
    )


def test_a_2d_image_has_no_slices(make_blob_case: Callable[..., Case]) -> None:
    assert fingerprint([make_blob_case((32, 32))], "slices").slice_likeness is None


NAN = np.full(SHAPE, 1.0)
NAN[1, 2, 3] = np.nan
INFINITE = np.where(np.isnan(NAN), np.inf, NAN)
MANY = np.arange(np.prod(SHAPE)).reshape(SHAPE)


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        ([], PlanError, "no cases"),
        ([case(image=NAN)], ImageError, "image of case holds NaN or infinity"),
        ([case(image=INFINITE)], ImageError, "NaN or infinity"),
        ([case(image=np.full(SHAPE, 7))], ImageError, "is 7 everywhere"),
        (
            [case(image=np.stack([NAN > 0, NAN > 5]), name="two")],
            ImageError,
            "Channel 1 of the image of two is False everywhere",
        ),
        ([Case(NOISE)], NoAnnotationError, "Nobody drew labels on"),
        ([case(drawn())], NoAnnotationError, "nothing but 0"),
        ([case(drawn() + 1)], NoAnnotationError, r"only one class \(1\)"),
        ([case(drawn(z2=-3))], GridMismatchError, "hold the number -3"),
        ([case(MANY)], PlanError, "479 different labels"),
        ([case(drawn(z2=70_000))], PlanError, "largest label is 65535"),
        (
            [case(name="a"), case(image=np.stack([NOISE, NOISE]), name="b")],
            GridMismatchError,
            r"differ in their channels \(1: a; 2: b\)",
        ),
        (
            [case(name="a"), case(np.eye(9, dtype=int), name="b")],
            GridMismatchError,
            r"differ in their spatial axes \(3: a; 2: b\)",
        ),
        (
            [case(name="a", unit="mm", spacing=(1, 1, 1)), case(name="b")],
            GridMismatchError,
            r"differ in their units \(mm: a; pixel: b\): set one unit",
        ),
    ],
)  # fmt: skip
def test_bad_cases_are_told(
    bad: list[Case], kind: type[SpecimenUnetError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fingerprint(bad, "everywhere")


@pytest.mark.parametrize("annotation", ["slices", "painted"])
def test_an_observer_who_annotated_nothing_is_told(annotation: Annotation) -> None:
    half_empty = Case(
        np.random.default_rng(0).random(SHAPE), {"EA": drawn(z1=1), "MG": drawn()}
    )
    with pytest.raises(NoAnnotationError, match="The labels MG of case are empty"):
        fingerprint([half_empty], annotation)


def test_a_normal_specimen_among_others_is_welcome() -> None:
    seen = fingerprint([case(name="a"), case(drawn(), name="normal")], "everywhere")
    assert seen.label_values == (1,)


def test_painting_with_one_label_leaves_nothing_to_tell_apart() -> None:
    with pytest.raises(NoAnnotationError, match="paint some background"):
        fingerprint([case(drawn(z2=3))], "painted")


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.uint64])
def test_labels_may_have_any_whole_type(dtype: type) -> None:
    seen = fingerprint([case(drawn(z2=1).astype(dtype))], "everywhere")
    assert seen.label_values == (1,)


def test_it_tells_whether_everybody_drew_every_label_in_every_case() -> None:
    both, first = drawn(z1=1, z2=2), drawn(z1=1)
    assert fingerprint([case(both), case(both)], "everywhere").labels_everywhere
    assert fingerprint([case(both)], "slices").labels_everywhere
    assert not fingerprint([case(both), case(first)], "everywhere").labels_everywhere
    two = Case(NOISE, {"EA": both, "MG": first})
    assert not fingerprint([case(both), two], "everywhere").labels_everywhere
    strokes = drawn(z1=1, z2=2, z3=3)
    assert not fingerprint([case(strokes)], "painted").labels_everywhere
