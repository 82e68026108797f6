"""nnU-Net's own trainer and predictor, given minutes; needs nnunetv2 beside our engine.

benchmarks/nnunet_environment.sh makes such an environment. Cases become nnU-Net's raw
data through our own export, nnU-Net plans and preprocesses them, none of which counts
as time. Its trainer then makes its own steps on its own loaders with its polynomial
decay scaled to the minutes; validation, which only draws its curves, is left out.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import specimen_unet as su

NUMBER, NAME, PLANS = 999, "Dataset999_benchmark", "nnUNetPlans"


@dataclass(frozen=True)
class Prepared:
    """A data set that nnU-Net has planned and preprocessed.

    Attributes
    ----------
    plans, dataset : dict
        nnU-Net's plan and its description of the data.
    configuration : str
        "3d_fullres" or "2d".
    device : torch.device
        Where it trains and predicts.
    """

    plans: dict[str, Any]
    dataset: dict[str, Any]
    configuration: str
    device: torch.device


def prepare(
    cases: Sequence[su.Case], device: str, plans: Path | None = None
) -> Prepared:
    """Let nnU-Net plan and preprocess cases in a new temporary folder.

    Parameters
    ----------
    cases : sequence of Case
        All of them are trained on; one observer each, labels 1, 2, ...
    device : str
        Where to train.
    plans : Path, optional
        A folder with nnU-Net's plan and fingerprint, made elsewhere from the same
        kind of cases, for machines that cannot read NIfTI.

    Returns
    -------
    Prepared
    """
    folder = Path(tempfile.mkdtemp(prefix="nnunet-"))
    for kind in ("raw", "preprocessed", "results"):
        (folder / kind).mkdir()
        os.environ[f"nnUNet_{kind}"] = str(folder / kind)
    os.environ.setdefault("nnUNet_n_proc_DA", str(min(12, os.cpu_count() or 1)))
    configuration = "3d_fullres" if len(cases[0].shape) == 3 else "2d"
    target = folder / "preprocessed" / NAME
    if plans is None:
        _plan(cases, folder / "raw" / NAME, configuration)
    else:
        target.mkdir()
        for path in plans.glob("*.json"):
            (target / path.name).write_text(path.read_text())
    prepared = Prepared(
        json.loads((target / f"{PLANS}.json").read_text()),
        json.loads((target / "dataset.json").read_text()),
        configuration,
        torch.device(device),
    )
    if plans is not None:
        _preprocess_arrays(cases, prepared, target)
    return prepared


def train(prepared: Prepared, minutes: float) -> tuple[Any, int, float]:
    """Train for the minutes; return the trainer, its steps and the minutes taken.

    The clock starts after the first step, which on a GPU compiles the network.
    """
    trainer = ready_trainer(prepared)
    trainer.train_step(next(trainer.dataloader_train))
    began, steps = time.perf_counter(), 0
    while (done := (time.perf_counter() - began) / 60 / minutes) < 1:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - done) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
        steps += 1
    taken = (time.perf_counter() - began) / 60
    close(trainer)
    return trainer, steps, taken


def ready_trainer(prepared: Prepared) -> Any:
    """Return nnU-Net's trainer at its first step, its loaders running."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    plans = {**prepared.plans, "continue_training": False}
    trainer = nnUNetTrainer(
        plans, prepared.configuration, "all", prepared.dataset, prepared.device
    )
    trainer.initialize()
    trainer.set_deep_supervision_enabled(trainer.enable_deep_supervision)
    trainer.dataloader_train, trainer.dataloader_val = trainer.get_dataloaders()
    trainer.network.train()
    return trainer


def close(trainer: Any) -> None:
    """End the processes that load data."""
    for loader in (trainer.dataloader_train, trainer.dataloader_val):
        if hasattr(loader, "_finish"):
            loader._finish()


def trained_segmenter(
    cases: Sequence[su.Case], minutes: float, device: str, plans: Path | None
) -> tuple[Callable[[su.Case], np.ndarray], int, float]:
    """Train on cases; return a segmenting function, the steps and minutes."""
    prepared = prepare(cases, device, plans)
    trainer, steps, taken = train(prepared, minutes)
    trainer.set_deep_supervision_enabled(False)
    return segmenter(trainer.network, prepared), steps, taken


