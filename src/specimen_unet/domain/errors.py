"""Errors that a person can mend: what was found, what was expected, what to do."""


class SpecimenUnetError(Exception):
    """Something a person can mend; the docks and the terminal show its message.

    Anything else that is raised is a bug and is not caught.
    """


class GridMismatchError(SpecimenUnetError):
    """Two images that should lie on one grid do not."""


class NoAnnotationError(SpecimenUnetError):
    """The labels hold nothing that could be learnt or scored."""


class ImageError(SpecimenUnetError):
    """The image holds values nothing can be learnt from (NaN, constant, RGB, ...)."""


class PlanError(SpecimenUnetError):
    """The settings do not fit the cases, or one another."""


class CaseReadError(SpecimenUnetError):
    """A file or folder does not hold a case."""


class ModelFileError(SpecimenUnetError):
    """A model file is truncated, foreign, or made for other images."""


class ExportError(SpecimenUnetError):
    """A model cannot be written for another tool, or not there."""


class RunFolderError(SpecimenUnetError):
    """A run folder is missing something, or is in use."""


class RunBusyError(RunFolderError):
    """Another process works on a run."""


class MemoryExceededError(SpecimenUnetError):
    """The device ran out of memory."""


class SegmentationStopped(SpecimenUnetError):  # noqa: N818 (nothing went wrong)
    """A person stopped a segmentation before its end; there is no result."""


class TrainingDivergedError(SpecimenUnetError):
    """The loss is no longer a number."""
