"""Which labels were drawn on which image: guessed from shapes and names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.errors import NoAnnotationError
from specimen_unet.viewer.channel_names import channels_of_labels, words_of
from specimen_unet.viewer.channels import check_channels
from specimen_unet.viewer.layer_checks import (
    check_labels_layer,
    level_zero,
    spatial_shape,
)
from specimen_unet.viewer.layers import case_from_layers
from specimen_unet.viewer.provenance import image_of_segmentation, kind_of_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from specimen_unet.domain.case import Case


@dataclass(frozen=True)
class Pair:
    """An image layer and the labels layers that observers drew on it.

    `more` are further layers of its shape and place: the other channels of the image.
    """

    image: Any
    truths: tuple[Any, ...] = ()
    more: tuple[Any, ...] = ()

    @property
    def channels(self) -> tuple[Any, ...]:
        """The image layer and the other channels."""
        return (self.image, *self.more)

    def check(self) -> None:
        """Check that a case can be made of these layers.

        Raises
        ------
        ImageError, GridMismatchError, NoAnnotationError
            What is wrong with which layer.
        """
        check_channels(self.channels)
        self.check_truths()

    def check_truths(self) -> None:
        """Check the labels only, which change while a person paints."""
        if not self.truths:
            raise NoAnnotationError(
                f"No ground truth is chosen for {self.image.name!r}: choose one or "
                "more labels layers on which the structure is painted."
            )
        for layer in self.truths:
            check_labels_layer(layer, self.image)

    @property
    def voxel_bytes(self) -> int:
        """Memory that a copy of image and labels takes."""
        layers = (*self.channels, *self.truths)
        return sum(_bytes(level_zero(layer)) for layer in layers)

    def observers(self) -> dict[str, Any]:
        """Return the labels layers by what is not the image's name in theirs."""
        names = [observer_name(str(t.name), str(self.image.name)) for t in self.truths]
        if len(set(names)) < len(names):
            names = [str(layer.name) for layer in self.truths]
        return dict(zip(names, self.truths, strict=True))

    def case(self) -> Case:
        """Copy the layers into a case, its observers named as in `observers`.

        Raises
        ------
        SpecimenUnetError
            As `check` does.
        """
        self.check_truths()
        case = case_from_layers(self.channels, *self.truths, name=str(self.image.name))
        drawn = [case.labels[str(layer.name)] for layer in self.truths]
        return case.with_labels(dict(zip(self.observers(), drawn, strict=True)))


def pair_layers(images: Sequence[Any], labels: Sequence[Any]) -> list[Pair]:
    """Pair every image with the labels of its shape that bear its name.

    Labels whose shape only one image has need no name, but may not bear the number
    of another specimen ("033" beside "032"). Labels that bear the name of several
    images alike, which names say are channels ("032 DAPI", "032 GFP"), pair with all.
    What was made here (predictions, previews) is no ground truth, nor are empty labels
    beside others.

    Parameters
    ----------
    images, labels : sequence of layer
        All image layers and all labels layers that are open.

    Returns
    -------
    list of Pair
        In the order of the images; images without labels are left out, unless
        none has any: then there is the first image, with the labels that do not fit
        it, so that their check says why.
    """
    opened = [layer for layer in images if kind_of_layer(layer) is None]
    images = [layer for layer in opened if len(spatial_shape(layer)) in (2, 3)]
    labels = [layer for layer in labels if kind_of_layer(layer) is None]
    painted = [layer for layer in labels if _is_painted(layer)] or labels
    owners = [_owners(layer, images) for layer in painted]
    pairs = [
        Pair(
            image,
            tuple(t for t, o in zip(painted, owners, strict=True) if o[:1] == (image,)),
            next((o[1:] for o in owners if o[:1] == (image,)), ()),
        )
        for image in images
    ]
    complete = [pair for pair in pairs if pair.truths]
    return complete or [_unfit(image, painted) for image in (images or opened)[:1]]


def _owners(labels: Any, images: Sequence[Any]) -> tuple[Any, ...]:
    """Return the image that labels were drawn on, or all its channels, or nothing."""
    image = image_of(labels, images)
    return channels_of_labels(labels, images) if image is None else (image,)


def _unfit(image: Any, labels: Sequence[Any]) -> Pair:
    """Pair an image with labels of another shape: what a person may have meant."""
    shape = spatial_shape(image)
    return Pair(image, tuple(t for t in labels if spatial_shape(t) != shape))


