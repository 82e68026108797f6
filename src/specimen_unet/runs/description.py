"""``specimen-unet info``: what a model, a run, a study or a folder of cases is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from specimen_unet.domain.events import StepDone
from specimen_unet.files.cases import read_cases
from specimen_unet.files.library import read_card
from specimen_unet.runs.answers import Answer, records
from specimen_unet.runs.folder import RunFolder
from specimen_unet.runs.journal import last_step
from specimen_unet.runs.study import StudyFolder
from specimen_unet.runs.study_scores import shown_summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.case import Case


def describe(path: Path) -> Answer:
    """Describe a model file, a run folder, a study or a folder of cases.

    Raises
    ------
    SpecimenUnetError
        If it is none of them.
    """
    if RunFolder.is_run(path):
        return _describe_run(RunFolder(path))
    if StudyFolder.is_study(path):
        return _describe_study(StudyFolder.open(path))
    if path.is_dir():
        return _describe_cases(read_cases(path))
    return _describe_model(read_card(path))


def _describe_model(card: ModelCard) -> Answer:
    metrics = card.metrics
    facts = {
        "Model": card.name,
        "Made": card.date,
        "Labels": _pairs(card.plan.label_values, card.plan.label_names),
        "Observers": ", ".join(card.observers),
        "Trained": f"{card.steps_done} steps, {card.minutes_trained:.1f} minutes",
        "Fine-tuned from": card.parent or "",
        "Score": metrics.in_words(digits=3) if metrics else "",
        "": metrics.caution if metrics else "",
    }
    return Answer(f"{_lines(facts)}\n{card.plan}", card.model_dump(mode="json"))


def _describe_run(run: RunFolder) -> Answer:
    steps = [event for event in run.events() if isinstance(event, StepDone)]
    state = _state(run, steps)
    cases = _case_table(run.cases())
    facts = {"Run": run.name, "State": state}
    if run.is_finished:
        facts["Model"] = str(run.model_path)
    plan = run.plan
    text = f"{_lines(facts)}\n{cases.to_string(index=False)}"
    content = {
        "run": str(run.path),
        "state": state,
        "is_finished": run.is_finished,
        "has_checkpoint": run.has_checkpoint,
        "steps_done": steps[-1].step if steps else 0,
        "settings": run.settings.model_dump(mode="json"),
        "plan": plan.model_dump(mode="json") if plan else None,
        "cases": cases.to_dict("records"),
    }
    return Answer(f"{text}\n{plan}" if plan else text, content)


def _state(run: RunFolder, steps: Sequence[StepDone]) -> str:
    if run.is_finished:
        return f"finished after {steps[-1].step} steps" if steps else "finished"
    if run.has_checkpoint and steps:
        done = f"{100 * steps[-1].progress:.0f} % done, {steps[-1].step} steps"
        return f"{done}; goes on with --resume"
    return "not begun"


def _describe_study(study: StudyFolder) -> Answer:
    folds = range(study.folds)
    states = {fold: _state_of_fold(study, fold) for fold in folds}
    facts = {"Study": study.name, "Cases": str(len(study.record.cases))}
    facts |= {f"Fold {fold + 1}": state for fold, state in states.items()}
    text, summary = _lines(facts), None
    if study.is_finished:
        summary = study.read_table(study.summary_path)
        text += f"\n{shown_summary(summary)}"
    else:
        text += f"\nGo on with: specimen-unet crossvalidate '{study.path}'"
    content = {
        "study": str(study.path),
        "is_finished": study.is_finished,
        "folds": list(states.values()),
        "settings": study.record.settings.model_dump(mode="json"),
        "cases": [case.model_dump(mode="json") for case in study.record.cases],
        "summary": None if summary is None else records(summary),
    }
    return Answer(text, content)


def _state_of_fold(study: StudyFolder, fold: int) -> str:
    cases = len(study.cases_of(fold))
    if study.is_done(fold):
        return f"done, {cases} cases scored"
    step = last_step(study.path / f"fold-{fold}" / "events.jsonl")
    share = f"{step.progress:.0%} trained" if step else "not begun"
    return f"{share}, {cases} cases to score"


def _describe_cases(cases: Sequence[Case]) -> Answer:
    table = _case_table(cases)
    return Answer(table.to_string(index=False), table.to_dict("records"))


def _case_table(cases: Sequence[Case]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "case": case.name,
            "group": case.group,
            "shape": " x ".join(map(str, case.shape)),
            "channels": case.channels,
            "spacing": " x ".join(f"{step:g}" for step in case.grid.spacing),
            "unit": case.grid.unit,
            "observers": ", ".join(case.labels),
        }
        for case in cases
    ]
    return pd.DataFrame(rows)


def _pairs(values: Sequence[int], names: Sequence[str]) -> str:
    return ", ".join(
        f"{value} {name}" for value, name in zip(values, names, strict=True)
    )


def _lines(facts: dict[str, str]) -> str:
    """Write facts below one another, those that are empty left out."""
    width = max(map(len, facts)) + 2
    return "\n".join(
        f"{f'{name}:' if name else '':{width}}{value}"
        for name, value in facts.items()
        if value
    )
