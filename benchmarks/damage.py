"""Small valid files of every format, and ways to damage them.

For benchmarks/fuzz.py and for tests/files/test_damaged.py.
"""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK
import tifffile
import zarr
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless

from specimen_unet.domain.grid import Grid
from specimen_unet.files.images import write_image, write_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pydicom

    Damage = Callable[[np.random.Generator, bytes], bytes]

SHAPE = (4, 24, 20)
GRID = Grid((2.0, 0.5, 0.25), "mm")
# Extremes of 16-, 32- and 64-bit numbers, and of real ones.
_EXTREMES = [
    *(b"\0\0", b"\xff\xff", b"\xff\x7f", b"\0\0\0\0", b"\xff\xff\xff\x7f"),
    *(b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff" * 7 + b"\x7f", b"\0\0\xc0\x7f"),
    *(b"\0\0\x80\x7f", b"\x7f\xff\xff\xff", b"\0\xff\xff\xff"),
]
_TEXTS = [
    *(b"0", b"-1", b"1e99", b"nan", b"inf", b"99999", b"4294967295", b"x"),
    *(b"9223372036854775807", b"", b"2 2", b"1000000", b"NaN NaN NaN"),
]
_HEADER = 600


def make_samples(folder: Path) -> dict[str, list[Path]]:
    """Write valid files; return format -> its files, the first of which is read.

    Of a series of DICOM and of OME-Zarr the first is the folder, the others are the
    files in it.
    """
    random = np.random.default_rng(0)
    volume = random.integers(0, 255, SHAPE, dtype=np.uint8)
    return {
        **_tiffs(folder, volume),
        **_volumes(folder, volume),
        **_pictures(folder, volume[0]),
        **_dicoms(folder, volume),
        **_zarrs(folder, volume),
    }


def _tiffs(folder: Path, volume: np.ndarray) -> dict[str, list[Path]]:
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "big": {"bigtiff": True, "byteorder": ">"},
        "zlib": {"compression": "zlib"},
        "lzw": {"compression": "lzw"},
    }
    write_image(folder / "imagej.tif", volume, GRID)
    write_image(folder / "ome.ome.tif", volume, GRID)
    for name, options in ways.items():
        path = folder / f"{name}.tif"
        tifffile.imwrite(path, volume, photometric="minisblack", **options)
    picture = np.ascontiguousarray(np.moveaxis(volume[:3], 0, -1))
    tifffile.imwrite(folder / "rgb.tif", picture, photometric="rgb", tile=(16, 16))
    return {
        f"TIFF {name.partition('.')[0]}": [folder / f"{name}.tif"]
        for name in ("imagej", "ome.ome", *ways, "rgb")
    }


