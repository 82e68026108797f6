"""What training will take: memory counted, time measured on the device itself."""

from __future__ import annotations

import math
import time
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network, size_multiple
from specimen_unet.engine.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan

# Beside what a step holds at most (gradients of weights among it): weights, averaged
# ones, and two moments of the optimiser.
_COPIES_OF_WEIGHTS = 4
# A CPU's libraries reorder what they convolve and keep freed memory for themselves.
# Fitted to the growth of processes that trained, from 120 to 370 MB, in both
# precisions: right within 8 % for six networks and sizes, and 19 % too much for a
# seventh (docs/benchmarks.md).
_OVERHEAD = {"cpu": 1.76}
_FIXED = {"cpu": 70 * 2**20}
# Timed on patches of about so many voxels.
_TIME_PROBE = 40_000
_PATIENCE = 1.5  # seconds for one step, and for a few of them
_MOST_PROBES = 4


def memory_of_step(plan: Plan) -> int:
    """Count the bytes that a training step takes, the backward pass included.

    The step is taken on torch's "meta" device, where tensors have sizes but no values:
    a fifth of a second, whatever the sizes. What lives at once is added up.
    """
    dtype = getattr(torch, plan.precision)
    network = build_network(plan).train()
    weights = sum(weight.nbytes for weight in network.parameters())
    network.to("meta", dtype)
    held = _HeldBytes()
    with held:
        image = torch.empty(
            plan.batch, plan.image_channels, *plan.patch, device="meta", dtype=dtype
        )
        outputs = network(image)
        outputs = [outputs] if isinstance(outputs, Tensor) else outputs
        logits = sum(output.numel() for output in outputs)
        held.most = max(held.most, held.now + int(logits * _bytes_of_loss(plan)))
        torch.autograd.backward(outputs, [torch.empty_like(o) for o in outputs])
    kind = torch.device(plan.device).type
    activations = held.most * _OVERHEAD.get(kind, 1.0)
    return int(weights * _COPIES_OF_WEIGHTS + activations + _FIXED.get(kind, 0))


def seconds_of_step(plan: Plan) -> float:
    """Time one training step on the device of the plan, within some seconds.

    A small patch goes first: it pays for what happens only once. Where it says that
    the real patch would take too long, a larger one is timed, and what grew between
    the two is scaled up: what every step takes, however small, is not. The quickest of
    a few steps counts: others only show that the machine did something else as well.
    """
    step = _Step(plan)
    small, larger = (_small_patch(plan, n) for n in (_TIME_PROBE, 4 * _TIME_PROBE))
    voxels = plan.batch * math.prod(plan.patch)
    first = step.quickest(1, small)
    if first * voxels / math.prod(small) <= _PATIENCE:
        return step.quickest(plan.batch, plan.patch)
    second = step.quickest(1, larger)
    grown = math.prod(larger) - math.prod(small)
    if grown == 0 or second <= first:
        return second * voxels / math.prod(larger)
    return second + (second - first) / grown * (voxels - math.prod(larger))


def _bytes_of_loss(plan: Plan) -> float:
    """Return what the loss holds at most, forward and backward, bytes a logit."""
    sides = (16,) * plan.dimensions
    logits = torch.zeros(1, len(plan.label_values), *sides, requires_grad=True)
    held = _HeldBytes()
    with held:
        torch.autograd.backward(
            build_loss(plan)(logits, torch.zeros(1, *sides, dtype=torch.long))
        )
    return held.most / logits.numel()


class _HeldBytes(TorchDispatchMode):
    """Adds up what operations return for as long as it lives, each storage once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.most = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self,
        operation: Any,
        _types: Any,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        """Carry out an operation and count what it returned."""
        found = operation(*arguments, **(named or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor):
                self._hold(tensor.untyped_storage())
        self.most = max(self.most, self.now)
        return found

    def _hold(self, storage: torch.UntypedStorage) -> None:
        """Count a storage until it is gone."""
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen.add(key)
            self.now += size
            weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


class _Step:
    """A network that takes training steps on noise.

    Without an optimiser: its share is small, and its first use takes two seconds.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._device = torch.device(plan.device)
        self._network = build_network(plan).to(self._device).train()
        self._loss = build_loss(plan)

    def quickest(self, batch: int, patch: Sequence[int]) -> float:
        """Take a few steps, as long as there is patience, and return the best time."""
        taken = [self.seconds(batch, patch)]
        while len(taken) < _MOST_PROBES and sum(taken) < _PATIENCE:
            taken.append(self.seconds(batch, patch))
        # The first one pays for what happens only once, however long it takes.
        if len(taken) == 1 and taken[0] < 4 * _PATIENCE:
            taken.append(self.seconds(batch, patch))
        return min(taken)

    def seconds(self, batch: int, patch: Sequence[int]) -> float:
        """Take a step and return how long it took."""
        noise: Any = torch.Generator().manual_seed(0)
        image = torch.randn(batch, self._plan.image_channels, *patch, generator=noise)
        image = image.to(self._device)
        classes = (image[:, 0] > 1).long()
        self._finish()
        start = time.perf_counter()
        with autocast(self._device, self._plan.precision):
            logits = self._network(image)
        loss = self._loss(logits, classes)
        self._network.zero_grad()
        torch.autograd.backward(loss)
        self._finish()
        return time.perf_counter() - start

    def _finish(self) -> None:
        """Wait for what a GPU still computes."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()


def _small_patch(plan: Plan, voxels: int) -> tuple[int, ...]:
    """Return a patch of about so many voxels, or less, that the network accepts."""
    multiple = size_multiple(plan)
    patch = list(plan.patch)
    while math.prod(patch) > voxels:
        axis = max(range(len(patch)), key=lambda axis: patch[axis] / multiple[axis])
        half = patch[axis] // (2 * multiple[axis]) * multiple[axis]
        if half < 2 * multiple[axis]:
            break
        patch[axis] = half
    return tuple(patch)
