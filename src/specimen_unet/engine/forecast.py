"""What training will take: memory counted, time measured on the device itself."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from specimen_unet.engine.devices import autocast
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network, size_multiple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.plan import Plan

# Weights, gradients, two moments of the optimiser, and averaged and best weights.
_COPIES_OF_WEIGHTS = 6
# Gradients of the largest layers live for a moment beside what was saved, and
# convolutions take room to work in.
_WORKING_ROOM = 1.3
# Probes run on patches of about so many voxels.
_MEMORY_PROBE = 5_000
_TIME_PROBE = 40_000
_PATIENCE = 1.5  # seconds for one step, and for a few of them
_MOST_PROBES = 4


def memory_of_step(plan: Plan) -> int:
    """Count the bytes that a training step takes, the backward pass included.

    What the network saves for the backward pass is added up on a small patch, on
    the CPU, and scaled up: it grows with the voxels. Measured against the growth of
    a CPU process: right within a third for all networks in both precisions.
    """
    network = build_network(plan).train()
    patch = _small_patch(plan, _MEMORY_PROBE)
    saved = _SavedTensors(network)
    with saved:
        outputs = network(torch.zeros(1, plan.image_channels, *patch))
    outputs = [outputs] if isinstance(outputs, Tensor) else outputs
    logits = sum(output.numel() for output in outputs)
    shrunk = 1.0 if plan.precision == "float32" else 0.5
    scale = plan.batch * math.prod(plan.patch) / math.prod(patch)
    activations = (saved.bytes * shrunk + logits * _bytes_of_loss(plan)) * scale
    weights = sum(weight.nbytes for weight in network.parameters())
    return int(weights * _COPIES_OF_WEIGHTS + activations * _WORKING_ROOM)


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
    """Return what the loss saves for the backward pass, bytes a logit."""
    logits = torch.zeros(1, len(plan.label_values), 8, 8, requires_grad=True)
    saved = _SavedTensors()
    with saved:
        build_loss(plan)(logits, torch.zeros(1, 8, 8, dtype=torch.long))
    return saved.bytes / logits.numel()


class _SavedTensors(torch.autograd.graph.saved_tensors_hooks):
    """Adds up what is saved for the backward pass, each storage once."""

    def __init__(self, network: nn.Module | None = None) -> None:
        weights = network.parameters() if network else ()
        self.bytes = 0
        self._seen = {_storage(weight) for weight in weights}
        self._alive: list[Tensor] = []
        super().__init__(self._save, lambda saved: saved)

    def _save(self, tensor: Tensor) -> Tensor:
        """Count a tensor, and keep it so that its storage is not counted again."""
        if _storage(tensor) not in self._seen:
            self._seen.add(_storage(tensor))
            self._alive.append(tensor.detach())
            self.bytes += tensor.nbytes
        return tensor.detach()


def _storage(tensor: Tensor) -> int:
    """Identify the memory behind a tensor."""
    return tensor.untyped_storage().data_ptr()


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
