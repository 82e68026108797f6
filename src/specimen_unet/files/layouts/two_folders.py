"""Images in one folder, masks in another, whatever folders and files are called.

Images of one format and masks of another in the same folder are two folders, too.
Which one holds the images is told by its name, or else by the gray values in its
first files. Files find each other by the same name, by the same name without words
such as "img" and "mask", or by what differs from file to file in their folder.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import islice, takewhile
from typing import TYPE_CHECKING

import numpy as np

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.files.images import image_stem, image_suffix, read_image
from specimen_unet.files.pairing import (
    MOST_LABELS,
    NO_LABELS,
    ONLY_OBSERVER,
    CaseFiles,
    Pairing,
    already_drawn,
    without_mark,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from specimen_unet.files.listing import Listing

    Stems = Mapping[str, str]  # file -> its name below its folder, without suffix
    Keys = Mapping[str, str]  # file -> what must be alike in image and labels

_LABELS = re.compile(
    r"labels?|masks?|msk|seg|segmentation\w*|annot\w*|gt|ground|truth|manual|targets?",
    re.IGNORECASE,
)
_IMAGES = re.compile(
    r"images?|imgs?|jpe?gimages|photos?|pictures?|originals?|raw|scans?|volumes?",
    re.IGNORECASE,
)
_NUMBERED_WORD = re.compile(rf"[-_. ]({_LABELS.pattern})\d*$", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FILES_LOOKED_INTO = 3
_NO_SIDES = "there is no one folder of images with a folder of labels beside it"


def recognise_two_folders(listing: Listing) -> Pairing | None:
    """Pair the files of sibling folders; None where that gives no pair."""
    splits = (_by_last_folder, _by_first_folder, _by_suffix)
    ways = (_pairing(listing, split) for split in splits)
    found = [pairing for pairing in ways if pairing.drawn]
    return max(found, key=lambda pairing: len(pairing.drawn), default=None)


def _by_last_folder(name: str) -> tuple[str, str, str]:
    """Divide "train/img/1.png" into "train", "img" and "1"."""
    place, _, stem = image_stem(name).rpartition("/")
    above, _, head = place.rpartition("/")
    return above, head, stem


def _by_first_folder(name: str) -> tuple[str, str, str]:
    """Divide "img/p1/1.png" into "", "img" and "p1/1"."""
    head, _, stem = image_stem(name).partition("/")
    return "", head if stem else "", stem or head


def _by_suffix(name: str) -> tuple[str, str, str]:
    """Divide "p1/1.png" into "p1", ".png" and "1": one folder, two formats."""
    place, _, stem = image_stem(name).rpartition("/")
    return place, image_suffix(name).lower(), stem


def _pairing(listing: Listing, split: Callable[[str], tuple[str, str, str]]) -> Pairing:
    """Pair place by place, where folders lie side by side."""
    places: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for name in listing.images:
        place, head, stem = split(name)
        places[place].setdefault(head, {})[name] = stem
    cases: list[CaseFiles] = []
    reasons: dict[str, str] = {}
    for folders in places.values():
        found, why = _pairs_of(listing, folders)
        cases += found
        reasons |= why
    cases.sort(key=lambda case: case.images)
    return Pairing(tuple(cases), dict(sorted(reasons.items())))


def _pairs_of(
    listing: Listing, folders: Mapping[str, Stems]
) -> tuple[list[CaseFiles], dict[str, str]]:
    """Pair the one folder of images with every folder of labels beside it."""
    image_folder, label_folders = _sides(listing, folders)
    if not label_folders:
        return [], {file: _NO_SIDES for stems in folders.values() for file in stems}
    images = folders[image_folder]
    labels: dict[str, dict[str, tuple[str, ...]]] = {file: {} for file in images}
    reasons = {}
    for head in sorted(folders.keys() - {image_folder}):
        observer = _observer(head) if len(label_folders) > 1 else ONLY_OBSERVER
        is_side = head in label_folders
        pairs = _best_pairs(images, folders[head]) if is_side else {}
        for file in folders[head]:
            if file not in pairs:
                reasons[file] = f"no one image in {image_folder} is named like it"
            elif observer in labels[pairs[file]]:
                reasons[file] = already_drawn(
                    labels[pairs[file]][observer][0], observer
                )
            else:
                labels[pairs[file]][observer] = (file,)
    reasons |= {image: NO_LABELS for image, drawn in labels.items() if not drawn}
    return [CaseFiles((image,), drawn) for image, drawn in labels.items()], reasons


def _sides(listing: Listing, folders: Mapping[str, Stems]) -> tuple[str, list[str]]:
    """Find the one folder of images and those of labels; none where that is not clear.

    Files are looked into only where the folders' names do not tell.
    """
    kinds = {head: _kind_by_name(head) for head in sorted(folders)}
    open_ = [head for head, kind in kinds.items() if not kind]
    if (
        "labels" in kinds.values()
        and "images" not in kinds.values()
        and len(open_) == 1
    ):
        kinds[open_[0]] = "images"
    elif open_ and len(kinds) > 1:
        kinds |= {head: _kind_by_values(listing, folders[head]) for head in open_}
    images = [head for head, kind in kinds.items() if kind == "images"]
    labels = [head for head, kind in kinds.items() if kind == "labels"]
    return (images[0], labels) if len(images) == 1 else ("", [])


def _kind_by_name(head: str) -> str:
    """Tell "images" from "labels" by the folder's name, if it says so."""
    words = _WORDS.findall(head)
    if any(map(_LABELS.fullmatch, words)):
        return "labels"
    return "images" if any(map(_IMAGES.fullmatch, [*words, head])) else ""


