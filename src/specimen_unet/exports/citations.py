"""The papers that describe a network and the library that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard
    from specimen_unet.domain.settings import BackboneName, NetworkName

_UNET = {
    2: ("Ronneberger et al. 2015: U-Net", "10.1007/978-3-319-24574-4_28"),
    3: ("Çiçek et al. 2016: 3D U-Net", "10.1007/978-3-319-46723-8_49"),
}
_MONAI = ("Cardoso et al. 2022: MONAI", "10.48550/arXiv.2211.02701")
_NNUNET = ("Isensee et al. 2021: nnU-Net", "10.1038/s41592-020-01008-z")
_RESNET = ("He et al. 2016: ResNet", "10.1109/CVPR.2016.90")
_NETWORKS: dict[NetworkName | BackboneName, tuple[str, str]] = {
    "AttentionUnet": (
        "Oktay et al. 2018: Attention U-Net",
        "10.48550/arXiv.1804.03999",
    ),
    "SegResNet": ("Myronenko 2018: SegResNet", "10.48550/arXiv.1810.11654"),
    "DynUNet": _NNUNET,
    "ResidualDynUNet": _NNUNET,
    "ResNet-18": _RESNET,
    "ResNet-34": _RESNET,
    "ResNet-50": _RESNET,
    "EfficientNet-b0": (
        "Tan & Le 2019: EfficientNet",
        "10.48550/arXiv.1905.11946",
    ),
}
"""What is described in a paper of its own."""


def cited(card: ModelCard) -> list[tuple[str, str]]:
    """Return the papers on a model's network and library, each with its DOI."""
    name = card.plan.backbone or card.plan.network
    more = [_NETWORKS[name]] if name in _NETWORKS else []
    return [_UNET[card.plan.dimensions], _MONAI, *more]
