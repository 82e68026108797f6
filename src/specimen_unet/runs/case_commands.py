"""``specimen-unet cases``: what is paired with what, and cases for other tools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

import numpy as np

from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.files.cases import why_no_cases
from specimen_unet.files.consensus import ConsensusMethod, consensus
from specimen_unet.files.writing_cases import FoldersWriter, NnunetWriter
from specimen_unet.runs.answers import Answer
from specimen_unet.runs.case_survey import (
    content_of,
    listed,
    notes_of,
    shown,
    status_of,
    survey_cases,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from specimen_unet.domain.case import Case
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.writing_cases import CaseWriter
    from specimen_unet.runs.case_survey import CaseSurvey

CONSENSUS: tuple[str, ...] = get_args(ConsensusMethod)
_NNUNET_NAME = re.compile(r"Dataset\d{3}_.+")


def cases(folder: CaseFolder) -> Answer:
    """Show what is paired with what, and why the rest is not.

    Every file is read; what fails is listed and does not keep the others waiting.

    Raises
    ------
    CaseReadError
        If the folder holds no images.
    """
    survey = survey_cases(folder)
    return Answer(text_of(survey), content_of(survey), status_of(survey))


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written.

    Attributes
    ----------
    out : Path
        A folder that is missing or empty.
    format : str
        "nnunet" or "folders".
    observer : str, optional
        Whose labels are meant, or how those of several observers become one; where
        there are several and none is named, nnU-Net gets what most agree on.
    """

    out: Path
    format: str = "nnunet"
    observer: str | None = None


def export(folder: CaseFolder, wanted: Export) -> Answer:
    """Write the cases of a folder for other tools.

    Raises
    ------
    CaseReadError
        If there are no cases with labels, or the folder to be written is not empty,
        or lies in the other.
    """
    source, out = folder.listing.root.resolve(), wanted.out.resolve()
    if source in (out, *out.parents):
        raise CaseReadError(f"{out} lies in {source}: choose another folder.")
    survey = survey_cases(folder)
    if not survey.folder.pairing.drawn:
        raise CaseReadError(why_no_cases(survey.folder))
    writer = _writer(survey, wanted)
    observer = _observer(survey, wanted)
    written = []
    for files in shown(folder.cases(needs_labels=False), "Writing"):
        name = folder.name(files)
        if name in survey.failed:
            continue
        try:
            writer.write(_of_observer(folder.read(files).case, observer))
        except (SpecimenUnetError, OSError) as error:
            survey.failed[name] = str(error)
        else:
            written.append(name)
    writer.finish()
    return _exported(survey, wanted, observer, written)


def _writer(survey: CaseSurvey, wanted: Export) -> CaseWriter:
    pairing = survey.folder.pairing
    if wanted.format == "folders":
        return FoldersWriter(wanted.out, pairing.label_names)
    return NnunetWriter(
        wanted.out, survey.label_values, pairing.label_names, pairing.channel_names
    )


def _observer(survey: CaseSurvey, wanted: Export) -> str | None:
    """Decide whose labels are written; None: of all observers, as they are."""
    most = max((len(record["labels"]) for record in survey.records), default=0)
    needs_one = wanted.format == "nnunet" and most > 1
    return wanted.observer or (CONSENSUS[0] if needs_one else None)


def _of_observer(case: Case, observer: str | None) -> Case:
    """Leave one observer's labels, or what several agree on."""
    if observer is None or not case.labels:
        return case
    if observer in CONSENSUS and observer not in case.labels:
        drawn = [np.asarray(labels) for labels in case.labels.values()]
        labels = consensus(drawn, cast("ConsensusMethod", observer))
    elif observer in case.labels:
        labels = case.labels[observer]
    else:
        raise CaseReadError(
            f"{observer!r} drew nothing on {case.name}, but {', '.join(case.labels)} "
            f"did: choose one of them, or {', '.join(CONSENSUS)}."
        )
    return case.with_labels({observer: labels})


def _exported(
    survey: CaseSurvey, wanted: Export, observer: str | None, written: Sequence[str]
) -> Answer:
    """Say what was written, and how it differs from what was read."""
    notes = [*notes_of(survey), *_changes(survey, wanted, observer)]
    lines = [f"Cases written: {len(written)}, to {wanted.out} ({wanted.format})"]
    lines += [f"  {note}" for note in notes]
    lines += listed("Not written", survey.failed)
    content = {
        "out": str(wanted.out),
        "format": wanted.format,
        "written": list(written),
        "failed": survey.failed,
        "notes": notes,
    }
    return Answer("\n".join(lines), content, status_of(survey))


def _changes(survey: CaseSurvey, wanted: Export, observer: str | None) -> Iterator[str]:
    """Tell in which ways what was written differs from what was read."""
    if observer in CONSENSUS:
        yield f"labels of several observers were merged ({observer})"
    if wanted.format != "nnunet":
        return
    values = survey.label_values
    if values != tuple(range(1, len(values) + 1)):
        pairs = ", ".join(f"{old} is {new}" for new, old in enumerate(values, start=1))
        yield f"labels were numbered anew without gaps: {pairs}"
    if not _NNUNET_NAME.fullmatch(wanted.out.resolve().name):
        yield "nnU-Net wants the folder to be called like Dataset001_NAME"
