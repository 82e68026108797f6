"""Snapshots of layers, and layers that lie exactly on them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import specimen_unet as su
from specimen_unet.domain.errors import (
    GridMismatchError,
    ImageError,
    NoAnnotationError,
    SpecimenUnetError,
)
from specimen_unet.viewer.layers import (
    case_from_layers,
    check_image_layer,
    check_labels_layer,
    frame_of,
    labels_layer,
    probability_layers,
)

COLOURS = {1: "#ff0000", 2: "#00ff00"}


@pytest.fixture
def image_layer(gray):
    """A napari layer that is moved, turned, sheared and stretched, in millimetres."""
    from napari.layers import Image

    axes = gray.ndim
    affine = np.diag([*([1.0] * (axes - 1)), 1.5, 1.0])
    return Image(
        gray,
        name="032",
        scale=(2.0, 0.5, 0.25)[-axes:],
        translate=(5.0, -3.0, 1.0)[-axes:],
        rotate=20 if axes == 2 else (10, 20, 30),
        shear=[0.1] if axes == 2 else [0.1, 0.0, 0.2],
        affine=affine,
        units=("mm",) * axes,
        axis_labels=("z", "y", "x")[-axes:],
    )


def test_a_case_needs_no_viewer(make_layer, gray, painted):
    case = su.case_from_layers(
        make_layer(gray), make_layer(painted, "EA"), make_layer(painted, "MG")
    )
    assert case.shape == gray.shape
    assert list(case.labels) == ["EA", "MG"]
    assert case.grid == su.Grid((2.0, 0.5, 0.5)[-gray.ndim :], "mm")
    assert (case.name, case.group) == ("032", "032")


def test_a_case_can_be_named_and_grouped(make_layer, gray):
    case = case_from_layers(make_layer(gray), name="left", group="patient 7")
    assert (case.name, case.group) == ("left", "patient 7")


def test_painting_on_does_not_change_the_case(make_layer, gray, painted):
    image, labels = make_layer(gray), make_layer(painted, "EA")
    case = case_from_layers(image, labels)
    before = case.image.copy(), case.labels["EA"].copy()
    image.data[:] = 0
    labels.data[:] = 7
    np.testing.assert_array_equal(case.image, before[0])
    np.testing.assert_array_equal(case.labels["EA"], before[1])


def test_a_layer_without_scale_and_units_is_in_pixels(gray):
    class Layer:
        data = gray
        name = "bare"

    case = case_from_layers(Layer())
    assert case.grid == su.Grid((1.0,) * gray.ndim, "pixel")


def test_the_units_of_napari_are_understood(image_layer):
    grid = case_from_layers(image_layer).grid
    assert grid.unit == "mm"
    # The affine stretches x by 1.5; rotation, shear and position change nothing.
    assert grid.spacing == (2.0, 0.5, 0.375)[-grid.dimensions :]


def test_axes_in_different_units_are_brought_to_one(make_layer):
    layer = make_layer(
        np.arange(24).reshape(2, 3, 4),
        scale=(0.002, 0.5, 0.5),
        units=("millimeter", "micrometer", "micrometer"),
    )
    assert case_from_layers(layer).grid == su.Grid((2.0, 0.5, 0.5), "um")


def test_a_movie_is_not_a_volume(make_layer):
    layer = make_layer(np.arange(24).reshape(2, 3, 4), units=("second", "mm", "mm"))
    with pytest.raises(GridMismatchError, match="second"):
        check_image_layer(layer)


def test_a_mirrored_axis_has_a_positive_spacing(make_layer, gray):
    layer = make_layer(gray, scale=(-2.0, 0.5, -0.5)[-gray.ndim :])
    assert case_from_layers(layer).grid.spacing == (2.0, 0.5, 0.5)[-gray.ndim :]


def test_leading_axes_of_length_one_are_left_out(make_layer):
    data = np.arange(24).reshape(1, 1, 2, 3, 4)
    layer = make_layer(data, scale=(9, 9, 2, 1, 1))
    case = case_from_layers(
        layer, make_layer(np.ones((2, 3, 4), int), "EA", scale=(2, 1, 1))
    )
    assert case.shape == (2, 3, 4)
    assert case.grid.spacing == (2, 1, 1)


def test_a_multiscale_layer_gives_its_full_resolution(gray):
    from napari.layers import Image

    small = gray[(slice(None, None, 2),) * gray.ndim]
    case = case_from_layers(Image([gray, small], multiscale=True))
    np.testing.assert_array_equal(case.image[0], gray)


def test_lazy_voxels_are_loaded_only_for_the_case(make_layer, gray):
    import dask.array

    loads = []

    def load():
        loads.append(1)
        return gray

    lazy = dask.array.from_delayed(dask.delayed(load)(), gray.shape, gray.dtype)
    layer = make_layer(lazy, scale=None, units=None)
    check_image_layer(layer)
    assert not loads
    np.testing.assert_array_equal(case_from_layers(layer).image[0], gray)


def test_lazy_voxels_are_checked_when_they_are_loaded(make_layer):
    import dask.array

    layer = make_layer(dask.array.zeros((4, 5)))
    check_image_layer(layer)
    with pytest.raises(ImageError, match="constant"):
        case_from_layers(layer)


@pytest.mark.parametrize(
    ("data", "attributes", "message"),
    [
        (np.zeros((4, 5, 3), np.uint8), {"rgb": True}, "constant"),
        (np.zeros((2, 3, 4, 5, 3), np.uint8), {"rgb": True}, "4 axes.*Split Stack"),
        (np.zeros((2, 3, 4, 5)), {}, "4 axes.*Split Stack"),
        (np.zeros(5), {}, "1 axes"),
        (np.zeros((4, 5)), {}, "constant"),
        (np.array([[0, np.nan], [1, 2]]), {}, "NaN"),
        (np.array([[0, np.inf], [1, 2]]), {}, "infinite"),
        (np.zeros((4, 5), complex), {}, "complex128"),
        (np.zeros((0, 5)), {}, "no voxels"),
    ],
    ids=[
        "rgb",
        "4d-rgb",
        "4d",
        "1d",
        "constant",
        "nan",
        "infinite",
        "complex",
        "empty",
    ],
)
def test_wrong_images_are_told_by_name(make_layer, data, attributes, message):
    layer = make_layer(data, "photo", **attributes)
    with pytest.raises(ImageError, match=message) as told:
        check_image_layer(layer)
    assert "'photo'" in str(told.value)


def test_a_scale_of_zero_is_told(make_layer, gray):
    with pytest.raises(GridMismatchError, match="positive"):
        check_image_layer(make_layer(gray, scale=(0.0,) * gray.ndim))


def test_good_layers_pass(make_layer, gray, painted):
    check_image_layer(make_layer(gray))
    check_labels_layer(make_layer(painted, "EA"), make_layer(gray))


def test_labels_of_another_shape_are_told(make_layer, gray, painted):
    with pytest.raises(GridMismatchError, match=r"'EA'.*'032'"):
        check_labels_layer(make_layer(painted[1:], "EA"), make_layer(gray))


def test_float_labels_are_told(make_layer, gray, painted):
    layer = make_layer(painted.astype(np.float32), "EA")
    with pytest.raises(GridMismatchError, match=r"float32.*Convert to Labels"):
        check_labels_layer(layer, make_layer(gray))


def test_negative_labels_are_told(make_layer, gray, painted):
    layer = make_layer(painted.astype(np.int16) - 1, "EA")
    with pytest.raises(GridMismatchError, match="-1"):
        check_labels_layer(layer, make_layer(gray))


def test_labels_on_which_nothing_is_painted_are_told(make_layer, gray, painted):
    empty = make_layer(painted * 0, "EA")
    with pytest.raises(NoAnnotationError, match="Nothing is painted"):
        check_labels_layer(empty, make_layer(gray))
    check_labels_layer(empty, make_layer(gray), may_be_empty=True)


@pytest.mark.parametrize(
    "attributes",
    [
        {"scale": (1.0, 0.5, 0.25)},
        {"units": None},
        {"units": ("um", "um", "um")},
        {"units": ("second", "second", "second")},
    ],
    ids=["scale", "no unit", "unit", "no length"],
)
def test_labels_on_another_scale_are_told(make_layer, gray, painted, attributes):
    changed = {key: value and value[-gray.ndim :] for key, value in attributes.items()}
    layer = make_layer(painted, "EA", **changed)
    with pytest.raises(GridMismatchError, match="scale of the image"):
        check_labels_layer(layer, make_layer(gray))


def test_one_scale_may_be_told_in_two_units(make_layer, gray, painted):
    image = make_layer(gray)
    layer = make_layer(
        painted, "EA", scale=image.scale * 1000, units=("um",) * gray.ndim
    )
    check_labels_layer(layer, image)


@pytest.mark.parametrize("key", ["translate", "rotate", "shear", "affine"])
def test_labels_that_lie_elsewhere_are_told(image_layer, painted, key):
    from napari.layers import Labels

    axes = painted.ndim
    elsewhere = {
        "translate": (9.0,) * axes,
        "rotate": 45 if axes == 2 else (1, 2, 45),
        "shear": [0.5] if axes == 2 else [0.5, 0, 0],
        # Turned by a quarter: the spacing of a cube of voxels would be the same.
        "affine": np.diag([-1.0] * (axes - 1) + [1.5, 1.0]),
    }
    frame = frame_of(image_layer)
    check_labels_layer(Labels(painted, **frame), image_layer)
    with pytest.raises(GridMismatchError, match="moved, turned or sheared"):
        check_labels_layer(
            Labels(painted, **{**frame, key: elsewhere[key]}), image_layer
        )


def test_two_observers_of_one_name_are_told(make_layer, gray, painted):
    with pytest.raises(SpecimenUnetError, match="called 'EA'"):
        case_from_layers(
            make_layer(gray), make_layer(painted, "EA"), make_layer(painted, "EA")
        )


def test_a_labels_layer_lies_exactly_on_its_image(image_layer, painted):
    layer = labels_layer(painted, image_layer, name="032 - tumour")
    assert layer.name == "032 - tumour"
    for key in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_array_equal(getattr(layer, key), getattr(image_layer, key))
    np.testing.assert_array_equal(
        layer.affine.affine_matrix, image_layer.affine.affine_matrix
    )
    assert layer.units == image_layer.units
    assert layer.axis_labels == image_layer.axis_labels
    far = tuple(size - 1 for size in painted.shape)
    assert layer.data_to_world(far) == image_layer.data_to_world(far)


def test_moving_one_layer_leaves_the_other(image_layer, painted):
    layer = labels_layer(painted, image_layer, name="prediction")
    before = image_layer.data_to_world((1,) * painted.ndim)
    layer.affine.translate = (100.0,) * painted.ndim
    layer.scale = (7.0,) * painted.ndim
    assert image_layer.data_to_world((1,) * painted.ndim) == before


def test_a_labels_layer_names_and_colours_its_labels(gray, painted):
    from napari.layers import Image

    layer = labels_layer(
        painted,
        Image(gray),
        name="prediction",
        label_names={0: "background", 1: "tumour", 2: "rim"},
        colours=COLOURS,
    )
    inside = (0,) * (painted.ndim - 2) + (10, 10)
    assert "tumour" in layer.get_status(inside, world=True)["coordinates"]
    np.testing.assert_allclose(layer.get_color(1), [1, 0, 0, 1])
    np.testing.assert_allclose(layer.get_color(2), [0, 1, 0, 1])
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    assert layer.get_color(5)[3] == 1, "a label painted by hand must be seen"


def test_results_of_a_snapshot_fit_a_layer_with_a_leading_axis():
    from napari.layers import Image

    layer = Image(np.zeros((1, 2, 3, 4)), scale=(1, 2, 1, 1))
    made = labels_layer(np.ones((2, 3, 4), np.uint8), layer, name="prediction")
    assert made.data.shape == (1, 2, 3, 4)
    np.testing.assert_array_equal(made.scale, layer.scale)


def test_probabilities_become_hidden_layers_on_the_image(image_layer, painted):
    probabilities = np.stack([1 - painted, painted]).astype(np.float32)
    layers = probability_layers(probabilities, image_layer, names=["rest", "tumour"])
    assert [layer.name for layer in layers] == ["rest", "tumour"]
    np.testing.assert_array_equal(layers[1].data, painted)
    assert layers[1].contrast_limits == [0, 1]
    assert not layers[1].visible
    assert layers[1].units == image_layer.units


def test_a_result_of_another_image_is_told(image_layer, painted):
    with pytest.raises(ImageError, match="'032'"):
        labels_layer(painted[1:], image_layer, name="prediction")


def test_taking_a_snapshot_imports_no_napari():
    import subprocess

    code = (
        "import sys, numpy, types, specimen_unet as su\n"
        "layer = types.SimpleNamespace(data=numpy.eye(4), name='a')\n"
        "su.case_from_layers(layer)\n"
        "assert not {'napari', 'qtpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
