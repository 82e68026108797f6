"""Data sets that other tools read: nnU-Net raw, and the Medical Segmentation Decathlon.

Both keep images in ``imagesTr``, labels in ``labelsTr``, images without labels in
``imagesTs``, and a ``dataset.json`` with the names of labels and channels. nnU-Net
has a file for every channel, ``NAME_0000.nii.gz``; the Decathlon lists its files.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.images import image_stem
from specimen_unet.files.pairing import (
    NO_IMAGE,
    NO_LABELS,
    ONLY_OBSERVER,
    CaseFiles,
    Pairing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specimen_unet.files.listing import Listing

DATASET_FILE = "dataset.json"
IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = (
    "imagesTr",
    "labelsTr",
    "imagesTs",
    "labelsTs",
)
_CHANNEL = re.compile(r"(.+)_(\d{4})")
_REASONS = {
    IMAGES: f"{DATASET_FILE} does not list it",
    LABELS: NO_IMAGE,
    TEST_IMAGES: "it is kept for testing",
    TEST_LABELS: "it is kept for testing",
}
_ELSEWHERE = "it lies in none of the folders of the data set"


def recognise_nnunet(listing: Listing) -> Pairing | None:
    """Pair nnU-Net's raw data; None unless every training image ends with _0000."""
    images = _in_folder(listing, IMAGES)
    if not images or not all(_CHANNEL.fullmatch(stem) for stem in images.values()):
        return None
    labels = {stem: file for file, stem in _in_folder(listing, LABELS).items()}
    channels = _channels(images)
    usual = Counter(map(len, channels.values())).most_common(1)[0][0]
    reasons: dict[str, str] = {}
    cases = []
    for name, files in channels.items():
        missing = [number for number in _numbers(usual) if number not in files]
        if missing:
            why = f"channel _{missing[0]} of {name} is missing"
            reasons |= dict.fromkeys(files.values(), why)
            continue
        case = _of_channels(name, files)
        if name in labels:
            case.labels[ONLY_OBSERVER] = (labels[name],)
        else:
            reasons |= dict.fromkeys(case.images, NO_LABELS)
        cases.append(case)
    return _complete(listing, cases, reasons)


def recognise_msd(listing: Listing) -> Pairing | None:
    """Pair what a dataset.json lists; None where there is none, or it lists nothing."""
    facts = dataset_facts(listing.root)
    listed = facts.get("training")
    if not isinstance(listed, list) or not listed:
        return None
    reasons: dict[str, str] = {}
    cases = []
    for entry in listed:
        image, labels = _entry(listing.root, entry)
        there = [file for file in (image, labels) if file in listing.names]
        if len(there) == 2:
            cases.append(CaseFiles((image,), {ONLY_OBSERVER: (labels,)}))
            continue
        for file in {image, labels} - set(there):
            reasons[file] = f"{DATASET_FILE} names it, but there is no such file"
        for file in there:
            reasons[file] = "its partner is missing"
    pairing = _complete(listing, cases, reasons)
    if len(_channel_names(facts)) > 1:
        pairing.answers["stack"] = "channels"
    return pairing


def dataset_facts(root: Path) -> dict[str, Any]:
    """Read dataset.json; {} when there is none.

    Raises
    ------
    CaseReadError
        If it is no JSON object.
    """
    path = root / DATASET_FILE
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # also text that is not UTF-8
        raise CaseReadError(f"{path} is no JSON ({error}): write it again.") from None
    if not isinstance(facts, dict):
        raise CaseReadError(f"{path} holds no JSON object: write it again.")
    return facts


def _in_folder(listing: Listing, folder: str) -> dict[str, str]:
    """List the images of one of the data set's folders: file -> stem."""
    start = f"{folder}/"
    return {
        name: image_stem(name[len(start) :])
        for name in listing.images
        if name.startswith(start)
    }


def _channels(images: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Sort files by case and channel."""
    channels: dict[str, dict[str, str]] = defaultdict(dict)
    for file, stem in images.items():
        name, _, number = stem.rpartition("_")
        channels[name][number] = file
    return channels


def _numbers(channels: int) -> list[str]:
    return [f"{number:04d}" for number in range(channels)]


def _entry(root: Path, entry: Any) -> tuple[str, str]:
    """Return image and labels of one line of the list."""
    try:
        return normpath(entry["image"]), normpath(entry["label"])
    except (TypeError, KeyError):
        raise CaseReadError(
            f'{root / DATASET_FILE} lists {entry!r} for training, but {{"image": ..., '
            '"label": ...} was expected: correct it.'
        ) from None


def _complete(
    listing: Listing, cases: list[CaseFiles], reasons: dict[str, str]
) -> Pairing:
    """Add test images as cases without labels, and the rest's reasons."""
    cases += _test_cases(_in_folder(listing, TEST_IMAGES))
    used = {file for case in cases if case.labels for file in case.files}
    for file in listing.images:
        if file not in used:
            reasons.setdefault(file, _REASONS.get(file.partition("/")[0], _ELSEWHERE))
    return Pairing(
        tuple(sorted(cases, key=lambda case: case.images)),
        dict(sorted(reasons.items())),
    )


def _test_cases(images: Mapping[str, str]) -> list[CaseFiles]:
    """Make cases of the test images, of several channels where all say so."""
    if not all(_CHANNEL.fullmatch(stem) for stem in images.values()):
        return [CaseFiles((file,)) for file in images]
    return [_of_channels(name, files) for name, files in _channels(images).items()]


def _of_channels(name: str, files: Mapping[str, str]) -> CaseFiles:
    return CaseFiles(tuple(sorted(files.values())), name=name)


def with_names(listing: Listing, pairing: Pairing) -> Pairing:
    """Add the names of labels and channels that a dataset.json tells.

    It names them in any layout; only those of data sets have to have it.
    """
    facts = dataset_facts(listing.root)
    return replace(
        pairing, label_names=label_names(facts), channel_names=_channel_names(facts)
    )


def label_names(facts: Mapping[str, Any]) -> dict[int, str]:
    """Read value -> name (Decathlon) or name -> value (nnU-Net); regions have none."""
    told = facts.get("labels")
    names: dict[int, str] = {}
    for key, other in told.items() if isinstance(told, dict) else ():
        if isinstance(other, int):
            names[other] = str(key)
        elif str(key).isdigit():
            names[int(key)] = str(other)
    return dict(sorted(names.items()))


def _channel_names(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Read number -> name."""
    told = facts.get("channel_names", facts.get("modality"))
    if not isinstance(told, dict) or not all(str(key).isdigit() for key in told):
        return ()
    return tuple(str(told[key]) for key in sorted(told, key=int))
