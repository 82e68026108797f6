"""What a person may choose for a cross-validation in a form."""

from __future__ import annotations

from pydantic import Field

from specimen_unet.domain.settings import TrainingSettings

NOT_ASKED = ("folds", "fold")
"""How a fold holds out some of what it learns from: not to be taken for the folds."""


class StudyChoices(TrainingSettings):
    """How every fold is trained, and how many folds there are."""

    minutes: float = Field(
        10, ge=0.05, le=100_000, title="Minutes a fold",
        description="How long to train each model.", json_schema_extra={"step": 1},
    )  # fmt: skip
    study_folds: int = Field(
        5,
        ge=2,
        le=20,
        title="Folds",
        description="How many models are trained. Each leaves out one part of the "
        "cases, whole groups, and is scored on it.",
    )

    @property
    def training(self) -> TrainingSettings:
        """Settings of every fold's training."""
        return TrainingSettings(**self.model_dump(exclude={"study_folds"}))

    @property
    def minutes_in_all(self) -> float | None:
        """How long all trainings take together; None where they end by steps."""
        if self.ending == "steps":
            return None
        return self.minutes * self.study_folds
