"""What MONAI's runner does with an image: its own transforms and its sliding window.

Arrays are (C, X, Y, Z) to MONAI, and (C, Z, Y, X) to the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from specimen_unet.domain.grid import Grid
from specimen_unet.engine.resampling import TOLERANCE
from specimen_unet.exports.facts import OVERLAP, RANGES, has_lengths, works_on_slices

if TYPE_CHECKING:
    from specimen_unet.domain.card import ModelCard

# Voxels of an image at the model's spacing, as `engine.resampling.resampled_shape`.
_SIZE = (
    "[n if t is None or math.isclose(s, t, rel_tol={tolerance}) "
    "else max(1, round(n * s / t)) "
    "for n, s, t in zip(x.shape[1:], x.pixdim.tolist(), {target})]"
)
_OWN_SIZE = "x.meta['spatial_shape'].tolist()"
_CHANNELS_OF_PICTURES = (1, 3)


def inference(card: ModelCard) -> dict[str, Any]:
    """Return the configuration of MONAI's runner, a component a key."""
    return {
        "imports": ["$import glob", "$import math", "$import numpy"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/labels'",
        "images": f"$sorted(glob.glob(@dataset_dir + '/{_pattern(card)}'))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": "$torch.jit.load(@bundle_root + '/models/model.ts', "
        "map_location=@device)",
        "preprocessing": _component("Compose", transforms=_preprocessing(card)),
        "dataset": _component(
            "Dataset",
            data="$[{'image': path} for path in @images]",
            transform="@preprocessing",
        ),
        "dataloader": _component(
            "DataLoader", dataset="@dataset", batch_size=1, num_workers=0
        ),
        "inferer": _inferer(card),
        "postprocessing": _component("Compose", transforms=_postprocessing(card)),
        "evaluator": _component(
            "SupervisedEvaluator",
            device="@device",
            val_data_loader="@dataloader",
            network="@network_def",
            inferer="@inferer",
            postprocessing="@postprocessing",
        ),
        "run": ["$@evaluator.run()"],
    }


def _preprocessing(card: ModelCard) -> list[dict[str, Any]]:
    """Read (C, X, Y, Z), bring it to the model's scale and spacing, turn it round."""
    steps = [
        _component("LoadImaged", keys="image"),
        _component("EnsureChannelFirstd", keys="image"),
        _component("EnsureTyped", keys="image", dtype="$torch.float32"),
        _normalisation(card),
    ]
    if resamples(card):
        brought = _averaged if card.plan.antialiased else _resized
        steps.append(brought(card, "image", _wanted_size(card)))
    return [*steps, _turned_round(card, "image")]


def _postprocessing(card: ModelCard) -> list[dict[str, Any]]:
    """Bring probabilities back to the grid of the image, and write labels."""
    steps = [_turned_round(card, "pred")]
    if resamples(card):
        steps.append(_resized(card, "pred", _OWN_SIZE))
    values = card.plan.label_values
    return [
        *steps,
        _component("AsDiscreted", keys="pred", argmax=True),
        _component(
            "MapLabelValued",
            keys="pred",
            orig_labels=list(range(len(values))),
            target_labels=list(values),
        ),
        _component(
            "SaveImaged",
            keys="pred",
            output_dir="@output_dir",
            output_postfix="labels",
            output_ext=label_suffix(card),
            output_dtype=f"$numpy.{np.dtype(_label_type(card)).name}",
            separate_folder=False,
            # There is nothing to resample, but without it MONAI fails on one slice.
            resample=True,
            mode="nearest",
        ),
    ]


def _normalisation(card: ModelCard) -> dict[str, Any]:
    """Do what `engine.intensity` does; channel by channel, over the whole image."""
    method = card.plan.normalisation
    if method == "z-score":
        return _component("NormalizeIntensityd", keys="image", channel_wise=True)
    low, high = RANGES[method]
    return _component(
        "ScaleIntensityRangePercentilesd",
        keys="image",
        lower=low,
        upper=high,
        b_min=0.0,
        b_max=1.0,
        channel_wise=True,
    )


def _inferer(card: ModelCard) -> dict[str, Any]:
    """Lay tiles and blend them as `engine.tiling` does."""
    window = {
        "roi_size": list(card.plan.patch),
        "sw_batch_size": card.plan.batch,
        "overlap": OVERLAP,
        "mode": "gaussian",
    }
    if card.plan.dimensions == 2 and reads_volumes(card):
        return _component("SliceInferer", spatial_dim=0, **window)
    return _component("SlidingWindowInferer", **window)


def _wanted_size(card: ModelCard) -> str:
    """Return Python: voxels along X, Y, Z for the network, of the image `x`."""
    if card.plan.resize_to is not None:
        height, width = card.plan.resize_to
        return f"[{width}, {height}, *x.shape[3:]]"
    return _SIZE.format(target=_pixdim(card), tolerance=TOLERANCE)


def _resized(card: ModelCard, key: str, size: str) -> dict[str, Any]:
    """Interpolate as `engine.resampling` does; MONAI's Spacing shifts by half a voxel.

    `size` is Python: voxels along X, Y, Z, for the image `x`.
    """
    interpolate = "torch.nn.functional.interpolate"
    mode = "trilinear" if reads_volumes(card) else "bilinear"
    code = f"$lambda x: {interpolate}(x[None], {size}, mode='{mode}')[0]"
    return _component("Lambdad", keys=key, func=code)


def _averaged(card: ModelCard, key: str, size: str) -> dict[str, Any]:
    """Interpolate as `engine.resampling` does where it averages voxels.

    PyTorch averages pictures alone: of a volume X and Y first, then Z beside Y, which
    stays as it is.
    """
    bilinear = (
        "torch.nn.functional.interpolate({}, {}, mode='bilinear', antialias=True)"
    )
    if not reads_volumes(card):
        code = f"$lambda x: {bilinear.format('x[None]', size)}[0]"
        return _component("Lambdad", keys=key, func=code)
    planes = bilinear.format("x.permute(0, 3, 1, 2)", "size[:2]")
    volume = bilinear.format(f"{planes}.permute(0, 2, 3, 1)", "size[1:]")
    code = f"$lambda x: (lambda size: {volume})({size})"
    return _component("Lambdad", keys=key, func=code)


def _turned_round(card: ModelCard, key: str) -> dict[str, Any]:
    """Turn (C, X, Y, Z), MONAI's order, into (C, Z, Y, X), or back."""
    axes = 3 if reads_volumes(card) else 2
    return _component("Transposed", keys=key, indices=[0, *range(axes, 0, -1)])


def reads_volumes(card: ModelCard) -> bool:
    """Whether images are NIfTI volumes; pictures (PNG) otherwise.

    Pictures that have other channels than gray or red, green and blue are volumes of
    one slice: PNG cannot hold them.
    """
    plan = card.plan
    is_picture = plan.image_channels in _CHANNELS_OF_PICTURES
    return plan.dimensions == 3 or works_on_slices(card) or not is_picture


def resamples(card: ModelCard) -> bool:
    """Whether images are brought to the size or spacing of the model's.

    PNGs have no spacing.
    """
    by_spacing = has_lengths(card) and reads_volumes(card)
    return card.plan.resize_to is not None or by_spacing


def label_suffix(card: ModelCard) -> str:
    """Return how files of labels end."""
    is_picture = not reads_volumes(card) and _label_type(card) is np.uint8
    return ".png" if is_picture else ".nii.gz"


def _pixdim(card: ModelCard) -> list[float | None]:
    """Return the model's spacing in mm along X, Y, Z; None keeps the image's own."""
    plan = card.plan
    spacing = Grid(plan.spacing, plan.unit).in_unit("mm").spacing
    return [*reversed(spacing), None][:3]


def _pattern(card: ModelCard) -> str:
    return "*.nii*" if reads_volumes(card) else "*.png"


def _label_type(card: ModelCard) -> type[np.uint8 | np.uint16]:
    return np.uint8 if max(card.plan.label_values) < 256 else np.uint16


def _component(target: str, **arguments: Any) -> dict[str, Any]:
    """Name a class of MONAI and its arguments, as its runner builds them."""
    return {"_target_": target, **arguments}
