"""A trained network and the card of how it came to be, in one safe file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from specimen_unet.domain.errors import ModelFileError
from specimen_unet.engine.cpu_norms import laid_out
from specimen_unet.engine.networks import (
    build_network,
    check_weights,
    load_weights,
    weights_of,
)
from specimen_unet.files.library import card_metadata, read_card
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from torch import Tensor, nn

    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.plan import Plan

# Fields in which a plan must equal a model's for its weights to mean the same.
_MUST_AGREE = {
    "dimensions": "dimensions of the network",
    "network": "architecture",
    "backbone": "backbone",
    "pretrained": "pretrained backbone",
    "channels": "channels of each level",
    "strides": "strides of each level",
    "kernels": "kernels of each level",
    "residual_units": "residual units",
    "deep_supervision": "deep supervision",
    "image_channels": "channels of the images",
    "label_values": "labels",
    "normalisation": "gray values",
    "unit": "unit of the voxel size",
}


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network.

    Attributes
    ----------
    network : torch.nn.Module
        Takes (N, C, *patch) and returns logits (N, K, *patch).
    card : ModelCard
        Plan, labels, provenance and scores.
    """

    network: nn.Module
    card: ModelCard

    @property
    def plan(self) -> Plan:
        """The plan it was trained by."""
        return self.card.plan

    @property
    def name(self) -> str:
        """What people call it."""
        return self.card.name

    def save(self, path: str | Path) -> None:
        """Write the model as one safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Ends with ``.safetensors``; an earlier file is replaced.

        Raises
        ------
        ModelFileError
            If the path has another suffix.
        """
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ModelFileError(
                f"A model was to be saved as {path.name}, but it is a .safetensors "
                f"file: call it {path.with_suffix('.safetensors').name}."
            )
        weights = {
            name: weight.detach().float().cpu().contiguous()
            for name, weight in weights_of(self.network).items()
        }
        with replaced(path) as temporary:
            save_file(weights, temporary, metadata=card_metadata(self.card))


def load_model(path: str | Path) -> Model:
    """Read a model file. Nothing in it is ever run.

    Parameters
    ----------
    path : str or Path
        A file that `Model.save` wrote, by this version or an older one.

    Returns
    -------
    Model
        On the CPU, ready to segment.

    Raises
    ------
    ModelFileError
        If the file is missing, truncated, foreign, damaged, too new, or holds
        weights for another network than its card says.
    """
    path = Path(path)
    card = read_card(path)
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is damaged: its weights cannot be read ({error}). Copy or "
            "download it again, or train anew."
        ) from error
    _check_numbers(path, weights)
    return Model(_network(path, card.plan, weights).eval(), card)


def _check_numbers(path: Path, weights: dict[str, Tensor]) -> None:
    """Refuse weights that `Model.save` does not write."""
    for name, weight in weights.items():
        if weight.dtype != torch.float32 or not torch.isfinite(weight).all():
            raise ModelFileError(
                f"{path} is damaged: {name} holds {weight.dtype} values or NaN, but "
                "finite float32 values were expected. Copy or download it again, or "
                "train anew."
            )


def _network(path: Path, plan: Plan, weights: dict[str, Tensor]) -> nn.Module:
    """Build the network of a card around the weights of the file."""
    try:
        # Without memory at first: a card may describe a network of any size, and
        # only one that fits the weights in the file is given room.
        with torch.device("meta"):
            network = build_network(plan)
        check_weights(network, weights)
    except (ValueError, RuntimeError, TypeError, IndexError, AssertionError) as error:
        raise ModelFileError(
            f"{path} is damaged: its weights do not fit the network its card "
            f"describes ({error}). Copy or download it again, or train anew."
        ) from error
    network = laid_out(network.to_empty(device="cpu"))
    load_weights(network, weights)
    return network


def check_fine_tuning(model: Model, plan: Plan) -> None:
    """Check that a training by this plan can start from the weights of a model.

    Raises
    ------
    ModelFileError
        Naming every difference. Weights are never left random in silence.
    """
    differences = [
        f"{words}: {getattr(model.plan, field)} in the model, "
        f"{getattr(plan, field)} in the plan"
        for field, words in _MUST_AGREE.items()
        if getattr(model.plan, field) != getattr(plan, field)
    ]
    if differences:
        raise ModelFileError(
            f"The model {model.name} cannot be trained further by this plan; "
            f"they differ in {'; '.join(differences)}. Choose the model's own settings "
            "and labels, or start anew."
        )
