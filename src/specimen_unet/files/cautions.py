"""What is read although something about it is doubtful."""

from __future__ import annotations


class SpacingWarning(UserWarning):
    """A file says too little, or two different things, about the size of a voxel."""


class UnpairedFilesWarning(UserWarning):
    """Images without labels, or labels without an image, were left out."""


class GroupsAssumedWarning(UserWarning):
    """Which cases belong together was taken from the names of files."""


class OpenQuestionWarning(UserWarning):
    """Files leave open what was taken for granted, such as the size of a pixel."""
