"""Which of the labels that are open is the specimen, and which its tumour."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from specimen_unet.viewer.channel_names import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.viewer.measured_labels import DrawnLabel

_SPECIMEN = {"specimen", "tissue"}
_TUMOUR = {"tumour", "tumor", "lesion", "cancer", "carcinoma"}


def guess_specimen_and_tumour(
    labels: Sequence[DrawnLabel], chosen: Any
) -> tuple[DrawnLabel | None, DrawnLabel | None]:
    """Guess by names, and where these are silent by sizes.

    Parameters
    ----------
    labels : sequence of DrawnLabel
        All on one grid.
    chosen : layer
        Whose tumour is meant, where several observers drew it.

    Returns
    -------
    tuple of DrawnLabel or None
        Specimen and tumour; None for what is not among the labels.
    """
    words = _telling_words(labels)
    is_specimen = [bool(own & _SPECIMEN) for own in words]
    is_tumour = [bool(own & _TUMOUR) for own in words]
    specimen = _largest(labels, is_specimen) or _largest(
        labels, [not other for other in is_tumour]
    )
    may_be = [
        label != specimen and not other
        for label, other in zip(labels, is_specimen, strict=True)
    ]
    of_chosen = [label.layer is chosen for label in labels]
    named = [a and b for a, b in zip(may_be, is_tumour, strict=True)]
    tumour = (
        _largest(labels, [a and b for a, b in zip(named, of_chosen, strict=True)])
        or _largest(labels, named)
        or _largest(labels, [a and b for a, b in zip(may_be, of_chosen, strict=True)])
        or _largest(labels, may_be)
    )
    is_named = any(is_specimen)
    if specimen and tumour and not is_named and not _may_hold(specimen, tumour):
        return None, _largest(labels, of_chosen)
    return specimen, tumour


def _may_hold(specimen: DrawnLabel, tumour: DrawnLabel) -> bool:
    """Tell whether sizes speak for it: two observers' tumours are about as large."""
    if specimen.layer is tumour.layer:
        return specimen.voxels > tumour.voxels
    return specimen.voxels > 2 * tumour.voxels


def _telling_words(labels: Sequence[DrawnLabel]) -> list[set[str]]:
    """Return the words that tell labels apart.

    The name of a layer speaks of its label where there is one; words that all layers
    share are the name of the case ("specimen 1 EA", "specimen 1 MG").
    """
    in_layer = Counter(label.layer for label in labels)
    layers = {layer: _words(str(layer.name)) for layer in in_layer}
    common = set.intersection(*layers.values()) if len(layers) > 1 else set()
    return [
        _words(label.name)
        | (layers[label.layer] - common if in_layer[label.layer] == 1 else set())
        for label in labels
    ]


def _words(name: str) -> set[str]:
    return {word.lower() for word in words_of(name)}


def _largest(labels: Sequence[DrawnLabel], wanted: Sequence[bool]) -> DrawnLabel | None:
    among = [label for label, fits in zip(labels, wanted, strict=True) if fits]
    return max(among, key=lambda label: label.voxels, default=None)
