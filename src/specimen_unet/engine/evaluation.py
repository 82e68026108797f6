"""A network that is asked, not taught: how it runs, and what room that takes."""

from __future__ import annotations

import math
import weakref
from contextlib import contextmanager
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from specimen_unet.engine.cpu_norms import lie_channels_last
from specimen_unet.engine.networks import size_multiple
from specimen_unet.engine.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from specimen_unet.domain.plan import Plan

# Convolutions on a CPU copy what they take, and make what they give, in blocks of so
# many channels, however few there are.
_BLOCK = 16
_CONVOLUTIONS = (
    *(torch.ops.aten.conv2d, torch.ops.aten.conv3d),
    *(torch.ops.aten.conv_transpose2d, torch.ops.aten.conv_transpose3d),
    torch.ops.aten.mkldnn_convolution,
)

# Bytes a voxel by all that they depend on; the weights do not matter.
_MEASURED: dict[tuple[object, ...], float] = {}


class Evaluator:
    """Runs a network on tiles, in eval mode and the plan's precision.

    Parameters
    ----------
    network : torch.nn.Module
        On the device; its mode is left as it was.
    plan : Plan
        What it was made for.
    device : torch.device
        Where to compute.
    mirror : bool
        Whether answers are averaged over mirrored copies.
    logits : callable, optional
        Takes tiles as `probabilities` does and computes what the network would, e.g.
        an `OpenVinoNetwork`. The network itself if left out.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        plan: Plan,
        device: torch.device,
        *,
        mirror: bool = False,
        logits: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self._network = network
        self._logits = logits or self._by_torch
        self.plan = plan
        self.device = device
        self.mirrors = _mirrors(plan.mirror_axes) if mirror else [()]

    @torch.inference_mode()
    def probabilities(self, tiles: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
        """Return the softmax of tiles that are mirrored, and mirrored back.

        Parameters
        ----------
        tiles : Tensor of float32, shape (N, C, *size)
            Normalised, on the device.
        axes : sequence of int
            Spatial axes to mirror: one of `mirrors`.

        Returns
        -------
        Tensor of float32, shape (N, K, *size)
        """
        flipped = [axis + 2 for axis in axes]
        logits = self._logits(tiles.flip(flipped) if flipped else tiles)
        probabilities: torch.Tensor = logits.float().softmax(dim=1)
        return probabilities.flip(flipped) if flipped else probabilities

    def _by_torch(self, tiles: torch.Tensor) -> torch.Tensor:
        with evaluating(self._network), autocast(self.device, self.plan.precision):
            logits: torch.Tensor = self._network(tiles)
        return logits

    def bytes_per_voxel(self) -> float:
        """Measure what a voxel of a tile takes at the worst moment, once a network.

        On a GPU the allocator counts. On a CPU the tensors that are alive at a time
        are added up, with the copies that convolutions work on, for a small tile.
        """
        plan = self.plan
        key = (
            *(type(self._network), str(self.device), plan.precision, plan.network),
            *(plan.backbone, plan.channels, plan.strides, plan.kernels),
            *(plan.residual_units, plan.image_channels, len(plan.label_values)),
            plan.patch,
        )
        if key not in _MEASURED:
            _MEASURED[key] = self._measure()
        return _MEASURED[key]

    def _measure(self) -> float:
        plan = self.plan
        size = plan.patch
        if self.device.type != "cuda":
            size = tuple(
                min(length, 2 * step)
                for length, step in zip(plan.patch, size_multiple(plan), strict=True)
            )
        tile = torch.zeros(1, plan.image_channels, *size, device=self.device)
        by_torch = Evaluator(self._network, plan, self.device)
        peak = _peak_of(lambda: by_torch.probabilities(tile, ()), self.device)
        return float(peak / tile[0, 0].numel())


def _peak_of(work: Any, device: torch.device) -> float:
    """Return the bytes that some work takes at most."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return float(torch.cuda.max_memory_allocated(device) - before)
    with _LiveBytes() as live:
        work()
    return float(live.peak)


class _LiveBytes(TorchDispatchMode):
    """Adds up the tensors that are alive, each storage once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(  # type: ignore[no-untyped-def]
        self, operation, types, args=(), kwargs=None
    ):
        """Do the operation and count what came out."""
        result = operation(*args, **(kwargs or {}))
        # Weights in 16 bits are few, but many a voxel of a small tile.
        if not (args and isinstance(args[0], torch.nn.Parameter)):
            tree_map_only(torch.Tensor, self._count, result)
        if operation.overloadpacket in _CONVOLUTIONS:
            copies = _in_blocks(args[0]) + _in_blocks(result)
            self.peak = max(self.peak, self._live + copies)
        return result

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        self._live += storage.nbytes()
        self.peak = max(self.peak, self._live)
        weakref.finalize(storage, self._free, storage.nbytes())

    def _free(self, count: int) -> None:
        self._live -= count


def _in_blocks(tensor: torch.Tensor) -> int:
    """Return the bytes of (N, C, *spatial) with channels filled up to whole blocks.

    Nothing where channels lie last: those are taken and made as they are.
    """
    if lie_channels_last(tensor):
        return 0
    channels = math.ceil(tensor.shape[1] / _BLOCK) * _BLOCK
    return tensor.numel() // tensor.shape[1] * channels * tensor.element_size()


@contextmanager
def evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Put the network into eval mode, and back: it may be in training."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def _mirrors(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """List every combination of axes, the one without any first."""
    return [
        chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)
    ]
