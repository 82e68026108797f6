"""The plan in plain words, before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container, PushButton, Widget

from specimen_unet.widgets.amounts import count_text, memory_text, time_text
from specimen_unet.widgets.note import QUIET, Note

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

_FOLDED, _UNFOLDED = "▸ Why this plan", "▾ Why this plan"


class PlanView(Container[Widget]):
    """Shows what would be trained, what it takes, and what its score is worth."""

    def __init__(self) -> None:
        super().__init__(labels=False, name="plan")
        self.status = Note("plan_status")
        self.problem = Note("plan_problem", "problem")
        self.summary = Note("plan_summary", tooltip="What will be trained, and where")
        self.summary.native.setStyleSheet("font-weight: bold;")
        self.forecast = Note("plan_forecast", tooltip="Measured and forecast just now")
        self.caution = Note("plan_caution", "caution")
        self._toggle = PushButton(
            name="show_reasons",
            text=_FOLDED,
            tooltip="Show or hide the reason of every decision",
            visible=False,
        )
        self._toggle.native.setStyleSheet(QUIET)
        self.reasons = Note("plan_reasons")
        self.extend([self.status, self.problem, self.summary, self.forecast])
        self.extend([self.caution, self._toggle, self.reasons])
        self.margins = (0, 0, 0, 0)
        self._plan: Plan | None = None
        self._toggle.changed.connect(self._fold)

    def show_status(self, text: str) -> None:
        """Say what is going on; the last plan stays until there is another."""
        self.status.tell(text)
        self.problem.tell("")

    def show_problem(self, text: str) -> None:
        """Say why there is no plan."""
        self.show_plan(None)
        self.problem.tell(text)

    def show_plan(self, plan: Plan | None) -> None:
        """Show a plan, or none."""
        self._plan = plan
        self.show_status("")
        self.summary.tell(plan_title(plan) if plan else "")
        self.forecast.tell(_forecast(plan) if plan else "")
        self.caution.tell(plan.split.caution if plan else "")
        self._toggle.visible = plan is not None
        self._toggle.text = _FOLDED
        self.reasons.tell("")

    def _fold(self) -> None:
        is_shown = self._toggle.text == _UNFOLDED
        self._toggle.text = _FOLDED if is_shown else _UNFOLDED
        reasons = [] if is_shown or self._plan is None else self._plan.reasons.values()
        self.reasons.tell("\n".join(f"• {reason}" for reason in reasons))


def plan_title(plan: Plan) -> str:
    """Say in a line what is trained, and on which device."""
    return f"{plan.dimensions}D {plan.network} on {plan.device_name}"


def _forecast(plan: Plan) -> str:
    """Say what training takes, and what it is scored on."""
    forecast = plan.forecast
    steps = f"about {count_text(forecast.steps)} steps of "
    takes = (
        f"{time_text(forecast.seconds_per_step)}, {memory_text(forecast.memory_bytes)}"
    )
    ends = {
        "minutes": f"{plan.minutes:g} min: {steps}{takes} of memory.",
        "steps": f"{count_text(plan.steps)} steps of {takes} of memory.",
        "no improvement": f"At most {plan.minutes:g} min: {steps}{takes} of memory.",
    }
    held_out = "" if plan.split.held_out else _validated_on(plan.split.validation)
    return ends[plan.ending] + held_out


def _validated_on(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if names[4:] else "")
    return f"\nHeld out to score the model: {shown}."
