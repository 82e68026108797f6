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
_PATIENCE = 1.5  # seconds for one step


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
    """Time one training step on the device of the plan, within two or three seconds.

    A small patch goes first: it pays for what happens only once, and where it says
    that the real patch would take too long, its time is scaled up instead.
    """
    step = _Step(plan)
    small = _small_patch(plan, _TIME_PROBE)
    seconds = step.seconds(1, small)
    if seconds < _PATIENCE:
        seconds = step.seconds(1, small)
    scale = plan.batch * math.prod(plan.patch) / math.prod(small)
    if seconds * scale > _PATIENCE:
        return seconds * scale
    first = step.seconds(plan.batch, plan.patch)
    if first > _PATIENCE / 3:
        return first
    return min(first, step.seconds(plan.batch, plan.patch))


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