def _volumes(folder: Path, volume: np.ndarray) -> dict[str, list[Path]]:
    image = SimpleITK.GetImageFromArray(volume)
    image.SetSpacing(GRID.spacing[::-1])
    for suffix in ("nhdr", "mhd"):
        SimpleITK.WriteImage(image, str(folder / f"parts.{suffix}"))
    write_image(folder / "a.nii", volume.astype(np.float32), GRID)
    write_image(folder / "a.nii.gz", volume, GRID)
    write_image(folder / "a.nrrd", volume, GRID)
    write_labels(folder / "packed.nrrd", volume, GRID)
    write_image(folder / "a.mha", np.stack([volume, volume // 2]), GRID)
    write_labels(folder / "packed.mha", volume, GRID)
    names = {
        **{"NIfTI": "a.nii", "NIfTI gzip": "a.nii.gz", "NRRD": "a.nrrd"},
        **{"NRRD gzip": "packed.nrrd", "NRRD in parts": "parts.nhdr"},
        **{"MHA": "a.mha", "MHA zlib": "packed.mha", "MHD": "parts.mhd"},
    }
    return {name: [folder / file] for name, file in names.items()}


def _pictures(folder: Path, gray: np.ndarray) -> dict[str, list[Path]]:
    colours = np.stack([gray, gray // 2, 255 - gray], axis=-1)
    write_labels(folder / "gray.png", gray, Grid((0.5, 0.25), "mm"))
    Image.fromarray(colours).save(folder / "rgb.png")
    Image.fromarray(gray // 64).convert("P").save(folder / "palette.png")
    Image.fromarray(gray.astype(np.uint16) * 200).save(folder / "deep.png")
    Image.fromarray(colours).save(folder / "photo.jpg")
    Image.fromarray(colours).save(folder / "progressive.jpg", progressive=True)
    Image.fromarray(colours).save(folder / "photo.bmp")
    names = {
        **{"PNG gray": "gray.png", "PNG RGB": "rgb.png", "PNG palette": "palette.png"},
        **{"PNG 16-bit": "deep.png", "JPEG": "photo.jpg"},
        **{"JPEG progressive": "progressive.jpg", "BMP": "photo.bmp"},
    }
    return {name: [folder / file] for name, file in names.items()}


def _dicoms(folder: Path, volume: np.ndarray) -> dict[str, list[Path]]:
    series = folder / "series"
    series.mkdir()
    slices = [series / f"IM{number}" for number in range(len(volume))]
    for number, path in enumerate(slices):
        write_dicom(path, volume[number], number)
    write_dicom(folder / "frames.dcm", volume, 0)
    write_dicom(folder / "rle.dcm", volume[0], 0, packed=True)
    return {
        "DICOM series": [series, *slices],
        "DICOM frames": [folder / "frames.dcm"],
        "DICOM RLE": [folder / "rle.dcm"],
    }


def _zarrs(folder: Path, volume: np.ndarray) -> dict[str, list[Path]]:
    """Write OME-Zarr in blocks, of both versions that are read."""
    samples = {}
    for version, number in (("0.4", 2), ("0.5", 3)):
        path = folder / f"{version}.ome.zarr"
        group = zarr.create_group(path, zarr_format=number)
        group.create_array("0", data=volume, chunks=(2, 12, 10))
        scale = {"type": "scale", "scale": list(GRID.spacing)}
        axes = [{"name": n, "type": "space", "unit": "millimeter"} for n in "zyx"]
        levels = [{"path": "0", "coordinateTransformations": [scale]}]
        told = {"multiscales": [{"axes": axes, "datasets": levels, "version": version}]}
        group.attrs.update(
            told if version == "0.4" else {"ome": {**told, "version": version}}
        )
        parts = sorted(part for part in path.rglob("*") if part.is_file())
        samples[f"OME-Zarr {version}"] = [path, *parts]
    return samples


def write_dicom(
    path: Path,
    pixels: np.ndarray,
    number: int,
    *,
    packed: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> pydicom.Dataset:
    """Write one CT slice (or frames) with pydicom; `changes` of None leave it out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.Modality = CTImageStorage, "CT"
    data.SOPInstanceUID = f"1.2.3.4.{number + 1}"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    data.SeriesDescription, data.InstanceNumber = "specimen", number + 1
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.PixelSpacing, data.SliceThickness = list(GRID.spacing[1:]), 9
    data.ImagePositionPatient = [10, 20, GRID.spacing[0] * number]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.RescaleSlope, data.RescaleIntercept = 2, -100
    data.PixelData = pixels.tobytes()
    for name, value in (changes or {}).items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    if packed:
        data.compress(RLELossless)
    data.save_as(path, enforce_file_format=True)
    return data


def damaged(random: np.random.Generator, content: bytes) -> bytes:
    """Damage a file in one of several ways, sometimes in two."""
    for _ in range(random.integers(1, 3)):
        damage = _DAMAGES[random.integers(len(_DAMAGES))]
        content = damage(random, content)
    return content


def _flip(random: np.random.Generator, content: bytes) -> bytes:
    """Flip bits, half the times in the header."""
    changed = bytearray(content)
    end = len(changed) if random.random() < 0.5 else min(len(changed), _HEADER)
    for _ in range(random.integers(1, 8) if end else 0):
        changed[random.integers(end)] ^= 1 << random.integers(8)
    return bytes(changed)


def _cut(random: np.random.Generator, content: bytes) -> bytes:
    """Truncate, down to nothing."""
    return content[: random.integers(len(content) + 1)]


def _exaggerate(random: np.random.Generator, content: bytes) -> bytes:
    """Put an extreme number into the header: huge sizes, zero, NaN, negative."""
    extreme = _EXTREMES[random.integers(len(_EXTREMES))]
    most = min(len(content), _HEADER) - len(extreme)
    place = int(random.integers(max(1, most)))
    return content[:place] + extreme + content[place + len(extreme) :]


def _misspell(random: np.random.Generator, content: bytes) -> bytes:
    """Put another text in the place of a number or a word of the header."""
    found = list(re.finditer(rb"[-+.\d]+|[A-Za-z_]{3,}", content[:_HEADER]))
    if not found:
        return content
    word = found[random.integers(len(found))]
    text = _TEXTS[random.integers(len(_TEXTS))]
    return content[: word.start()] + text + content[word.end() :]


def _splice(random: np.random.Generator, content: bytes) -> bytes:
    """Take a piece out, put it in elsewhere, or both."""
    if len(content) < 8:
        return content
    start, end = sorted(random.integers(len(content), size=2))
    piece = content[start:end]
    left = content[:start] + content[end:] if random.random() < 0.5 else content
    place = int(random.integers(len(left) + 1))
    return left[:place] + piece + left[place:] if random.random() < 0.7 else left


def _inside(random: np.random.Generator, content: bytes) -> bytes:
    """Damage what is in an archive, so that its sum is right again."""
    try:
        return gzip.compress(damaged(random, gzip.decompress(content)), 1)
    except (OSError, EOFError, ValueError):
        return _exaggerate(random, content)
    except Exception:  # noqa: BLE001 (zlib.error: no archive any more)
        return content


_DAMAGES: list[Damage] = [_flip, _cut, _exaggerate, _misspell, _splice, _inside]
