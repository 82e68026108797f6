"""The network of a model as a graph that needs none of our code."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from specimen_unet.engine.model import Model

INPUT, OUTPUT = "image", "probabilities"
"""Names of the tensors: (N, C, *patch) and (N, K, *patch)."""

OPSET = 18


class ProbabilityNetwork(nn.Module):
    """Takes normalised tiles and returns the probability of every class.

    Tiles are blended by their probabilities, not by their logits, so the softmax
    belongs to the graph.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Return probabilities (N, K, *patch) of normalised tiles (N, C, *patch)."""
        logits: Tensor = self.network(image)
        return logits.softmax(dim=1)


@torch.inference_mode()
def probabilities_of(model: Model, tiles: Tensor) -> Tensor:
    """Return what the graphs should: (N, K, *patch) of tiles (N, C, *patch)."""
    result: Tensor = ProbabilityNetwork(model.network)(tiles)
    return result


def write_torchscript(model: Model, path: Path) -> None:
    """Write the network with its weights as TorchScript, for tiles of the patch."""
    network = ProbabilityNetwork(model.network)
    with _quiet(), torch.no_grad():
        traced: Any = torch.jit.trace(network, _tiles(model, 1))
        traced.save(str(path))


def write_onnx(model: Model, path: Path, notes: Mapping[str, str]) -> None:
    """Write the network with its weights as ONNX, for any number of tiles at once.

    Parameters
    ----------
    model : Model
        Its patch is the size of a tile. Other sizes are refused by the graph: the
        network normalises over what it sees, so its answers depend on the size.
    path : Path
        Ends with ``.onnx``.
    notes : mapping of str to str
        Metadata of the file.
    """
    network = ProbabilityNetwork(model.network)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            network,
            (_tiles(model, 2),),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("tiles")}},
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(notes)
    program.save(str(path), external_data=False)


def _tiles(model: Model, count: int) -> Tensor:
    """Return tiles of noise: a constant one may be simplified away."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, model.plan.image_channels, *model.plan.patch)
    return torch.randn(shape, generator=generator)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch says to its own developers from people who only export.

    TorchScript is called deprecated, but it is what MONAI's bundles and deepImageJ
    read; that torchvision is missing does not matter here.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
