"""Which labels belong to which image, by their names alone.

Folders: ``images/032.tif`` with ``labels/032.tif``; several observers as
``labels-EA/032.tif`` or ``labels/EA/032.tif``. Suffixes: ``032.tif`` with
``032_labels.tif``; several observers as ``032_EA.tif`` and ``032_MG.tif``. Both may
be mixed, and lie in folders of folders.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from specimen_unet.files.images import image_stem, image_suffix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from specimen_unet.files.questions import About

ONLY_OBSERVER = "labels"
"""Name of the observer when the files do not tell one."""

MOST_LABELS = 100
"""More values than this are gray values, unless the file says that it holds labels."""

NO_LABELS = "no labels are named after it"
NO_IMAGE = "no image has the name that it begins with"

_WORD = "labels?|masks?|seg|segmentations?|annotations?|ground[-_ ]?truth|gt|labelstr"
_SEPARATOR = r"[-_. ]+"
_IMAGES_FOLDER = re.compile(r"images?|imagestr", re.IGNORECASE)
_LABELS_FOLDER = re.compile(rf"({_WORD})(?:{_SEPARATOR}(.+))?", re.IGNORECASE)
_MARK_FIRST = re.compile(rf"(?:{_WORD})(?:{_SEPARATOR}(.+))?", re.IGNORECASE)
_MARK_LAST = re.compile(rf"(.+?){_SEPARATOR}(?:{_WORD})", re.IGNORECASE)
_MARK_ANYWHERE = re.compile(
    rf"(?:^|/|{_SEPARATOR})(?:{_WORD})(?:$|/|{_SEPARATOR})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """The files of one case, with "/" between folders.

    Attributes
    ----------
    images : tuple of str
        The image, or one file a channel, in the order of the channels.
    labels : dict
        Observer -> files of labels; several are the parts of one mask. Empty where
        nobody drew.
    name : str
        What people call it, where that is not the image's name.
    """

    images: tuple[str, ...]
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = ""

    @property
    def labelled(self) -> tuple[str, ...]:
        """Every file of labels."""
        return tuple(chain.from_iterable(self.labels.values()))

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the case, images first."""
        return (*self.images, *self.labelled)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Every image file of a folder is in a case, or has a reason, or both.

    Attributes
    ----------
    cases : tuple of CaseFiles
        Sorted by name of the first image, also those that nobody drew on.
    reasons : dict
        File -> why it has no partner, in plain words.
    label_names : dict
        Value -> name, as far as the folder tells.
    channel_names : tuple of str
        As far as the folder tells.
    answers : dict
        To what the image files leave open, as far as the folder tells.
    """

    cases: tuple[CaseFiles, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    label_names: dict[int, str] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    answers: dict[About, str] = field(default_factory=dict)

    @property
    def drawn(self) -> tuple[CaseFiles, ...]:
        """Cases that have labels."""
        return tuple(case for case in self.cases if case.labels)

    @property
    def images(self) -> tuple[str, ...]:
        """Images that no labels belong to."""
        return tuple(
            file for case in self.cases if not case.labels for file in case.images
        )

    @property
    def left(self) -> dict[str, str]:
        """Files that are in no case, and why."""
        used = {file for case in self.cases for file in case.files}
        return {file: why for file, why in self.reasons.items() if file not in used}


@dataclass(frozen=True, slots=True)
class _File:
    """A file in its place: where it is, what its name says, who drew it."""

    name: str
    place: str
    stem: str
    is_labels: bool = False
    observer: str = ""  # as far as the folder tells


def pair_names(names: Iterable[str], series: Collection[str] = ()) -> Pairing:
    """Pair images with labels.

    Parameters
    ----------
    names : iterable of str
        Files relative to one folder, with "/" between folders. Files that are no
        images by their suffix, and hidden ones, are passed over.
    series : collection of str
        Those of them that are folders, and images whatever their name.

    Returns
    -------
    Pairing
        Sorted by name.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        is_image = image_suffix(name) or name in series
        if is_image and not any(part[:1] == "." for part in name.split("/")):
            places[_place(name)].append(name)
    files = [
        file for place, members in places.items() for file in _files(place, members)
    ]
    return _paired(
        [file for file in files if not file.is_labels],
        [file for file in files if file.is_labels],
    )


