"""The loop that trains, and plain PyTorch on one batch that is ready."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import torch

from specimen_unet.domain.events import StepDone, Warned
from specimen_unet.engine.cpu_norms import laid_out
from specimen_unet.engine.learner import make_optimiser
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.precision import autocast
from specimen_unet.engine.training import training

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Case
    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.patches import Batch

WARM_UP = 8


class OurLoop:
    """The loop that trains, a few steps at a time."""

    def __init__(self, cases: Sequence[Case], plan: Plan, device: torch.device) -> None:
        self._events = training(cases, plan, device=device)
        self.warnings: list[str] = []
        self.steps(WARM_UP)

    def steps(self, count: int) -> None:
        """Make some steps."""
        while count:
            event = next(self._events)
            count -= isinstance(event, StepDone)
            if isinstance(event, Warned):
                self.warnings.append(event.message)

    def close(self) -> None:
        """Leave the training."""
        self._events.close()


def waits_of(cases: Sequence[Case], plan: Plan, device: torch.device) -> str:
    """Return where a step makes the CPU wait for the GPU; nothing where none does."""
    ours = OurLoop(cases, plan, device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        ours.steps(3 * WARM_UP)
    except RuntimeError:
        return traceback.format_exc()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        ours.close()
    return ""


class BareLoop:
    """Plain PyTorch on one batch that is ready; `is_graphed` replays a CUDA graph."""

    def __init__(
        self,
        batch: Batch,
        plan: Plan,
        device: torch.device,
        *,
        is_graphed: bool = False,
    ) -> None:
        self._plan, self._device, self._batch = plan, device, batch
        network = build_network(plan).to(device).train()
        # As quick as it can be.
        self._network = laid_out(network) if device.type == "cpu" else network
        self._optimiser = make_optimiser(plan, self._network, device)
        self._loss = build_loss(plan)
        self._graph: Any = None
        if not is_graphed:
            self.steps(WARM_UP)
            return
        other = torch.cuda.Stream()
        other.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(other):
            self.steps(WARM_UP)
        torch.cuda.current_stream().wait_stream(other)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._step()

    def steps(self, count: int) -> None:
        """Make some steps."""
        make = self._graph.replay if self._graph else self._step
        for _ in range(count):
            make()

    def _step(self) -> None:
        with autocast(self._device, self._plan.precision):
            logits = self._network(self._batch.images)
        loss = self._loss(logits, self._batch.classes)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 12.0)
        self._optimiser.step()
