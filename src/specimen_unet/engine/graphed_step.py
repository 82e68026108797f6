"""A training step that a GPU repeats by itself: captured once as a CUDA graph.

A step of a small network is hundreds of kernels of a few microseconds, and the CPU
takes longer to launch them than the GPU to compute them. A graph is launched as one.
It keeps its memory for itself, so networks that keep a GPU busy anyway go without.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

# Steps made as usual first: libraries choose their kernels, the optimiser its memory.
_WARM_UP = 4
# Launching takes at least this share of the time of a step that is worth a graph.
_SHARE_OF_LAUNCHES = 0.5


class GraphedStep:
    """Makes steps as usual at first, then by replaying one, if that is faster.

    Parameters
    ----------
    step : callable
        Takes images and classes on the GPU, changes weights in place, and returns the
        loss. It must read nothing else that changes but tensors that stay in place.

    Attributes
    ----------
    is_graphed : bool
        Whether steps are replayed.
    problem : str
        Why they are not, if capturing failed.
    """

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._step = step
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, Tensor] | None = None
        self._loss: Tensor | None = None
        self._steps = 0
        self._other = torch.cuda.Stream()
        self._is_worthwhile = False
        self.problem = ""

    @property
    def is_graphed(self) -> bool:
        """Whether steps are replayed."""
        return self._graph is not None

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Make a step; the loss is overwritten by the next one."""
        self._steps += 1
        if self._steps < _WARM_UP:
            return self._aside(images, classes)
        if self._steps == _WARM_UP:
            return self._timed(images, classes)
        if self._steps == _WARM_UP + 1:
            # What the steps before took is given back: a graph has its own memory.
            torch.cuda.empty_cache()
            if self._is_worthwhile:
                self._capture(images, classes)
        if self._graph is None or self._inputs is None or self._loss is None:
            return self._step(images, classes)
        for kept, new in zip(self._inputs, (images, classes), strict=True):
            kept.copy_(new)
        self._graph.replay()
        return self._loss

    def _aside(self, images: Tensor, classes: Tensor) -> Tensor:
        """Make a step on another stream, as capturing asks of those before it."""
        current = torch.cuda.current_stream()
        self._other.wait_stream(current)
        with torch.cuda.stream(self._other):
            loss = self._step(images, classes)
        current.wait_stream(self._other)
        return loss

    def _timed(self, images: Tensor, classes: Tensor) -> Tensor:
        """Make a step, and compare how long it took to launch and to compute."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(images.device)
        begin.record()
        start = time.perf_counter()
        loss = self._aside(images, classes)
        launching = time.perf_counter() - start
        end.record()
        end.synchronize()
        computing = begin.elapsed_time(end) / 1000
        self._is_worthwhile = launching > _SHARE_OF_LAUNCHES * computing
        return loss

    def _capture(self, images: Tensor, classes: Tensor) -> None:
        """Record a step without making it; whatever fails, steps go on as usual."""
        graph = torch.cuda.CUDAGraph()
        inputs = images.clone(), classes.clone()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._loss = self._step(*inputs)
        except RuntimeError as error:
            self.problem = str(error).partition("\n")[0]
            return
        self._graph, self._inputs = graph, inputs