def divisions(stem: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to divide a name at a separator, longest beginning first."""
    for found in reversed(list(re.finditer(_SEPARATOR, stem))):
        base, tail = stem[: found.start()], stem[found.end() :]
        if base and tail:
            yield base, tail


def says_labels(name: str) -> bool:
    """Tell whether a file, or the folder it is in, is called labels, mask, ..."""
    return _MARK_ANYWHERE.search(image_stem(name)) is not None


def has_labels_mark(stem: str) -> bool:
    """Tell whether a name says of itself that it is labels, "032_mask"."""
    return _MARK_LAST.fullmatch(stem) is not None


def _place(name: str) -> str:
    """Return the folder within which a file finds its partners."""
    folders = name.split("/")[:-1]
    for number, folder in enumerate(folders):
        if _IMAGES_FOLDER.fullmatch(folder) or _LABELS_FOLDER.fullmatch(folder):
            return "/".join(folders[:number])
    return "/".join(folders)


def _files(place: str, members: list[str]) -> Iterator[_File]:
    """Tell images from labels within one place."""
    heads: dict[str, list[str]] = defaultdict(list)
    for name in members:
        heads[name[len(place) :].strip("/").rpartition("/")[0]].append(name)
    roots = [head.split("/")[0] for head in heads]
    if any(map(_IMAGES_FOLDER.fullmatch, roots)) and any(
        map(_LABELS_FOLDER.fullmatch, roots)
    ):
        beside = heads.pop("", [])
        yield from _in_folders(
            place, [name for names in heads.values() for name in names]
        )
        heads = {"": beside}
    for head, names in heads.items():
        yield from _side_by_side(f"{place}/{head}", names)


def _in_folders(place: str, names: list[str]) -> Iterator[_File]:
    """Read the files of ``images/`` and of ``labels*/`` beside it."""
    parts = [name[len(place) :].strip("/").partition("/") for name in names]
    stems = {
        image_stem(rest) for head, _, rest in parts if _IMAGES_FOLDER.fullmatch(head)
    }
    for name, (head, _, rest) in zip(names, parts, strict=True):
        stem = image_stem(rest)
        found = _LABELS_FOLDER.fullmatch(head)
        if found is None:
            yield _File(name, place, stem)
            continue
        observer = found[2] or ""
        folder, _, below = stem.partition("/")
        if below and not stems & {stem, *(base for base, _ in divisions(stem))}:
            # labels/EA/032.tif, not labels/032/first.tif of images/032/first.tif
            stem, observer = below, "-".join(filter(None, [observer, folder]))
        yield _File(name, place, stem, is_labels=True, observer=observer)


def _side_by_side(place: str, names: list[str]) -> Iterator[_File]:
    """Tell images from labels in one folder by what their names begin with."""
    stems = {name: image_stem(name.rpartition("/")[2]) for name in names}
    known = set(stems.values())
    marked = {stem for stem in known if _is_marked(stem, known)}
    unmarked = known - marked
    bases = {base for stem in known for base, _ in divisions(stem)}
    for name, stem in stems.items():
        # 032_2 is a second image, not what an observer "2" drew on 032; and what
        # others are drawn on is an image.
        is_drawn = stem not in bases and any(
            base in unmarked and not tail.isdigit() for base, tail in divisions(stem)
        )
        yield _File(name, place, stem, is_labels=is_drawn or stem in marked)


def _is_marked(stem: str, others: Collection[str]) -> bool:
    """Tell labels that say so: 032_labels, 032_EA_mask, 032_seg-manual."""
    return has_labels_mark(stem) or any(
        base in others and _MARK_FIRST.fullmatch(tail) for base, tail in divisions(stem)
    )


def _paired(images: list[_File], drawn: list[_File]) -> Pairing:
    """Give every image its labels; what is left over is told."""
    by_stem: dict[tuple[str, str], list[str]] = defaultdict(list)
    for image in images:
        by_stem[image.place, image.stem].append(image.name)
    pairs: dict[str, dict[str, str]] = {image.name: {} for image in images}
    reasons: dict[str, str] = {}
    for labels in drawn:
        image_name, observer = _image_of(labels, by_stem)
        if not image_name:
            reasons[labels.name] = NO_IMAGE
        elif observer in pairs[image_name]:
            reasons[labels.name] = already_drawn(pairs[image_name][observer], observer)
        else:
            pairs[image_name][observer] = labels.name
    reasons |= {name: NO_LABELS for name, labels in pairs.items() if not labels}
    cases = (
        CaseFiles((name,), {who: (file,) for who, file in sorted(pairs[name].items())})
        for name in sorted(pairs)
    )
    return Pairing(tuple(cases), dict(sorted(reasons.items())))


def _image_of(
    labels: _File, by_stem: Mapping[tuple[str, str], list[str]]
) -> tuple[str, str]:
    """Find the image with the longest name that labels begin with, and who drew."""
    for base, tail in [(labels.stem, ""), *divisions(labels.stem)]:
        names = by_stem.get((labels.place, base), [])
        if names:
            suffix = image_suffix(labels.name)
            same = [name for name in names if image_suffix(name) == suffix]
            observer = "-".join(filter(None, [labels.observer, without_mark(tail)]))
            return (same or names)[0], observer or ONLY_OBSERVER
    return "", ""


def already_drawn(file: str, observer: str) -> str:
    """Give the reason for a second file of one observer."""
    return f"{file} is already what {observer!r} drew"


def without_mark(tail: str) -> str:
    """Leave the observer of a tail: "labels-EA", "EA_mask" and "EA" are all EA."""
    first = _MARK_FIRST.fullmatch(tail)
    if first:
        return first[1] or ""
    last = _MARK_LAST.fullmatch(tail)
    return last[1] if last else tail
