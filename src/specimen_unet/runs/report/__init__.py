"""A report: one HTML file that needs nothing else, and its tables beside it."""

from specimen_unet.runs.report.content import (
    CaseView,
    ReportContent,
    TrainedModel,
    trained_model,
)
from specimen_unet.runs.report.writing import write_report

__all__ = ["CaseView", "ReportContent", "TrainedModel", "trained_model", "write_report"]
