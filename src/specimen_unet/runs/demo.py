"""``specimen-unet demo``: phantoms, two trainings, and what they are worth."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Literal

import pandas as pd
from tqdm import tqdm

from specimen_unet.domain.segmentation_settings import SegmentationSettings
from specimen_unet.domain.settings import TrainingSettings
from specimen_unet.files.case_options import AS_FOUND
from specimen_unet.files.replacing import replaced
from specimen_unet.runs.answers import Answer, Status, records
from specimen_unet.runs.compare_files import score_table
from specimen_unet.runs.phantom_files import SHAPE, write_specimens
from specimen_unet.runs.segment_files import segment_files
from specimen_unet.runs.training_commands import new_run, train

if TYPE_CHECKING:
    from pathlib import Path

LEARNT_FROM = range(1, 11)
UNSEEN = range(11, 15)
BOUND = 0.85
"""Least volume Dice of the 3D model against each observer, mean of unseen specimens."""


def demo(folder: Path, minutes: float = 1.0, shape: tuple[int, ...] = SHAPE) -> Answer:
    """Make specimens, train on some, segment the others and score that.

    Parameters
    ----------
    folder : Path
        Gets ``training/`` and ``unseen/`` (``specimen-11.tif``,
        ``specimen-11_EA.tif``, ``specimen-11_MG.tif``, ...),
        ``models/phantom-3d.safetensors`` and ``-2d``,
        ``predictions-3d/specimen-11.tif`` and so on, ``runs/`` and ``scores.csv``.
    minutes : float
        Of each of the two trainings.
    shape : tuple of int
        Voxels of a specimen along Z, Y and X.

    Returns
    -------
    Answer
        A table of Dice for each observer beside observer against observer;
        `Status.BELOW_BOUND` if the 3D model is below `BOUND` against any observer.
    """
    write_specimens(folder / "training", LEARNT_FROM, shape)
    write_specimens(folder / "unseen", UNSEEN, shape)
    tables = []
    for dimensions in (3, 2):
        answer = _train(folder, dimensions, minutes)
        if answer.status is not Status.OK:
            return answer
        tables.append(_score(folder, dimensions))
    scores = pd.concat(tables, ignore_index=True)
    with replaced(folder / "scores.csv") as temporary:
        scores.to_csv(temporary, index=False)
    return _answer(scores, folder)


def _train(folder: Path, dimensions: Literal[2, 3], minutes: float) -> Answer:
    """Train on the specimens and keep the model under a simple name."""
    _say(f"Training in {dimensions}D for {minutes:g} min")
    run = new_run(
        folder / "training",
        TrainingSettings(dimensions=dimensions, minutes=minutes),
        AS_FOUND,
        parent=folder / "runs",
        name=f"phantom-{dimensions}d",
        start_from=None,
    )
    answer = train(run, library=folder / "models")
    if answer.status is Status.OK:
        os.replace(answer.content["model"], _model_path(folder, dimensions))
    return answer


def _score(folder: Path, dimensions: int) -> pd.DataFrame:
    """Segment the unseen specimens and score them."""
    predictions = folder / f"predictions-{dimensions}d"
    shutil.rmtree(predictions, ignore_errors=True)
    segment_files(
        folder / "unseen",
        [_model_path(folder, dimensions)],
        predictions,
        SegmentationSettings(),
        AS_FOUND,
    )
    table, _ = score_table(predictions, [folder / "unseen"])
    table.insert(1, "model", f"{dimensions}D")
    return table


def _answer(scores: pd.DataFrame, folder: Path) -> Answer:
    pairs = scores["first"].where(scores["between_observers"], "model")
    shown = scores.assign(pair=pairs + " against " + scores["second"]).pivot_table(
        index=["case", "model"], columns="pair", values="dice", sort=False
    )
    ours = _of_3d_model(scores)
    means = ours.groupby("second")["dice"].mean()
    told = ", ".join(f"{observer} {dice:.3f}" for observer, dice in means.items())
    lines = [
        "Volume Dice on specimens that were not trained on:",
        shown.to_string(float_format="%.3f"),
        f"Mean of the 3D model against {told}; lowest {ours['dice'].min():.3f}.",
        f"Everything is in {folder.resolve()}",
    ]
    is_good = bool((means >= BOUND).all())
    if not is_good:
        lines.append(f"The 3D model reached {means.min():.3f}, less than {BOUND}.")
    content = {
        "folder": str(folder),
        "mean_dice": means.to_dict(),
        "lowest_dice": float(ours["dice"].min()),
        "scores": records(scores),
    }
    return Answer(
        "\n".join(lines), content, Status.OK if is_good else Status.BELOW_BOUND
    )


def _of_3d_model(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the 3D model's rows against observers; what is undefined counts as 0."""
    chosen = (scores["model"] == "3D") & ~scores["between_observers"].astype(bool)
    return scores[chosen].fillna({"dice": 0.0})


def _model_path(folder: Path, dimensions: int) -> Path:
    return folder / "models" / f"phantom-{dimensions}d.safetensors"


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
