"""What training will take: memory counted, time measured on the device itself."""

from __future__ import annotations

import math
import time
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from specimen_unet.engine.cpu_norms import laid_out
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network, size_multiple
from specimen_unet.engine.patches import Batch
from specimen_unet.engine.precision import autocast, has_tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import OptimiserName

# What an optimiser remembers of every weight.
_MOMENTS: dict[OptimiserName, int] = {"AdamW": 2, "Adam": 2, "SGD": 1}
# What comes and goes in a step makes a CPU's heap grow by more: blocks that were freed
# are not always of a size that is asked for next, and convolutions need scratch memory.
# Measured (docs/benchmarks.md); a GPU takes what lives.
_HEAP = {"cpu": 1.5}
# More where bfloat16 is computed in tiles, into which numbers are copied.
_TILES = 22 * 2**20
# Timed on patches of about so many voxels.
_TIME_PROBE = 40_000
_PATIENCE = 1.5  # seconds for one step, and for a few of them
_MOST_PROBES = 4
_RATE = 1e-6


def memory_of_step(plan: Plan) -> int:
    """Forecast the bytes that a training takes while it learns, at most.

    What lives at once in a step is counted (`_held_by_step`). A CPU takes more than
    that, except of what stays: weights, their gradients, averages and moments.
    """
    kind = torch.device(plan.device).type
    held = _held_by_step(plan)
    heap = _HEAP.get(kind, 1.0)
    is_tiled = (kind, plan.precision) == ("cpu", "bfloat16") and has_tiles()
    copies = _TILES if is_tiled else 0
    return int(held.staying + heap * (held.most - held.staying)) + copies


class _Held(NamedTuple):
    """Bytes that live at most, and those of them that stay from step to step."""

    most: int
    staying: int


def _held_by_step(plan: Plan) -> _Held:
    """Count the bytes of all tensors that live at once in a step of a training.

    Forward and backward pass are taken as a learner takes them, autocast included,
    with fake tensors: they have sizes and formats but no values, so that it takes a
    fraction of a second, whatever the sizes. As from the second step, the last
    gradients live until the pass back begins, and the optimiser has its moments.
    """
    held = _HeldBytes()
    with FakeTensorMode(allow_non_fake_inputs=True), held:
        network = laid_out(build_network(plan)).train()
        weights = list(network.parameters())
        kept = sum(weight.nbytes for weight in network.state_dict().values())
        kept += _MOMENTS[plan.optimiser] * sum(weight.nbytes for weight in weights)
        for weight in weights:
            weight.grad = torch.empty_like(weight)
        staying = kept + held.now
        images = torch.empty(plan.batch, plan.image_channels, *plan.patch)
        classes = torch.empty(plan.batch, *plan.patch, dtype=torch.long)
        # One batch is learnt from, another is ready.
        kept += images.nbytes + classes.nbytes
        held.most = held.now
        with autocast(torch.device("cpu"), plan.precision):
            outputs = network(images)
        outputs = [outputs] if isinstance(outputs, Tensor) else outputs
        logits = sum(output.numel() for output in outputs)
        # A learner drops them before the loss goes back.
        for weight in weights:
            weight.grad = None
        of_loss = _bytes_of_loss(plan, outputs[0].dtype) * logits
        held.most = max(held.most, held.now + int(of_loss))
        torch.autograd.backward(outputs, [torch.empty_like(o) for o in outputs])
    return _Held(held.most + kept, staying)


def seconds_of_step(
    plan: Plan, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Time one training step on the device of the plan, within some seconds.

    A small patch goes first: it pays for what happens only once. Where it says that
    the real step would take too long, the largest is timed for which there is patience,
    and one half as large. What grew between the two is scaled up: what every step
    takes, however small, is not. The quickest of a few steps counts: others only show
    that the machine did something else as well.

    Parameters
    ----------
    plan : Plan
        What will be trained.
    clock : callable, optional
        Tells seconds. In one thread on a CPU, `time.thread_time` makes the answer
        independent of what else the machine does.

    Returns
    -------
    float
        Patches are not part of it: a CPU makes them beside the steps, in a thread.
    """
    step = _Step(plan, clock)
    whole = plan.batch * math.prod(plan.patch)
    last = step.timed(_TIME_PROBE)
    while last.seconds_of(whole) > _PATIENCE:
        growth = _PATIENCE / last.seconds / 2
        larger = step.timed(int(growth * last.voxels)) if growth > 2 else last
        if larger.voxels <= last.voxels:
            return _scaled_up(step.timed(last.voxels // 2), last, whole)
        last = larger
    return step.timed(whole).seconds


class _Timed(NamedTuple):
    """A step of so many voxels, and how long it took."""

    voxels: int
    seconds: float

    def seconds_of(self, voxels: int) -> float:
        """Forecast a step of more voxels, as if each took the same time."""
        return self.seconds * voxels / self.voxels


def _scaled_up(half: _Timed, last: _Timed, voxels: int) -> float:
    """Forecast a step of more voxels from two."""
    if half.voxels == last.voxels or half.seconds >= last.seconds:
        return last.seconds_of(voxels)
    slope = (last.seconds - half.seconds) / (last.voxels - half.voxels)
    return last.seconds + slope * (voxels - last.voxels)


def _bytes_of_loss(plan: Plan, dtype: torch.dtype) -> float:
    """Return what the loss holds at most, forward and backward, bytes a logit.

    From a step of its own: losses may look at values, which fake tensors do not have.
    """
    sides = (16,) * plan.dimensions
    shape = (1, len(plan.label_values), *sides)
    held = _HeldBytes()
    with unset_fake_temporarily():
        logits = torch.zeros(shape, dtype=dtype, requires_grad=True)
        classes = torch.zeros(1, *sides, dtype=torch.long)
        with held:
            torch.autograd.backward(build_loss(plan)(logits, classes))
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
    """A network that takes training steps on noise: all that a training does in one."""

    def __init__(self, plan: Plan, clock: Callable[[], float]) -> None:
        self._plan = plan
        self._clock = clock
        self._device = torch.device(plan.device)
        self._learner = Learner(plan, self._device, None, may_repeat=False)

    def timed(self, voxels: int) -> _Timed:
        """Time a step of about so many voxels, or fewer, but at least a tiny patch.

        Patches get smaller before they get fewer: for a single one libraries may
        choose a way of their own (torch 2.13 in one thread: twice as slow in 3D).
        """
        patch = _small_patch(self._plan, voxels // self._plan.batch)
        batch = max(1, min(self._plan.batch, voxels // math.prod(patch)))
        return _Timed(batch * math.prod(patch), self.quickest(batch, patch))

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
        images = torch.randn(batch, self._plan.image_channels, *patch, generator=noise)
        images = images.to(self._device)
        noisy = Batch(images, (images[:, 0] > 1).long(), is_annotated=True)
        self._finish()
        start = self._clock()
        self._learner.learn(noisy, _RATE, 0)
        self._finish()
        return self._clock() - start

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
