"""Our way and MONAI's from gray values to labels, and how they are timed."""

from __future__ import annotations

import copy
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from specimen_unet.engine.cpu_norms import laid_out_as_usual
from specimen_unet.engine.intensity import intensity_scale, normalised
from specimen_unet.engine.segmentation import segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.engine.model import Model

WINDOWS_AT_ONCE = 4


def monai_side(
    case: Case, model: Model, device: torch.device, precision: str, **keywords: Any
) -> Callable[[], Array]:
    """Return MONAI's way, from gray values as stored to labels.

    The same weights, computed as torch does for those who say nothing else.
    """
    plan = model.plan
    network = laid_out_as_usual(copy.deepcopy(model.network)).to(device).eval()
    dtype = getattr(torch, precision)
    cast = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)

    @torch.inference_mode()
    def run() -> Array:
        scale = intensity_scale(case.image, plan.normalisation)
        image = torch.from_numpy(normalised(case.image, *scale))[None].to(device)
        with cast:
            logits = sliding_window_inference(
                image, plan.patch, WINDOWS_AT_ONCE, network, **keywords
            )
        classes = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
        return np.array(plan.label_values, np.uint8)[classes]

    return run


def our_side(
    case: Case, model: Model, device: torch.device, **changes: Any
) -> Callable[[], Array]:
    """Return our way, without probabilities."""

    def run() -> Array:
        return segment(
            case, model, device=str(device), probabilities=False, **changes
        ).labels

    return run


def dice(a: Array, b: Array) -> float:
    """Dice of all labels together, slab by slab."""
    both = sum(int(((x == y) & (x > 0)).sum()) for x, y in zip(a, b, strict=True))
    total = sum(
        int((x > 0).sum()) + int((y > 0).sum()) for x, y in zip(a, b, strict=True)
    )
    return 2 * both / total if total else math.nan


def timed(run: Callable[[], Array], device: torch.device) -> tuple[float, Array, int]:
    """Run once: seconds, labels, and the peak of the GPU's memory in bytes.

    On a CPU in one thread, processor time, which other programs cost nothing.
    """
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    is_alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if is_alone else time.perf_counter
    start = clock()
    labels = run()
    seconds = clock() - start
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    return seconds, labels, peak
