"""One slice, as a network that is still learning sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specimen_unet.domain.events import Preview, Warned
from specimen_unet.engine.sinks import Labels
from specimen_unet.engine.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from specimen_unet.domain.case import Array, Case
    from specimen_unet.domain.control import PreviewRequest
    from specimen_unet.domain.plan import Plan


class Previewer:
    """Segments single slices of cases.

    Parameters
    ----------
    cases : sequence of Case
        Those of a training.
    plan : Plan
        What the network is made for.
    device : torch.device
        Where to segment.
    """

    def __init__(self, cases: Sequence[Case], plan: Plan, device: torch.device) -> None:
        self._cases = {case.name: case for case in cases}
        self._plan = plan
        self._device = device

    def preview(
        self, request: PreviewRequest, network: torch.nn.Module, step: int
    ) -> Preview | Warned:
        """Segment the slice that was asked for, with as much around it as a patch.

        Returns
        -------
        Preview or Warned
            Warned if there is no such slice.
        """
        case = self._cases.get(request.case)
        if case is None or not 0 <= request.index < _slice_count(case):
            return Warned(
                f"There is no slice {request.index} of {request.case!r} to preview."
            )
        is_flat = len(case.shape) == 2
        wanted = (0, case.shape[0]) if is_flat else (request.index, request.index + 1)
        labels = self._labels(View(case, wanted, self._plan), network)
        return Preview(case.name, request.index, step, labels if is_flat else labels[0])

    def _labels(self, view: View, network: torch.nn.Module) -> Array:
        """Segment a view to its end."""
        first, last = view.wanted
        shape = (last - first, *view.case.shape[1:])
        labels = Labels(shape, self._plan.label_values)
        for _ in view.segmenting_into(labels, network, self._device):
            pass
        return labels.values


def _slice_count(case: Case) -> int:
    return case.shape[0] if len(case.shape) == 3 else 1
