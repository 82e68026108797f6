"""A network and how it learns: everything that a step changes."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from specimen_unet.engine.cpu_norms import laid_out
from specimen_unet.engine.graphed_step import GraphedStep
from specimen_unet.engine.losses import build_loss
from specimen_unet.engine.networks import build_network, load_weights, weights_of
from specimen_unet.engine.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from torch import nn

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import OptimiserName
    from specimen_unet.engine.patches import Batch

_WEIGHT_DECAY = 1e-2
_MOMENTUM = 0.9
_LARGEST_GRADIENT = 12.0
# The smoothed weights average over about the last ninth of the steps, at most 1000.
_SMOOTHEST = 0.999


class Learner:
    """A network, its smoothed copy, and the optimiser.

    Parameters
    ----------
    plan : Plan
        Says which network, loss and optimiser.
    device : torch.device
        Where to learn.
    start : mapping of str to Tensor, optional
        Weights to start from; those of a new network without.
    may_repeat : bool, optional
        Whether a GPU may repeat steps by itself, which asks for patches of one size.

    Attributes
    ----------
    network : torch.nn.Module
        What learns.
    smoothed : torch.nn.Module
        Moving average of its weights; what is validated, shown and kept.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        start: Mapping[str, Tensor] | None,
        *,
        may_repeat: bool = True,
    ) -> None:
        network = build_network(plan)
        if start is not None:
            load_weights(network, start)
        if device.type == "cuda" and may_repeat:
            # Patches are all of one size, so trying out every kernel once pays.
            torch.backends.cudnn.benchmark = True
        self.network = network.to(device)
        if device.type == "cpu":
            laid_out(self.network)
        self.smoothed = copy.deepcopy(self.network).eval().requires_grad_(False)
        self._plan = plan
        self._device = device
        self._loss = build_loss(plan)
        self._optimiser = make_optimiser(plan, self.network, device)
        self._scaler = torch.amp.GradScaler(
            device.type, enabled=plan.precision == "float16"
        )
        self._kept: dict[str, Tensor] | None = None
        # Weights are changed in place, so these stay what they are.
        self._weights = weights_of(self.network)
        self._smoothed_weights = weights_of(self.smoothed)
        floats = {name for name, w in self._weights.items() if w.is_floating_point()}
        self._averaged = self._beside(floats)
        self._counted = self._beside(self._weights.keys() - floats)
        is_graphable = device.type == "cuda" and not self._scaler.is_enabled()
        is_graphed = may_repeat and is_graphable
        self._graph = GraphedStep(self._descend) if is_graphed else None

    @property
    def has_kept(self) -> bool:
        """Whether weights were kept."""
        return self._kept is not None

    @property
    def is_sound(self) -> bool:
        """Whether every weight is a number."""
        finite = [weight.isfinite().all() for weight in self._weights.values()]
        return bool(torch.stack(finite).all())

    @property
    def problem(self) -> str:
        """Why a GPU does not repeat steps by itself though it could; often empty."""
        return self._graph.problem if self._graph else ""

    def learn(self, batch: Batch, learning_rate: float, step: int) -> Tensor:
        """Make one step.

        Parameters
        ----------
        batch : Batch
            What to learn from.
        learning_rate : float
            Of this step.
        step : int
            Its number, from 0.

        Returns
        -------
        Tensor, a scalar on the device
            The loss. NaN on a CPU means that nothing was changed.
        """
        self.network.train()
        self._set_rate(learning_rate)
        make_step = self._graph or self._descend
        loss = make_step(batch.images, batch.classes)
        # Elsewhere this question would make the CPU wait for the device.
        if self._device.type == "cpu" and math.isnan(loss):
            return loss
        self._smooth(step)
        return loss

    def _descend(self, images: Tensor, classes: Tensor) -> Tensor:
        """Change the weights; return the loss, NaN where that was left out."""
        with autocast(self._device, self._plan.precision):
            logits = self.network(images)
        loss = self._loss(logits, classes)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self._scaler.scale(loss))
        self._scaler.unscale_(self._optimiser)
        norm = torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), _LARGEST_GRADIENT
        )
        if self._device.type == "cpu" and not math.isfinite(norm):
            return torch.full_like(loss.detach(), math.nan)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return loss.detach()

    def _set_rate(self, learning_rate: float) -> None:
        """Set the learning rate; on a GPU in a tensor, which a graph reads anew."""
        for group in self._optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Begin again from other weights of the same names and shapes."""
        load_weights(self.network, weights)
        load_weights(self.smoothed, weights)

    def keep(self) -> None:
        """Keep the smoothed weights instead of those that were kept before."""
        kept = self._smoothed_weights.items()
        self._kept = {name: weight.clone() for name, weight in kept}

    def result(self) -> torch.nn.Module:
        """Return a network on the CPU with the weights kept, or else the smoothed."""
        network: torch.nn.Module = copy.deepcopy(self.smoothed)
        if self._kept is not None:
            load_weights(network, self._kept)
        return network.cpu().eval()

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that a resumed training needs, by name."""
        groups = {
            "network": self._weights,
            "smoothed": self._smoothed_weights,
            # As checkpoints of older versions call them.
            "best": self._kept or {},
            "optimiser": self._optimiser_tensors(),
        }
        return {
            f"{group}/{name}": tensor
            for group, tensors in groups.items()
            for name, tensor in tensors.items()
        }

    def scaler_state(self) -> dict[str, Any]:
        """Return the state of float16's scaling, empty for other formats."""
        state: dict[str, Any] = self._scaler.state_dict()
        return state

    def restore(
        self, tensors: Mapping[str, Tensor], scaler_state: Mapping[str, Any]
    ) -> None:
        """Go back to where `tensors` and `scaler_state` were taken.

        Raises
        ------
        ValueError
            If they belong to another network.
        """
        load_weights(self.network, _group(tensors, "network"))
        load_weights(self.smoothed, _group(tensors, "smoothed"))
        best = _group(tensors, "best")
        moved = {name: weight.to(self._device) for name, weight in best.items()}
        self._kept = moved or None
        self._restore_optimiser(_group(tensors, "optimiser"))
        if scaler_state:
            self._scaler.load_state_dict(dict(scaler_state))

    @torch.no_grad()
    def _smooth(self, step: int) -> None:
        """Move the smoothed weights towards the new ones, by less as time goes on."""
        share = 1 - min(_SMOOTHEST, (1 + step) / (10 + step))
        torch._foreach_lerp_(*self._averaged, share)
        for smoothed, new in zip(*self._counted, strict=True):
            smoothed.copy_(new)

    def _beside(self, names: Collection[str]) -> tuple[list[Tensor], list[Tensor]]:
        """Return smoothed and new weights of some names, in one order."""
        order = [name for name in self._weights if name in names]
        smoothed = [self._smoothed_weights[name] for name in order]
        return smoothed, [self._weights[name] for name in order]

    def _optimiser_tensors(self) -> dict[str, Tensor]:
        state = self._optimiser.state_dict()["state"]
        return {
            f"{number}/{name}": value
            for number, values in state.items()
            for name, value in values.items()
            if isinstance(value, Tensor)
        }

    def _restore_optimiser(self, tensors: Mapping[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        weights = list(self.network.parameters())
        for key, value in tensors.items():
            number, name = key.split("/")
            weight = weights[int(number)]
            if value.shape == weight.shape:
                # Fused optimisers expect the order in memory that the weights have.
                value = torch.empty_like(weight, requires_grad=False).copy_(value)
            state.setdefault(int(number), {})[name] = value
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})


def _group(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors of one group, by their names within it."""
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }


def make_optimiser(
    plan: Plan, network: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    """Return the plan's optimiser; its learning rate is set before every step."""
    options: dict[str, Any] = {"fused": device.type in ("cpu", "cuda"), "lr": 1e-2}
    if device.type == "cuda":
        options["lr"] = torch.tensor(1e-2, device=device)
        if plan.optimiser != "SGD":
            options["capturable"] = True
    return OPTIMISERS[plan.optimiser](network.parameters(), **options)


OPTIMISERS: dict[OptimiserName, Callable[..., torch.optim.Optimizer]] = {
    "AdamW": partial(torch.optim.AdamW, weight_decay=_WEIGHT_DECAY),
    "Adam": torch.optim.Adam,
    "SGD": partial(torch.optim.SGD, momentum=_MOMENTUM, nesterov=True),
}