def _kind_by_values(listing: Listing, files: Iterable[str]) -> str:
    """Tell "images" from "labels" by the values in the first files."""
    first = islice(files, _FILES_LOOKED_INTO)
    seen = [_looks_like_labels(listing, file) for file in first]
    if None in seen:
        return ""
    return "labels" if all(seen) else "images"


def _looks_like_labels(listing: Listing, file: str) -> bool | None:
    """Tell labels by their few values; None for a file that cannot be read."""
    try:
        image, grid = read_image(listing.root / file)
    except SpecimenUnetError:
        return None
    if image.ndim > grid.dimensions:  # colours
        image = np.ascontiguousarray(np.moveaxis(image, 0, -1))
        return len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) <= MOST_LABELS
    return image.dtype.kind != "f" and np.unique(image).size <= MOST_LABELS


def _observer(head: str) -> str:
    return without_mark(head) or ONLY_OBSERVER


def _best_pairs(images: Stems, labels: Stems) -> dict[str, str]:
    """Pair labels with images (labels -> image) in the way that pairs most."""
    ways = [_pairs(key(images), key(labels)) for key in _KEYS]
    return max([*ways, _by_difference(images, labels)], key=len)


def _pairs(images: Keys, labels: Keys) -> dict[str, str]:
    """Pair the files whose key nothing else in their folder has."""
    image_of = dict(_unique(images))
    return {file: image_of[key] for key, file in _unique(labels) if key in image_of}


def _by_difference(images: Stems, labels: Stems) -> dict[str, str]:
    """Pair by what differs; "a0x" is not of the image "0" where there is an "a0"."""
    keys = _differing(images)
    found = _pairs(keys, _differing(labels))
    return {
        file: image
        for file, image in found.items()
        if not any(
            len(other) > len(keys[image]) and other in labels[file]
            for other in keys.values()
        )
    }


def _unique(keys: Keys) -> Iterator[tuple[str, str]]:
    """Yield (key, file) for keys that only one file has."""
    files: dict[str, list[str]] = defaultdict(list)
    for file, key in keys.items():
        files[key].append(file)
    return ((key, found[0]) for key, found in files.items() if len(found) == 1)


def _wordless(stems: Stems) -> dict[str, str]:
    """Leave out words for images and labels: "img_007" and "007-mask" are both 7."""
    return {file: " ".join(_telling_words(stem)) for file, stem in stems.items()}


def _telling_words(stem: str) -> Iterator[str]:
    for word in _WORDS.findall(stem):
        if not (_LABELS.fullmatch(word) or _IMAGES.fullmatch(word)):
            yield word.lower()


def _without_marks(stems: Stems) -> dict[str, str]:
    """Leave out numbered words for images and labels: "007_manual1" is 007."""
    return {file: _NUMBERED_WORD.sub("", stem) for file, stem in stems.items()}


def _differing(stems: Stems) -> dict[str, str]:
    """Leave what all files begin and end with, but no digits: numbers stay whole."""
    start = _shared(stems.values())
    end = _shared(stem[::-1] for stem in stems.values())
    return {
        file: stem[start : max(start, len(stem) - end)] for file, stem in stems.items()
    }


def _shared(names: Iterable[str]) -> int:
    """Count the characters before the first digit that all names begin with."""
    names = list(names)
    pairs = zip(min(names), max(names), strict=False)
    return sum(1 for _ in takewhile(lambda both: _is_same_letter(*both), pairs))


def _is_same_letter(one: str, other: str) -> bool:
    return one == other and not one.isdigit()


_KEYS = (dict, _wordless, _without_marks)
