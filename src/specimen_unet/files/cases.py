"""Folders of cases: images with the labels that belong to them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.case_folder import CaseFolder
from specimen_unet.files.case_options import AUTO, CaseOptions
from specimen_unet.files.cautions import (
    GroupsAssumedWarning,
    OpenQuestionWarning,
    SpacingWarning,
    UnpairedFilesWarning,
)
from specimen_unet.files.images import SUFFIXES
from specimen_unet.files.layouts import LAYOUTS
from specimen_unet.files.questions import NO_ANSWERS, Answers, in_words

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.files.questions import Question

_MOST_NAMES = 10


def read_cases(
    folder: str | Path,
    *,
    needs_labels: bool = True,
    layout: str = AUTO,
    group_pattern: str | None = None,
    answers: Answers = NO_ANSWERS,
    level: int = 0,
) -> list[Case]:
    r"""Read every case of a folder, with its observers, spacing and unit.

    Files are paired by their names: ``images/032.tif`` with ``labels/032.tif`` (or
    ``labels-EA/``, ``labels/EA/``), ``032.tif`` with ``032_labels.tif`` (or
    ``032_EA.tif``); in folders of folders too. Data sets in the layouts of BUSI
    (``NAME_mask_1.png``), nnU-Net raw and the Medical Segmentation Decathlon are
    known, and two folders of images and masks whatever they are called;
    ``specimen-unet cases FOLDER`` shows what is paired with what. Masks of 0 and 255
    become 0 and 1; pictures in colours that are all gray become one channel.

    A table ``groups.csv`` with the columns ``image`` (or ``case``) and ``group``
    says which cases belong together. Without it names like ``12_3.png`` are taken
    for image 3 of group 12, with a warning; other cases are groups of their own.

    Parameters
    ----------
    folder : str or Path
        The folder.
    needs_labels : bool
        Whether images without labels are left out, with a warning. Otherwise they
        become cases without observers (to be segmented).
    layout : str
        "auto", or one of "nnunet", "msd", "numbered-masks", "names", "two-folders".
    group_pattern : str, optional
        Regular expression whose first bracket is the group in the name of a file,
        ``(\d+)_``; an empty one makes every case a group of its own.
    answers : mapping, optional
        To what image files leave open, ``{"spacing": "0.1 0.1 mm"}``, as in
        `read_image`; used for those that leave it open.
    level : int
        Of images in several resolutions, as in `read_image`.

    Returns
    -------
    list of Case
        By name; no two have the same one.

    Raises
    ------
    CaseReadError
        If the folder is missing, nothing in it pairs, or a file cannot be read or
        does not fit its partner.

    Warns
    -----
    UnpairedFilesWarning
        Names images without labels, and labels without image.
    GroupsAssumedWarning
        If groups are taken from the names of the files.
    SpacingWarning
        If labels have another spacing than their image.
    OpenQuestionWarning
        Once for what files leave open, as the size of a pixel, and nobody answered.
    """
    options = CaseOptions(layout, group_pattern, answers, level)
    return cases_of(CaseFolder.open(folder, options), needs_labels=needs_labels)


def cases_of(
    found: CaseFolder, *, needs_labels: bool = True, only: Container[str] | None = None
) -> list[Case]:
    """Read every case of a folder that was opened, or those of some names.

    See `read_cases`.
    """
    chosen = found.cases(needs_labels=needs_labels)
    if not chosen:
        raise CaseReadError(why_no_cases(found))
    if only is not None:
        chosen = [files for files in chosen if found.name(files) in only]
    for told in _cautions(found, needs_labels=needs_labels):
        warnings.warn(told, stacklevel=3)
    cases = []
    open_ones: dict[str, list[Question]] = {}
    for files in chosen:
        case, cautions, questions = found.read(files)
        for caution in cautions:
            warnings.warn(caution, SpacingWarning, stacklevel=3)
        for question in questions:
            open_ones.setdefault(question.about, []).append(question)
        cases.append(case)
    for asked in open_ones.values():
        warnings.warn(in_words(asked), OpenQuestionWarning, stacklevel=3)
    return cases


def why_no_cases(found: CaseFolder) -> str:
    """Say what was found instead of labelled images, and what was expected."""
    files = (*found.listing.images, *found.listing.stores)
    if not files:
        return (
            f"{found.listing.root} holds no images: files that end with "
            f"{', '.join(reversed(SUFFIXES))} were expected."
        )
    ways = "; ".join(layout.summary for layout in LAYOUTS.values())
    return (
        f"In {found.listing.root} no image has labels. Found were {_listed(files)}. "
        f"Lay them out in one of these ways: {ways}."
    )


def _cautions(found: CaseFolder, *, needs_labels: bool) -> Iterator[UserWarning]:
    """Tell what is doubtful before anything is read."""
    told = []
    if found.pairing.images and needs_labels:
        told.append(f"images without labels: {_listed(found.pairing.images)}")
    if found.pairing.left:
        left = [f"{file} ({why})" for file, why in found.pairing.left.items()]
        told.append(f"others: {_listed(left)}")
    if told:
        yield UnpairedFilesWarning(
            f"In {found.listing.root} these files were left out. "
            f"{'; '.join(told).capitalize()}."
        )
    if found.groups.source == "prefix":
        yield GroupsAssumedWarning(f"{found.listing.root}: {found.groups.note}.")


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
