"""What a study says of itself: its cases, and which of them is held out when."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from specimen_unet.domain.case import common_label_names
from specimen_unet.domain.errors import NoAnnotationError, RunFolderError
from specimen_unet.domain.folds import (
    check_folds,
    deal_folds,
    labels_of_one_fold,
    traits_of,
)
from specimen_unet.domain.marked_splits import without_tests
from specimen_unet.domain.settings import Settings, TrainingSettings
from specimen_unet.files.images import labels_suffix
from specimen_unet.runs.storage import file_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.folds import Traits


class StudySource(Settings):
    """Where the cases came from, and how they were read."""

    folder: Path
    layout: str = "auto"
    group_pattern: str | None = None
    answers: dict[str, str] = Field(default_factory=dict)
    level: int = 0
    images: dict[str, Path] = Field({}, description="Case -> its first image file.")


class StudyCase(Settings):
    """One case of a study."""

    name: str
    group: str
    fold: int = Field(description="In which it is held out; 0 is the first.")
    stored: str = Field(description="Its folder in `cases`.")
    prediction: str = Field(description="Its file in `predictions`.")


class StudyRecord(Settings):
    """What study.json says."""

    format_version: int = 1
    folds: int
    settings: TrainingSettings = Field(description="Of every fold's training.")
    source: StudySource | None = None
    labels: dict[int, str] = Field(description="Labels that are scored, and names.")
    cases: tuple[StudyCase, ...]
    cautions: tuple[str, ...] = ()


def record_of(
    cases: Sequence[Case],
    settings: TrainingSettings,
    folds: int,
    source: StudySource | None,
) -> StudyRecord:
    """Deal cases out to folds, but for those marked for test.

    Raises
    ------
    RunFolderError
        If there are no cases, or two of one name.
    NoAnnotationError
        If nobody drew on a case, or all are marked for test.
    PlanError
        If there are fewer groups with labels than folds, or if a group has test cases
        and others.
    """
    cases, of_tests = without_tests(cases)
    _check_cases(cases)
    traits = [traits_of(case) for case in cases]
    check_folds(traits, folds)
    fold_of = deal_folds(traits, folds, settings.seed)
    cautions = [
        f"Label {label} occurs in fold {fold} only, whose model cannot learn it: it "
        "will be missed there, and the models cannot segment together."
        for label, fold in labels_of_one_fold(traits, fold_of).items()
    ]
    if of_tests:
        cautions.insert(0, of_tests)
    files = _prediction_files(cases, source)
    return StudyRecord(
        folds=folds,
        settings=settings,
        source=source,
        labels=_scored_labels(cases, traits, settings),
        cases=tuple(
            StudyCase(
                name=case.name,
                group=case.group,
                fold=fold_of[case.name],
                stored=stored_name(number),
                prediction=files[case.name],
            )
            for number, case in enumerate(cases)
        ),
        cautions=tuple(cautions),
    )


def stored_name(number: int) -> str:
    """Name the folder of a case; numbers as they stand in the record."""
    return f"{number:03d}"


def _check_cases(cases: Sequence[Case]) -> None:
    counts = Counter(case.name for case in cases)
    twice = [name for name, count in counts.items() if count > 1]
    if twice or not cases:
        what = f"Several cases are called {', '.join(twice)}" if twice else "No cases"
        raise RunFolderError(f"{what}: give cases, each with a name of its own.")
    bare = [case.name for case in cases if not case.labels]
    if bare:
        raise NoAnnotationError(
            f"Nobody drew on {', '.join(bare[:3])}: leave out cases without labels, "
            "because they cannot be scored."
        )


def _scored_labels(
    cases: Sequence[Case], traits: Sequence[Traits], settings: TrainingSettings
) -> dict[int, str]:
    """Name the labels that have a row in every table, also where they do not occur."""
    names = common_label_names(cases)
    labels = sorted(frozenset().union(*(each.labels for each in traits)))
    if settings.annotation == "painted":
        labels = labels[1:]  # the first one is the background
    return {label: names.get(label, f"label {label}") for label in labels}


def _prediction_files(
    cases: Sequence[Case], source: StudySource | None
) -> dict[str, str]:
    """Name the labels of every case as `specimen-unet segment` does."""
    files: dict[str, str] = {}
    for case in cases:
        image = source.images.get(case.name) if source else None
        suffix = labels_suffix(image.name) if image else ".tif"
        stem, number = file_name(case.name), 1
        name = f"{stem}{suffix}"
        # Some file systems do not tell upper from lower case.
        while name.lower() in map(str.lower, files.values()):
            number += 1
            name = f"{stem}-{number}{suffix}"
        files[case.name] = name
    return files
