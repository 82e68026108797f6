"""What the axes of a TIFF file are: channels, slices, height and width.

Programs that do not name the axes of a stack leave open what its pages are, and many
store slices under the name of times or channels. Such a stack is taken as slices,
and asked about.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from specimen_unet.domain.errors import CaseReadError
from specimen_unet.files.questions import Answers, Question, chosen

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile

_CHANNEL_AXES = "CS"
# ImageJ shows no more; programs that do not name the axes of a stack store its
# slices as channels (tifffile does).
_MOST_CHANNELS = 7
_FOUND = {"T": "points in time", "C": "channels"}


class TiffAxes(NamedTuple):
    """Axes in tifffile's letters.

    Attributes
    ----------
    channels : str
        The axis of channels, "" without one.
    spatial : str
        Slices (if any), height and width.
    questions : tuple of Question
        "stack" when the file does not say for certain what its pages are.
    """

    channels: str
    spatial: str
    questions: tuple[Question, ...] = ()


def tiff_axes(tiff: tifffile.TiffFile, path: Path, answers: Answers) -> TiffAxes:
    """Tell the axis of channels, if any, from the spatial ones.

    Raises
    ------
    CaseReadError
        If the file holds anything else than one image with these axes.
    """
    if len(tiff.series) != 1:
        shapes = ", ".join(str(series.shape) for series in tiff.series[:4]) or "none"
        raise CaseReadError(
            f"{path} holds {len(tiff.series)} images ({shapes}), but one was "
            "expected: save the one you need as a file of its own."
        )
    stored, shape = tiff.series[0].axes, tiff.series[0].shape
    channels = [axis for axis in stored if axis in _CHANNEL_AXES]
    slices = [axis for axis in stored if axis not in (*_CHANNEL_AXES, "Y", "X")]
    if not slices and channels == ["C"] and shape[stored.index("C")] > _MOST_CHANNELS:
        channels, slices = [], ["C"]
    if len(channels) > 1 or len(slices) > 1 or not {"Y", "X"} <= set(stored):
        raise CaseReadError(
            f"{path} has the axes {stored} {shape}, but one 2D or 3D image was "
            "expected, with channels or without: split it (ImageJ: Image > "
            "Hyperstacks > Make Substack)."
        )
    if not slices or slices == ["Z"]:
        return TiffAxes("".join(channels), "".join([*slices, "Y", "X"]))
    return _asked(path, slices[0], channels, answers, shape[stored.index(slices[0])])


def _asked(
    path: Path, pages: str, channels: list[str], answers: Answers, number: int
) -> TiffAxes:
    """Take the pages for slices, or for what a person says."""
    question = _question(path, pages, number, may_be_channels=not channels)
    answer = chosen(question, answers)
    if answer == "times":
        raise CaseReadError(
            f"{path} is {number} points in time, but one 2D or 3D image was expected: "
            "save the ones you need as files of their own."
        )
    left = () if "stack" in answers else (question,)
    if answer == "channels":
        return TiffAxes(pages, "YX", left)
    return TiffAxes("".join(channels), f"{pages}YX", left)


def _question(
    path: Path, pages: str, number: int, *, may_be_channels: bool
) -> Question:
    found = f", called {_FOUND[pages]}," if pages in _FOUND else ""
    choices = {"slices": "of one volume"}
    if may_be_channels:
        choices["channels"] = "of one 2D image"
    choices["times"] = "cannot be read: save single ones"
    return Question(
        "stack",
        f"{path} does not say for certain what its {number} pages{found} are. They "
        "are taken for slices.",
        MappingProxyType(choices),
        "slices",
    )