def pairs_of_cases(
    cases: Iterable[Case], images: Sequence[Any], labels: Sequence[Any]
) -> list[Pair]:
    """Find the layers that cases were made from, by name and shape.

    Parameters
    ----------
    cases : iterable of Case
        Of a run that goes on.
    images, labels : sequence of layer
        All image layers and all labels layers that are open.

    Returns
    -------
    list of Pair
        Of the cases whose image is open, with the observers that are open.
    """
    pairs = []
    for case in cases:
        for image in images:
            if str(image.name) == case.name and spatial_shape(image) == case.shape:
                drawn = [t for t in labels if _is_drawn_by(t, image, case)]
                pairs.append(Pair(image, tuple(drawn), _others(case, image, images)))
    return pairs


def _others(case: Case, image: Any, images: Sequence[Any]) -> tuple[Any, ...]:
    """Find the other channels of a case by name and shape."""
    return tuple(
        layer
        for layer in images
        if layer is not image
        and str(layer.name) in case.channel_names
        and spatial_shape(layer) == case.shape
    )


def _is_drawn_by(labels: Any, image: Any, case: Case) -> bool:
    """Tell whether labels are those of an observer of a case."""
    name = str(labels.name)
    names = (name, observer_name(name, str(image.name)))
    is_known = any(observer in case.labels for observer in names)
    return is_known and spatial_shape(labels) == case.shape


def image_of(labels: Any, images: Iterable[Any]) -> Any | None:
    """Return the one image that labels were most likely drawn on, or None."""
    shape = spatial_shape(labels)
    own = _words(str(labels.name))
    fitting = [
        image
        for image in images
        if spatial_shape(image) == shape and not _differ(own, _words(str(image.name)))
    ]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    words = [_words(str(image.name)) for image in fitting]
    common = set.intersection(*words)
    ranks = [_likeness(own, w, common) for w in words]
    best = max(ranks)
    is_clear = best[0] > 0 and ranks.count(best) == 1
    return fitting[ranks.index(best)] if is_clear else None


def truths_of(
    prediction: Any, labels: Iterable[Any], images: Sequence[Any]
) -> list[Any]:
    """Return the labels that were most likely drawn on the image of a prediction.

    Parameters
    ----------
    prediction : layer
        Made here, or opened from a file.
    labels, images : layers
        All that are open.

    Returns
    -------
    list of layer
        Of the prediction's shape, and made by people. Where it cannot be told on which
        image one of them was drawn, its shape decides.
    """
    image = _image_under(prediction, images)
    return [
        layer
        for layer in labels
        if kind_of_layer(layer) is None
        and spatial_shape(layer) == spatial_shape(prediction)
        and (image is None or image_of(layer, images) in (image, None))
    ]


def _image_under(prediction: Any, images: Sequence[Any]) -> Any | None:
    """Return the image that was segmented: as noted, or else by its name."""
    noted = image_of_segmentation(prediction)
    if noted is None:
        return image_of(prediction, images)
    return next((image for image in images if str(image.name) == noted), None)


def observer_name(labels_name: str, image_name: str) -> str:
    """Return what the name of labels says beside the name of their image.

    Examples
    --------
    >>> observer_name("032_EA", "032"), observer_name("labels 7", "image 7")
    ('EA', 'labels')
    >>> observer_name("EA", "032"), observer_name("032", "032")
    ('EA', '032')
    """
    own = _words(image_name)
    rest = [word for word in words_of(labels_name) if word.lower() not in own]
    return " ".join(rest) or labels_name


def _differ(labels: set[str], image: set[str]) -> bool:
    """Tell whether both bear numbers, of two digits or more, and none is the same."""
    numbers = [_numbers(words) for words in (labels, image)]
    return all(numbers) and not set.intersection(*numbers)


def _numbers(words: set[str]) -> set[str]:
    return {word for word in words if re.fullmatch(r"\d\d+", word)}


def _likeness(
    labels: set[str], image: set[str], common: set[str]
) -> tuple[int, int, int]:
    """Rank an image by its words among those of the labels; more is more alike."""
    shared = labels & image
    return (
        sum(map(len, shared)),
        sum(map(len, shared - common)),
        -len(image - labels),
    )


def _words(name: str) -> set[str]:
    return {word.lower() for word in words_of(name)}


def _is_painted(labels: Any) -> bool:
    """Tell whether anything is painted; lazily loaded labels are taken to be."""
    data = level_zero(labels)
    return not isinstance(data, np.ndarray) or bool(data.any())


def _bytes(data: Any) -> int:
    return int(np.prod(data.shape, dtype=np.int64)) * int(np.dtype(data.dtype).itemsize)
