from __future__ import annotations

import numpy as np
import pytest
import torch

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.domain.case import Case
from specimen_unet.domain.plan import Split
from specimen_unet.engine import augmentation
from specimen_unet.engine import patches as patches_module
from specimen_unet.engine.patches import Patches

CPU = torch.device("cpu")


@pytest.fixture
def plan_for(make_plan, spatial):
    """A plan without changes of gray values for cases of this many dimensions."""

    def make(dimensions=None, patch=None, **changes):
        dimensions = dimensions or len(spatial)
        values = {
            "augmentation": 0.0,
            "patch": patch or (4, 16, 16)[-dimensions:],
            "spacing": (2.0, 0.5, 0.5)[-dimensions:],
            "normalisation": "range",
            "split": Split(training=("blob",), validation=()),
            "batch": 4,
        }
        return make_plan(dimensions, **{**values, **changes})

    return make


def picture_of_labels(spatial, spacing=(2.0, 0.5, 0.5), seed=0, **changes):
    """A case whose image is 1 exactly where its label is."""
    smooth = np.random.default_rng(seed).random(tuple(n // 4 for n in spatial)) > 0.5
    labels = np.kron(smooth, np.ones((4,) * len(spatial), bool)).astype(np.uint8)
    return Case(
        labels * 200,
        {"EA": labels},
        spacing=spacing[-len(spatial) :],
        unit="mm",
        name="blob",
        **changes,
    )


@pytest.fixture
def case(spatial):
    return picture_of_labels(spatial)


def test_a_batch_depends_on_seed_and_step_only(case, plan_for):
    plan = plan_for(augmentation=1.0, mirror_axes=(0, 1))
    first, again = Patches([case], plan, CPU), Patches([case], plan, CPU)
    earlier = [first.batch(step) for step in range(3)]
    assert torch.equal(again.batch(2).images, earlier[2].images)
    assert torch.equal(again.batch(2).classes, earlier[2].classes)
    assert not torch.equal(earlier[1].images, earlier[2].images)
    other = Patches([case], plan.model_copy(update={"seed": 1}), CPU)
    assert not torch.equal(other.batch(2).images, earlier[2].images)


def test_batches_have_the_shape_and_types_of_the_plan(case, plan_for):
    plan = plan_for(augmentation=1.0)
    batch = Patches([case], plan, CPU).batch(0)
    assert batch.images.shape == (4, 1, *plan.patch)
    assert batch.images.dtype == torch.float32
    assert batch.classes.shape == (4, *plan.patch)
    assert batch.classes.dtype == torch.int64
    assert batch.is_annotated


def test_unchanged_patches_are_exact(case, plan_for):
    patches = Patches([case], plan_for(mirror_axes=(0, 1)), CPU)
    for step in range(4):
        batch = patches.batch(step)
        assert torch.equal(batch.images[:, 0], batch.classes.float())


def test_image_and_labels_stay_together_when_turned(spatial, plan_for, monkeypatch):
    monkeypatch.setattr(augmentation, "_AFFINE_SHARE", 1.0)
    monkeypatch.setattr(augmentation, "_CHANGES", ())
    case = picture_of_labels(spatial, spacing=(0.5, 0.5, 0.5))
    spacing = (0.5,) * len(spatial)
    plan = plan_for(augmentation=1.0, spacing=spacing, mirror_axes=(0, 1))
    patches = Patches([case], plan, CPU)
    compared = turned = 0
    for step in range(8):
        batch = patches.batch(step)
        image, classes = batch.images[:, 0], batch.classes
        # Away from edges an interpolated image is 0 or 1, and must say the same.
        is_clear = ((image < 1e-3) | (image > 1 - 1e-3)) & (classes != IGNORED)
        assert (image[is_clear].round() == classes[is_clear]).all()
        compared += int(is_clear.sum())
        turned += int((~is_clear).sum())
    assert compared > 1000
    assert turned > 1000


def test_classes_are_never_interpolated_as_numbers(spatial, plan_for, monkeypatch):
    monkeypatch.setattr(augmentation, "_AFFINE_SHARE", 1.0)
    labels = np.full(spatial, 2, np.uint8)
    labels[..., ::2] = 0
    case = Case(labels, {"EA": labels}, spacing=(0.7,) * len(spatial), name="blob")
    plan = plan_for(augmentation=1.0, label_values=(0, 1, 2), foreground=0.0)
    patches = Patches([case], plan, CPU)
    seen = torch.cat([patches.batch(step).classes.ravel() for step in range(4)])
    assert set(seen.tolist()) <= {IGNORED, 0, 2}


def test_a_patch_covers_the_plans_spacing_on_every_grid(spatial, plan_for):
    """The same object scanned twice as finely looks the same in a patch."""
    coarse = picture_of_labels(spatial)
    fine = Case(
        np.kron(coarse.image[0], np.ones((2,) * len(spatial), np.uint8)),
        {"EA": np.kron(coarse.labels["EA"], np.ones((2,) * len(spatial), np.uint8))},
        spacing=[step / 2 for step in coarse.grid.spacing],
        unit="mm",
        name="blob",
    )
    plan = plan_for(patch=spatial, batch=1)
    expected = Patches([coarse], plan, CPU).batch(0)
    found = Patches([fine], plan, CPU).batch(0)
    assert torch.equal(found.classes, expected.classes)
    torch.testing.assert_close(found.images, expected.images)


@pytest.mark.parametrize("turned", [0.0, 1.0])
def test_speckle_finer_than_the_plans_voxels_is_averaged(
    turned, spatial, plan_for, monkeypatch
):
    """Whether a patch is turned or not; only where the plan says so."""
    monkeypatch.setattr(augmentation, "_AFFINE_SHARE", turned)
    monkeypatch.setattr(augmentation, "_CHANGES", ())
    shape = tuple(4 * length for length in spatial)
    speckle = np.random.default_rng(0).random(shape).astype(np.float32)
    labels = {"EA": np.ones(shape, np.uint8)}
    case = Case(speckle, labels, spacing=(0.5,) * len(shape), unit="mm", name="blob")
    coarse = {"spacing": (2.0,) * len(shape), "normalisation": "z-score"}
    spreads = [
        Patches(
            [case],
            plan_for(augmentation=1.0, antialiased=antialiased, **coarse),
            CPU,
        )
        .batch(0)
        .images.std()
        for antialiased in (True, False)
    ]
    assert spreads[0] < 0.5 * spreads[1]


def test_patches_of_a_small_case_are_padded_and_the_padding_is_ignored(
    spatial, plan_for
):
    labels = np.ones(spatial, np.uint8)
    image = labels * 9
    image[..., 0] = 5
    case = Case(
        image, {"EA": labels}, spacing=(2.0, 0.5, 0.5)[-len(spatial) :], name="blob"
    )
    plan = plan_for(patch=tuple(n + 8 for n in spatial), mirror_axes=())
    batch = Patches([case], plan, CPU).batch(0)
    inside = batch.classes != IGNORED
    assert inside[0].sum() == labels.size
    assert inside[0][(slice(4, -4),) * len(spatial)].all()
    assert not batch.images[:, 0][~inside].any()


def test_half_of_the_patches_are_centred_on_a_label(spatial, plan_for):
    labels = np.zeros(spatial, np.uint8)
    labels[(3, *(5 for _ in spatial[1:]))] = 1
    case = Case(
        labels, {"EA": labels}, spacing=(2.0, 0.5, 0.5)[-len(spatial) :], name="blob"
    )

    def hits(foreground):
        plan = plan_for(foreground=foreground, patch=(4,) * len(spatial))
        patches = Patches([case], plan, CPU)
        batches = [patches.batch(step) for step in range(10)]
        return sum((batch.classes == 1).flatten(1).any(1).sum() for batch in batches)

    assert hits(1.0) == 40
    assert 10 <= hits(0.5) <= 32
    assert hits(0.0) <= 8


def test_a_2d_plan_takes_slices_of_a_volume(plan_for, make_blob_case):
    case = make_blob_case((6, 32, 32), name="blob", channels=2)
    plan = plan_for(2, image_channels=2, augmentation=1.0)
    batch = Patches([case], plan, CPU).batch(0)
    assert batch.images.shape == (4, 2, 16, 16)
    assert batch.classes.shape == (4, 16, 16)


@pytest.mark.parametrize("annotation", ["slices", "painted"])
def test_every_patch_holds_something_annotated(
    annotation, spatial, plan_for, monkeypatch
):
    labels = np.zeros((20, *spatial[1:]), np.uint8)
    labels[7, ..., 4:6] = 1
    labels[7, ..., 6:8] = 2
    case = Case(labels, {"none": labels * 0, "EA": labels}, name="blob")
    plan = plan_for(
        annotation=annotation,
        painted_background=1 if annotation == "painted" else None,
        label_values=(0, 2) if annotation == "painted" else (0, 1, 2),
        spacing=(1.0,) * len(spatial),
    )
    patches = Patches([case], plan, CPU)
    for step in range(5):
        classes = patches.batch(step).classes
        assert (classes != IGNORED).flatten(1).any(1).all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_slices_without_annotation_are_ignored_also_in_part(dimensions, plan_for):
    labels = np.zeros((6, 32, 32), np.uint8)
    labels[2, :2, :2] = 1
    case = Case(labels, {"EA": labels}, spacing=(2.0, 0.5, 0.5), name="blob")
    plan = plan_for(dimensions, annotation="slices", foreground=0.0)
    classes = Patches([case], plan, CPU).batch(0).classes
    if dimensions == 2:
        assert (classes != IGNORED).all()
    else:
        assert (classes != IGNORED).any((2, 3)).sum(1).tolist() == [1] * 4


def test_every_observer_is_learnt_from(spatial, plan_for):
    labels = {"EA": np.zeros(spatial, np.uint8), "MG": np.ones(spatial, np.uint8)}
    image = np.random.default_rng(0).integers(0, 9, spatial, np.uint8)
    case = Case(image, labels, name="blob")
    plan = plan_for(spacing=(1.0,) * len(spatial))
    patches = Patches([case], plan, CPU)
    drawn = torch.cat([patches.batch(step).classes[:, 0, 0] for step in range(4)])
    assert set(drawn.unique().tolist()) == {0, 1}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("augmented", [0.0, 1.0])
def test_nothing_of_the_excluded_slices_is_ever_seen(
    dimensions, augmented, plan_for, make_blob_case, monkeypatch
):
    monkeypatch.setattr(augmentation, "_AFFINE_SHARE", 0.5)
    case = make_blob_case((24, 32, 32), name="blob")
    split = Split(
        training=("blob",), validation=("blob",), held_out=(10, 14), excluded=(8, 16)
    )
    plan = plan_for(dimensions, augmentation=augmented, split=split)
    image, labels = case.image[0].copy(), case.labels["EA"].copy()
    # The same gray values elsewhere, as their scale is that of the whole image.
    image[8:16] = image[8:16, ::-1].copy()
    labels[8:16] = 1 - labels[8:16]
    garbled = Case(image, {"EA": labels}, spacing=case.grid.spacing, name="blob")
    original, changed = Patches([case], plan, CPU), Patches([garbled], plan, CPU)
    for step in range(5):
        expected, found = original.batch(step), changed.batch(step)
        assert torch.equal(found.images, expected.images)
        assert torch.equal(found.classes, expected.classes)


def test_excluded_rows_of_one_flat_image_are_not_learnt_from(plan_for, make_blob_case):
    case = make_blob_case((32, 32), name="blob")
    split = Split(
        training=("blob",), validation=("blob",), held_out=(0, 8), excluded=(0, 12)
    )
    plan = plan_for(2, split=split, patch=(32, 32))
    batch = Patches([case], plan, CPU).batch(0)
    assert (batch.classes != IGNORED).any(2).sum(1).tolist() == [20] * 4


def test_cases_held_out_are_not_read(plan_for, spatial, make_blob_case):
    cases = [make_blob_case(spatial, seed=seed) for seed in range(2)]
    split = Split(training=("blob 0",), validation=("blob 1",))
    plan = plan_for(split=split)
    alone = Patches(cases[:1], plan, CPU).batch(3)
    both = Patches(cases[::-1], plan, CPU).batch(3)
    assert torch.equal(alone.images, both.images)


def test_memory_mapped_cases_are_read_as_they_are(case, plan_for, tmp_path):
    np.save(tmp_path / "image.npy", case.image)
    np.save(tmp_path / "labels.npy", case.labels["EA"])
    mapped = Case(
        np.load(tmp_path / "image.npy", mmap_mode="r"),
        {"EA": np.load(tmp_path / "labels.npy", mmap_mode="r")},
        spacing=case.grid.spacing,
        name="blob",
    )
    plan = plan_for(augmentation=1.0)
    expected = Patches([case], plan, CPU).batch(5)
    assert torch.equal(Patches([mapped], plan, CPU).batch(5).images, expected.images)


@pytest.fixture
def resident(monkeypatch):
    """Cases are kept on the device, as on a GPU, though the device is the CPU."""

    def keep():
        monkeypatch.setattr(patches_module, "fit_on", lambda *_: True)

    return keep


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f4", "f8", ">u2", "?"])
@pytest.mark.parametrize("annotation", ["everywhere", "slices", "painted"])
def test_cases_on_a_device_give_the_very_same_patches(
    kind, annotation, spatial, plan_for, resident
):
    original = picture_of_labels(spatial)
    labels = original.labels["EA"].copy()
    labels[1] = 0
    case = Case(
        (original.image[0] // 3).astype(kind),
        {"EA": labels, "MG": np.roll(labels, 3, 1)},
        spacing=[step * 1.3 for step in original.grid.spacing],
        unit="mm",
        name="blob",
    )
    plan = plan_for(
        augmentation=1.0,
        mirror_axes=(0, 1),
        annotation=annotation,
        painted_background=7 if annotation == "painted" else None,
    )
    stored = Patches([case], plan, CPU)
    resident()
    kept = Patches([case], plan, CPU)
    for step in range(6):
        expected, found = stored.batch(step), kept.batch(step)
        assert torch.equal(found.images, expected.images)
        assert torch.equal(found.classes, expected.classes)


@pytest.mark.parametrize("is_resident", [False, True])
def test_what_is_painted_is_in_the_patches_soon_after(
    is_resident, spatial, plan_for, resident
):
    if is_resident:
        resident()
    labels = np.zeros(spatial, np.uint8)
    labels[0, 0] = 1
    image = np.random.default_rng(0).integers(0, 9, spatial, np.uint8)
    case = Case(image, {"EA": labels}, name="blob")
    plan = plan_for(label_values=(0, 1, 2), spacing=(1.0,) * len(spatial))
    patches = Patches([case], plan, CPU)
    assert not any((patches.batch(step).classes == 2).any() for step in range(4))
    labels[-1, -3:] = 2
    assert any((patches.batch(step).classes == 2).any() for step in range(4, 24))