def segmenter(
    network: torch.nn.Module, prepared: Prepared, *, mirror: bool = True
) -> Callable[[su.Case], np.ndarray]:
    """Return a function that segments with nnU-Net's predictor and its defaults."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(prepared.plans)
    predictor = nnUNetPredictor(
        tile_step_size=0.5,
        use_gaussian=True,
        use_mirroring=mirror,
        perform_everything_on_device=prepared.device.type == "cuda",
        device=prepared.device,
        verbose=False,
        allow_tqdm=False,
    )
    axes = tuple(
        range(len(manager.get_configuration(prepared.configuration).patch_size))
    )
    network = getattr(network, "_orig_mod", network)
    predictor.manual_initialization(
        network.eval(),
        manager,
        manager.get_configuration(prepared.configuration),
        [network.state_dict()],
        prepared.dataset,
        "nnUNetTrainer",
        axes,
    )
    return partial(_segment, predictor)


def _segment(predictor: Any, case: su.Case) -> np.ndarray:
    image, spacing = case.image.astype(np.float32), list(case.grid.spacing)
    if image.ndim == 3:  # nnU-Net takes a picture for a volume of one slice
        image, spacing = image[:, None], [999.0, *spacing]
    labels = predictor.predict_single_npy_array(image, {"spacing": spacing})
    return np.asarray(labels).reshape(case.shape)


def _plan(cases: Sequence[su.Case], raw: Path, configuration: str) -> None:
    """Export the cases and run nnU-Net's own plan_and_preprocess on them."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    from specimen_unet.files.writing_cases import NnunetWriter

    values = sorted(
        {
            int(v)
            for c in cases
            for labels in c.labels.values()
            for v in np.unique(labels)
        }
        - {0}
    )
    writer = NnunetWriter(raw, tuple(values), channel_names=("image",))
    for case in cases:
        writer.write(case)
    writer.finish()
    processes = os.cpu_count() or 1
    extract_fingerprints([NUMBER], num_processes=processes, show_progress_bar=False)
    plan_experiments([NUMBER])
    preprocess(
        [NUMBER],
        configurations=(configuration,),
        num_processes=(processes,),
        show_progress_bar=False,
    )


def _preprocess_arrays(
    cases: Sequence[su.Case], prepared: Prepared, target: Path
) -> None:
    """Preprocess as `preprocess` does, from arrays instead of files."""
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(prepared.plans)
    folder = target / manager.get_configuration(prepared.configuration).data_identifier
    folder.mkdir()
    for case in cases:
        _preprocess_case(case, prepared, str(folder / case.name))


def _preprocess_case(case: su.Case, prepared: Prepared, target: str) -> None:
    """Do what nnU-Net's DefaultPreprocessor.run_case_save does after reading."""
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import (
        DefaultPreprocessor,
    )
    from nnunetv2.training.dataloading.nnunet_dataset import (
        comp_blosc2_params,
        nnUNetDatasetBlosc2,
    )
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(prepared.plans)
    configuration = manager.get_configuration(prepared.configuration)
    properties: dict[str, Any] = {"spacing": list(case.grid.spacing)}
    # nnU-Net marks what lies outside with -1.
    labels = next(iter(case.labels.values())).astype(np.int16)[np.newaxis]
    data, seg, properties = DefaultPreprocessor(verbose=False).run_case_npy(
        case.image, labels, properties, manager, configuration, prepared.dataset
    )
    data, seg = data.astype(np.float32), seg.astype(np.int16)
    patch = tuple(configuration.patch_size)
    blocks, chunks = comp_blosc2_params(data.shape, patch, data.itemsize)
    seg_blocks, seg_chunks = comp_blosc2_params(seg.shape, patch, seg.itemsize)
    nnUNetDatasetBlosc2.save_case(
        data,
        seg,
        properties,
        target,
        chunks=chunks,
        blocks=blocks,
        chunks_seg=seg_chunks,
        blocks_seg=seg_blocks,
    )
