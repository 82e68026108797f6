"""What segmenting would take on a GPU with other tiles, layouts, formats and norms."""

from __future__ import annotations

import copy
import itertools
import statistics
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from segmentation_sides import dice, our_side, timed

from specimen_unet.domain.errors import SpecimenUnetError
from specimen_unet.engine import prediction
from specimen_unet.engine.network_parts import replace_parts
from specimen_unet.engine.precision import autocast

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array, Case
    from specimen_unet.engine.model import Model


class VarMeanNorm(torch.nn.Module):
    """Instance normalisation by `torch.var_mean`, which no memory format slows."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (N, C, *spatial)."""
        axes = tuple(range(2, x.ndim))
        variance, mean = torch.var_mean(x.float(), axes, correction=0, keepdim=True)
        column = (1, -1) + (1,) * (x.ndim - 2)
        factor = self.weight.reshape(column) * torch.rsqrt(variance + self.eps)
        offset = self.bias.reshape(column) - mean * factor
        return torch.addcmul(offset.to(x.dtype), x, factor.to(x.dtype))


def with_var_mean(network: torch.nn.Module) -> torch.nn.Module:
    """Return a copy with other instance norms."""
    other = copy.deepcopy(network)
    replace_parts(other, torch.nn.InstanceNorm3d, VarMeanNorm)
    return other


@torch.inference_mode()
def forward_variants(model: Model, device: torch.device) -> list[dict[str, Any]]:
    """Time the network alone: tile sizes, memory formats, precisions, norms."""
    networks = {
        "instance_norm": model.network.to(device).eval(),
        "var_mean": with_var_mean(model.network).to(device).eval(),
    }
    formats = {
        "contiguous": torch.contiguous_format,
        "channels_last_3d": torch.channels_last_3d,
    }
    rows = []
    for size, (norm, network), (name, layout), precision, tuned in itertools.product(
        (128, 192, 256, 320),
        networks.items(),
        formats.items(),
        ("bfloat16", "float16", "float32"),
        (False, True),
    ):
        if precision == "float32" and (size > 192 or tuned):
            continue
        if tuned and size > 256:
            continue
        torch.backends.cudnn.benchmark = tuned
        moved = network.to(memory_format=layout)
        tile = torch.randn(1, 1, size, size, size, device=device)
        tile = tile.to(memory_format=layout)
        row = {
            "tile": size,
            "norm": norm,
            "format": name,
            "precision": precision,
            "cudnn_benchmark": tuned,
        }
        try:
            with autocast(device, precision):
                moved(tile)
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
                before = torch.cuda.memory_allocated()
                start = time.perf_counter()
                for _ in range(3):
                    moved(tile)
                torch.cuda.synchronize()
            seconds = (time.perf_counter() - start) / 3
            used = torch.cuda.max_memory_allocated() - before
            row |= {
                "ms": round(1000 * seconds, 2),
                "mvox_per_s": round(size**3 / seconds / 1e6),
                "bytes_per_voxel": round(used / size**3, 1),
            }
        except RuntimeError as error:
            row["error"] = str(error)[:100]
            torch.cuda.empty_cache()
        rows.append(row)
    torch.backends.cudnn.benchmark = False
    networks["instance_norm"].to(memory_format=torch.contiguous_format)
    return sorted(rows, key=lambda row: -row.get("mvox_per_s", 0))


def tile_variants(
    case: Case, model: Model, device: torch.device, truth: Array
) -> list[dict[str, Any]]:
    """Time the whole of our way with other limits of the tile."""
    rows = []
    for side in (128, 192, 256, 322, 406, 512):
        with mock.patch.object(prediction, "MOST_VOXELS", side**3):
            run = our_side(case, model, device)
            try:
                run()
                taken = [timed(run, device) for _ in range(3)]
            except (RuntimeError, SpecimenUnetError) as error:
                rows.append({"most_voxels": f"{side}^3", "error": str(error)[:100]})
                continue
        rows.append(
            {
                "most_voxels": f"{side}^3",
                "seconds": statistics.median(seconds for seconds, _, _ in taken),
                "gpu_peak_gb": round(taken[0][2] / 2**30, 2),
                "dice_with_truth": dice(taken[0][1], truth),
            }
        )
    return rows
