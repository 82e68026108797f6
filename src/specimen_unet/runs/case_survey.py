"""What reading every case of a folder tells, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from specimen_unet.domain.errors import CaseReadError, SpecimenUnetError
from specimen_unet.files.cases import why_no_cases
from specimen_unet.files.questions import in_words
from specimen_unet.runs.answers import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.files.case_folder import CaseFolder
    from specimen_unet.files.pairing import CaseFiles
    from specimen_unet.files.questions import Question

_MOST_VALUES = 8


@dataclass
class CaseSurvey:
    """What reading every case of a folder tells.

    Attributes
    ----------
    folder : CaseFolder
        What was found by names.
    records : list of dict
        One a case that can be read, as JSON can hold it.
    failed : dict
        Name of a case -> why it cannot be read.
    cautions : list of str
        What is doubtful about files that were read.
    questions : dict
        What it is about -> what every file leaves open.
    """

    folder: CaseFolder
    records: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    cautions: list[str] = field(default_factory=list)
    questions: dict[str, list[Question]] = field(default_factory=dict)

    @property
    def label_values(self) -> tuple[int, ...]:
        """Labels that occur anywhere, without 0."""
        drawn = (record["labels"].values() for record in self.records)
        found = {value for labels in drawn for one in labels for value in one["values"]}
        return tuple(sorted(found - {0}))


def survey_cases(found: CaseFolder) -> CaseSurvey:
    """Read every case of a folder; what fails does not keep the others waiting.

    Raises
    ------
    CaseReadError
        If it holds no images.
    """
    if not found.pairing.cases and not found.pairing.reasons:
        raise CaseReadError(why_no_cases(found))
    survey = CaseSurvey(found)
    for files in shown(found.cases(needs_labels=False), "Reading"):
        try:
            case, cautions, questions = found.read(files)
        except (SpecimenUnetError, OSError) as error:
            survey.failed[found.name(files)] = str(error)
        else:
            survey.records.append(_record(found, files, case))
            survey.cautions += cautions
            for question in questions:
                survey.questions.setdefault(question.about, []).append(question)
    return survey


def shown(files: Sequence[CaseFiles], what: str) -> Iterable[CaseFiles]:
    """Show a bar while going through cases, where there is a terminal."""
    shown: Iterable[CaseFiles] = tqdm(files, what, leave=False, disable=None)
    return shown


def _record(folder: CaseFolder, files: CaseFiles, case: Case) -> dict[str, Any]:
    """Put a case into numbers and words that JSON can hold."""
    return {
        "case": case.name,
        "folder": folder.subfolder(files),
        "group": case.group,
        "images": list(files.images),
        "shape": list(case.shape),
        "channels": case.channels,
        "spacing": list(case.grid.spacing),
        "unit": case.grid.unit,
        "labels": {
            observer: {
                "files": list(files.labels[observer]),
                "values": np.unique(np.asarray(drawn)).tolist(),
            }
            for observer, drawn in case.labels.items()
        },
    }


def status_of(survey: CaseSurvey) -> Status:
    """Tell whether there are cases, and whether all can be read."""
    if not any(record["labels"] for record in survey.records):
        return Status.BAD_INPUT
    return Status.SOME_FILES_FAILED if survey.failed else Status.OK


def content_of(survey: CaseSurvey) -> dict[str, Any]:
    """Say everything, for machines."""
    pairing = survey.folder.pairing
    return {
        "layout": survey.folder.layout,
        "cases": survey.records,
        "reasons": _reasons(survey.folder),
        "failed": survey.failed,
        "groups": survey.folder.groups.source,
        "label_names": pairing.label_names,
        "notes": notes_of(survey),
    }


def _reasons(folder: CaseFolder) -> dict[str, str]:
    """Give the reason for every file that is in no pair."""
    return {**folder.pairing.reasons, **dict.fromkeys(folder.others, "it is no image")}


def notes_of(survey: CaseSurvey) -> list[str]:
    """Say what a person should know about how the folder was understood."""
    folder = survey.folder
    names = ", ".join(
        f"{value} {name}" for value, name in folder.pairing.label_names.items()
    )
    told = (
        folder.groups.note,
        *folder.labels.notes,
        f"labels: {names}" if names else "",
        *survey.cautions,
        *(in_words(asked) for asked in survey.questions.values()),
    )
    return [note for note in told if note]


def text_of(survey: CaseSurvey) -> str:
    """Say everything, for people."""
    drawn = [record for record in survey.records if record["labels"]]
    lines = [_table(drawn), ""] if drawn else []
    lines.append(f"Cases with labels: {len(drawn)} (layout: {survey.folder.layout})")
    lines += [f"  {note}" for note in notes_of(survey)]
    lines += listed("Not paired", _reasons(survey.folder))
    lines += listed("Cannot be read", survey.failed)
    if not drawn:
        lines.append(why_no_cases(survey.folder))
    return "\n".join(lines)


def listed(what: str, reasons: dict[str, str]) -> list[str]:
    """List names with their reasons below a line that counts them."""
    if not reasons:
        return []
    return [
        f"{what}: {len(reasons)}",
        *(f"  {name}: {why}" for name, why in reasons.items()),
    ]


def _table(records: Sequence[dict[str, Any]]) -> str:
    """Write a line for every observer of every case; what all leave empty is left."""
    table = pd.DataFrame([row for record in records for row in _rows(record)])
    table = table.loc[:, (table != "").any()]
    widths = {name: max(map(len, [name, *table[name]])) for name in table}
    lines = [
        "  ".join(text.ljust(widths[name]) for name, text in row.items()).rstrip()
        for row in ({name: name for name in table}, *table.to_dict("records"))
    ]
    return "\n".join(lines)


def _rows(record: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Write a case, once, and its observers below one another."""
    size = " x ".join(map(str, record["shape"]))
    spacing = " x ".join(f"{step:g}" for step in record["spacing"])
    is_pixel = record["unit"] == "pixel" and set(record["spacing"]) == {1.0}
    group = record["group"]
    first = {
        "case": record["case"],
        "folder": record["folder"],
        "group": "" if group == record["case"] else group,
        "image": " + ".join(record["images"]),
        "size": size + (f", {record['channels']} ch" * (record["channels"] > 1)),
        "spacing": "" if is_pixel else f"{spacing} {record['unit']}",
    }
    for observer, drawn in record["labels"].items():
        values = drawn["values"]
        many = len(values) > _MOST_VALUES
        yield {
            **first,
            "observer": observer,
            "labels": " + ".join(drawn["files"]),
            "values": f"{values[0]} to {values[-1]} ({len(values)})"
            if many
            else " ".join(map(str, values)),
        }
        first = dict.fromkeys(first, "")
