from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from specimen_unet.domain.card import Metrics
from specimen_unet.domain.case import Case
from specimen_unet.domain.control import Control, PreviewRequest, WorkLeft
from specimen_unet.domain.errors import (
    PlanError,
    RunFolderError,
    TrainingDivergedError,
)
from specimen_unet.domain.events import (
    CheckpointSaved,
    PlanReady,
    Preview,
    StepDone,
    Validated,
    Warned,
)
from specimen_unet.domain.plan import Split
from specimen_unet.engine import saving, state
from specimen_unet.engine.course import Course
from specimen_unet.engine.networks import weights_of
from specimen_unet.engine.patches import Patches
from specimen_unet.engine.training import training

STEPS = 12


@pytest.fixture
def cases(blob_cases):
    return blob_cases


@pytest.fixture
def plan_for(make_plan, spatial):
    """A plan for small blobs; the last of four is held out."""

    def make(**changes):
        dimensions = changes.pop("dimensions", len(spatial))
        values = {
            "steps": STEPS,
            "patch": (8, 16, 16)[-dimensions:],
            "spacing": (2.0, 0.5, 0.5)[-dimensions:],
            "learning_rate": 0.01,
            "split": Split(
                training=("blob 0", "blob 1", "blob 2"), validation=("blob 3",)
            ),
        }
        return make_plan(dimensions, **{**values, **changes})

    return make


@pytest.fixture
def plan(plan_for):
    return plan_for()


def finish(events):
    """Return the events and the model of a training."""
    heard = []
    while True:
        try:
            heard.append(next(events))
        except StopIteration as end:
            return heard, end.value


def of_kind(kind, events):
    return [event for event in events if isinstance(event, kind)]


def assert_same_model(found, expected):
    left, right = weights_of(found.network), weights_of(expected.network)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert found.card.metrics == expected.card.metrics
    assert found.card.steps_done == expected.card.steps_done


def patch_threads():
    return [thread for thread in threading.enumerate() if thread.name == "patches"]


def test_events_tell_the_training_from_plan_to_model(cases, plan):
    events, model = finish(training(cases, plan))
    assert events[0] == PlanReady(plan)
    steps = of_kind(StepDone, events)
    assert [event.step for event in steps] == [*range(1, STEPS + 1)]
    assert steps[-1].progress == 1
    assert all(event.seconds_left >= 0 for event in steps)
    last = of_kind(Validated, events)[-1]
    assert last.step == STEPS
    assert 0 <= last.mean_dice <= 1
    assert last.dice.keys() == {1}
    assert last.by_observer.keys() == {"EA"}
    assert not model.network.training
    assert not patch_threads()


def test_a_short_training_learns_blobs_it_has_not_seen(cases, plan_for):
    plan = plan_for(steps=60, batch=4)
    events, model = finish(training(cases, plan))
    losses = [event.loss for event in of_kind(StepDone, events)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
    assert model.card.metrics.mean_dice > 0.8
    validated = of_kind(Validated, events)
    assert max(validated, key=lambda event: event.mean_dice).is_best
    last = validated[-1]
    assert model.card.metrics.mean_dice == last.mean_dice
    assert (model.card.metrics.step, model.card.metrics.validations) == (60, 1)
    assert last.step == 60


def test_the_model_has_the_weights_at_the_end_where_others_did_better(
    cases, plan_for, monkeypatch
):
    monkeypatch.setattr(state, "_CLEARLY_WORSE", 1.0)
    plan = plan_for(steps=4)
    course = Course(cases, plan, torch.device("cpu"), Control(), None, None)
    perfect = {"mean_dice": 1.0, "mean_iou": 1.0, "dice": {}, "by_observer": {}}
    course._state.note_scores(Metrics(step=0, **perfect))
    finish(course.run())
    model = course.model()
    assert model.card.metrics.step == 4
    assert model.card.metrics.mean_dice < 1
    at_the_end = weights_of(course._learner.smoothed)
    for name, weight in weights_of(model.network).items():
        assert torch.equal(weight, at_the_end[name])


def test_a_stopped_training_keeps_its_best_weights(cases, plan_for):
    """In the middle the learning rate is high: one moment is as good as another."""
    control = Control()
    heard = []
    for event in (work := training(cases, plan_for(steps=60), control=control)):
        heard.append(event)
        if len(of_kind(Validated, heard)) == 3:
            control.stop()
            break
    more, model = finish(work)
    dice = [event.mean_dice for event in of_kind(Validated, heard + more)]
    assert len(dice) == 3
    assert model.card.metrics.mean_dice == max(dice)
    assert model.card.metrics.validations == 3


def test_a_2d_network_learns_from_the_slices_of_volumes(plan_for, make_blob_case):
    cases = [make_blob_case((6, 24, 24), seed=seed) for seed in range(4)]
    _, model = finish(training(cases, plan_for(dimensions=2, steps=60, batch=8)))
    assert model.card.metrics.mean_dice > 0.75


@pytest.mark.parametrize("optimiser", ["AdamW", "Adam", "SGD"])
def test_every_optimiser_lowers_the_loss(optimiser, cases, plan_for):
    plan = plan_for(optimiser=optimiser, steps=20, augmentation=0.0)
    events, _ = finish(training(cases, plan))
    losses = [event.loss for event in of_kind(StepDone, events)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_same_seed_gives_the_same_model(cases, plan, plan_for):
    _, first = finish(training(cases, plan))
    _, second = finish(training(cases, plan))
    _, other = finish(training(cases, plan_for(seed=1)))
    assert_same_model(first, second)
    with pytest.raises(AssertionError):
        assert_same_model(first, other)


@pytest.mark.parametrize("optimiser", ["AdamW", "SGD"])
def test_a_training_left_again_and_again_gives_the_same_model(
    optimiser, cases, plan_for, tmp_path, monkeypatch
):
    """Also when checkpoints are saved at every step, or only on leaving."""
    plan = plan_for(optimiser=optimiser)
    _, expected = finish(training(cases, plan))
    for stop_at in (0, 1, 5, STEPS // 2, STEPS - 1, STEPS):
        events = training(cases, plan, checkpoints=tmp_path, resume=True)
        next(events)
        for event in events:
            if isinstance(event, StepDone) and event.step > stop_at:
                break
        events.close()
    assert not patch_threads()
    _, found = finish(training(cases, plan, checkpoints=tmp_path, resume=True))
    assert_same_model(found, expected)


def test_a_killed_training_goes_on_from_its_last_checkpoint(
    cases, plan, tmp_path, monkeypatch
):
    """Whatever came after the checkpoint is done again, and the same."""
    monkeypatch.setattr(saving, "_SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(saving, "_TIMES_LONGER", 0)
    _, expected = finish(training(cases, plan))
    events, _ = finish(training(cases, plan, checkpoints=tmp_path))
    assert len(of_kind(CheckpointSaved, events)) >= STEPS
    path = tmp_path / "checkpoint.safetensors"
    events = training(cases, plan, checkpoints=tmp_path)
    copies = [
        path.read_bytes() for event in events if isinstance(event, CheckpointSaved)
    ]
    for copy in copies[1::4]:
        path.write_bytes(copy)
        _, found = finish(training(cases, plan, checkpoints=tmp_path, resume=True))
        assert_same_model(found, expected)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_training_that_has_ended_is_prolonged(cases, plan, tmp_path):
    """It goes on from where it was, with what the optimiser knows, and is scored."""
    _, ended = finish(training(cases, plan, checkpoints=tmp_path))
    events, model = finish(
        training(cases, plan, checkpoints=tmp_path, more_minutes=0.03)
    )
    steps = of_kind(StepDone, events)
    assert steps[0].step == STEPS + 1
    assert steps[0].progress < 0.5
    assert steps[-1].progress > 0.5
    assert max(event.learning_rate for event in steps) > 10 * steps[-1].learning_rate
    assert of_kind(Validated, events)[-1].step == steps[-1].step
    assert model.card.steps_done == steps[-1].step
    assert model.card.metrics.mean_dice >= ended.card.metrics.mean_dice


def test_a_prolonged_training_that_is_left_gives_the_same_model(cases, plan, tmp_path):
    finish(training(cases, plan, checkpoints=tmp_path))
    saving.prolong(tmp_path, plan, steps=6)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    _, expected = finish(training(cases, plan, checkpoints=tmp_path, resume=True))
    assert expected.card.steps_done == STEPS + 6
    (tmp_path / "checkpoint.safetensors").write_bytes(kept)
    for stop_at in (STEPS + 1, STEPS + 4):
        events = training(cases, plan, checkpoints=tmp_path, resume=True)
        for event in events:
            if isinstance(event, StepDone) and event.step >= stop_at:
                break
        events.close()
    _, found = finish(training(cases, plan, checkpoints=tmp_path, resume=True))
    assert_same_model(found, expected)


def test_what_was_never_begun_cannot_be_prolonged(cases, plan, tmp_path):
    with pytest.raises(RunFolderError, match="nothing to prolong"):
        finish(training(cases, plan, checkpoints=tmp_path, more_minutes=1))
    finish(training(cases, plan, checkpoints=tmp_path))
    with pytest.raises(PlanError, match="more than 0 minutes"):
        finish(training(cases, plan, checkpoints=tmp_path, more_minutes=0))


def test_a_checkpoint_of_another_plan_is_refused(cases, plan, plan_for, tmp_path):
    finish(training(cases, plan, checkpoints=tmp_path))
    with pytest.raises(RunFolderError, match="another plan"):
        finish(training(cases, plan_for(seed=5), checkpoints=tmp_path, resume=True))


def test_a_damaged_checkpoint_is_refused(cases, plan, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nonsense")
    with pytest.raises(RunFolderError, match="damaged"):
        finish(training(cases, plan, checkpoints=tmp_path, resume=True))


def test_a_stopped_training_keeps_what_it_has(cases, plan_for):
    control = Control()
    events = training(cases, plan_for(steps=1000), control=control)
    assert isinstance(next(events), PlanReady)
    assert [next(events).step for _ in range(3)] == [1, 2, 3]
    control.stop()
    _, model = finish(events)
    assert model.card.steps_done == 3
    assert model.card.metrics.step == 3
    assert not patch_threads()


def test_a_paused_training_waits_saved_and_answers_previews(cases, plan, tmp_path):
    control = Control()
    events = training(cases, plan, control=control, checkpoints=tmp_path)
    heard = [next(events)]
    control.pause()
    control.ask_preview(PreviewRequest("blob 3", 0))
    heard += [next(events) for _ in range(2)]
    assert {type(event) for event in heard[1:]} == {CheckpointSaved, Preview}
    threading.Timer(0.5, control.go_on).start()
    start = time.perf_counter()
    step = next(events)
    assert time.perf_counter() - start > 0.4
    assert isinstance(step, StepDone)
    _, model = finish(events)
    _, expected = finish(training(cases, plan))
    assert_same_model(model, expected)


def test_pauses_do_not_count_as_time(cases, plan):
    control = Control()
    events = training(cases, plan, control=control)
    next(events)
    control.pause()
    threading.Timer(2.0, control.go_on).start()
    assert next(events).seconds < 1.9


def test_a_training_that_is_left_is_saved(cases, plan, tmp_path):
    control = Control()
    events = training(cases, plan, control=control, checkpoints=tmp_path)
    assert [type(next(events)) for _ in range(2)] == [PlanReady, StepDone]
    control.leave()
    assert isinstance(next(events), CheckpointSaved)
    with pytest.raises(WorkLeft):
        next(events)
    assert not patch_threads()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_preview_is_the_slice_as_labels(dimensions, plan_for, make_blob_case):
    cases = [make_blob_case((10, 24, 28), seed=seed, labels=2) for seed in range(4)]
    plan = plan_for(dimensions=dimensions, label_values=(0, 1, 2))
    control = Control()
    events = training(cases, plan, control=control)
    next(events)
    control.ask_preview(PreviewRequest("blob 1", 9))
    (preview,) = of_kind(Preview, [next(events), next(events)])
    assert (preview.case, preview.index, preview.step) == ("blob 1", 9, 0)
    assert 0 < preview.seconds < 60
    assert preview.labels.shape == (24, 28)
    assert preview.labels.dtype == np.uint8
    assert set(np.unique(preview.labels)) <= {0, 1, 2}


def test_a_preview_does_not_change_the_training(cases, plan):
    control = Control()
    _, expected = finish(training(cases, plan))
    events = training(cases, plan, control=control)
    for event in events:
        if isinstance(event, StepDone):
            control.ask_preview(PreviewRequest("blob 0", 0))
            break
    _, found = finish(events)
    assert_same_model(found, expected)


def test_a_preview_of_nothing_is_a_warning(cases, plan):
    control = Control()
    events = training(cases, plan, control=control)
    control.ask_preview(PreviewRequest("unknown", 0))
    heard, _ = finish(events)
    assert [event.message for event in of_kind(Warned, heard)] == [
        "There is no slice 0 of 'unknown' to preview."
    ]


@pytest.mark.alone
@pytest.mark.slow
def test_minutes_are_kept_validation_included(cases, plan_for):
    """Within 5 % of 12 s; by the training's own clock, which starts with it."""
    plan = plan_for(ending="minutes", minutes=0.2)
    start = time.perf_counter()
    events, model = finish(training(cases, plan))
    assert 0.95 * 12 < time.perf_counter() - start < 1.05 * 12
    steps = of_kind(StepDone, events)
    assert steps[-1].learning_rate < 0.2 * plan.learning_rate
    assert of_kind(Validated, events)[-1].step == steps[-1].step
    assert model.card.minutes_trained == pytest.approx(0.2, rel=0.05)


def test_training_ends_when_nothing_improves(cases, plan_for, monkeypatch):
    plan = plan_for(ending="no improvement", minutes=0.5, learning_rate=1e-9)
    monkeypatch.setattr("specimen_unet.engine.schedule._FEWEST_STEPS_BETWEEN", 1)
    monkeypatch.setattr("specimen_unet.engine.schedule._PATIENCE", 2)
    start = time.perf_counter()
    events, _ = finish(training(cases, plan))
    assert time.perf_counter() - start < 20
    assert len(of_kind(Validated, events)) >= 3
    assert of_kind(StepDone, events)[-1].progress == 1


@pytest.mark.parametrize("held_out", [(2, 5)])
def test_one_case_is_scored_on_its_held_out_slices_only(
    held_out, plan_for, make_blob_case, spatial
):
    case = make_blob_case((16, *spatial[1:]))
    split = Split(
        training=(case.name,),
        validation=(case.name,),
        held_out=held_out,
        excluded=(1, 6),
        caution="One case only.",
    )
    plan = plan_for(split=split, steps=3)

    def scored(change):
        labels = case.labels["EA"].copy()
        change(labels)
        garbled = Case(
            case.image, {"EA": labels}, spacing=case.grid.spacing, unit="mm",
            name=case.name,
        )  # fmt: skip
        _, model = finish(training([garbled], plan))
        return model

    expected = scored(lambda labels: None)

    def empty_the_gap(labels):
        labels[1] = labels[5] = 1

    def empty_the_block(labels):
        labels[2:5] = 1 - labels[2:5]

    assert_same_model(scored(empty_the_gap), expected)
    found = scored(empty_the_block)
    assert found.card.metrics != expected.card.metrics
    assert found.card.metrics.caution == "One case only."


def test_what_is_painted_while_training_is_learnt_from(spatial, plan_for):
    """Nothing but background at first; then a person paints the bright half."""
    generator = np.random.default_rng(0)
    image = generator.normal(0, 0.1, spatial)
    image[..., spatial[-1] // 2 :] += 1
    labels = {name: np.zeros(spatial, np.uint8) for name in ("a", "b")}
    cases = [
        Case(
            image,
            {"EA": drawn},
            spacing=(2.0, 0.5, 0.5)[-len(spatial) :],
            unit="mm",
            name=name,
        )
        for name, drawn in labels.items()
    ]
    split = Split(training=("a",), validation=("b",))
    plan = plan_for(split=split, steps=80, augmentation=0.0)
    events = training(cases, plan)
    for event in events:
        if isinstance(event, StepDone) and event.step == 10:
            break
    for drawn in labels.values():
        drawn[image > 0.5] = 1
    _, model = finish(events)
    assert model.card.metrics.mean_dice > 0.8


def relabelled(case, paint):
    """Return a copy of a case after `paint` was at every observer's labels."""
    labels = {observer: drawn.copy() for observer, drawn in case.labels.items()}
    for drawn in labels.values():
        paint(drawn)
    spacing, unit = case.grid.spacing, case.grid.unit
    return Case(case.image, labels, spacing=spacing, unit=unit, name=case.name)


def test_a_label_painted_after_the_plan_was_made_is_told_once(cases, plan_for):
    repainted = [
        relabelled(case, lambda drawn: drawn[..., 0].fill(7)) for case in cases
    ]
    events, _ = finish(training(repainted, plan_for(steps=6)))
    (told,) = of_kind(Warned, events)
    assert "Label 7 was painted after this training was planned" in told.message
    assert "start a new training" in told.message


def test_patches_without_annotation_are_passed_over(cases, plan_for):
    cases = [relabelled(case, lambda drawn: drawn.fill(0)) for case in cases]
    plan = plan_for(label_values=(0, 9), annotation="painted", painted_background=8)
    before = weights_of(finish(training(cases, plan_for(steps=1)))[1].network)
    events, model = finish(training(cases, plan))
    assert len(of_kind(Warned, events)) == 1
    assert len(of_kind(StepDone, events)) == STEPS
    assert before.keys() == weights_of(model.network).keys()
    assert model.card.metrics is None


def without_numbers(case):
    return Case(
        np.full(case.shape, np.nan),
        case.labels,
        spacing=case.grid.spacing,
        unit="mm",
        name=case.name,
    )


def test_a_step_whose_loss_is_no_number_is_skipped(cases, plan_for):
    events, model = finish(
        training([without_numbers(cases[0]), *cases[1:]], plan_for())
    )
    assert len(of_kind(StepDone, events)) == STEPS
    assert len(of_kind(Warned, events)) == 1
    assert all(weight.isfinite().all() for weight in weights_of(model.network).values())


def test_a_loss_that_stays_no_number_ends_the_training(cases, plan, tmp_path):
    broken = [without_numbers(case) for case in cases[:3]]
    events = training([*broken, cases[3]], plan, checkpoints=tmp_path)
    with pytest.raises(TrainingDivergedError, match=r"learning rate below 0\.01"):
        finish(events)
    assert not patch_threads()


def test_an_error_in_the_thread_reaches_the_caller(cases, plan, monkeypatch):
    def fail(self, step):
        raise RuntimeError("patch 0 is broken")

    monkeypatch.setattr(Patches, "batch", fail)
    with pytest.raises(RuntimeError, match="patch 0 is broken"):
        finish(training(cases, plan))
    assert not patch_threads()


def test_a_model_can_be_trained_further(cases, plan_for):
    _, first = finish(training(cases, plan_for(steps=40, batch=4)))
    fine_tuning = plan_for(steps=2, learning_rate=1e-6)
    events, second = finish(training(cases, fine_tuning, start_from=first))
    assert second.card.parent == first.name
    assert of_kind(Validated, events)[0].mean_dice == pytest.approx(
        first.card.metrics.mean_dice, abs=0.1
    )


def test_the_card_says_where_the_model_comes_from(two_observer_cases, plan):
    _, model = finish(training(two_observer_cases, plan))
    card = model.card
    assert card.plan == plan
    assert card.observers == ("EA", "MG")
    assert card.groups == {case.name: case.group for case in two_observer_cases}
    assert card.case_hashes.keys() == card.groups.keys()
    assert card.label_colours.keys() == {1}
    assert card.metrics.by_observer.keys() == {"EA", "MG"}
    assert {"torch", "monai", "specimen-unet"} <= card.versions.keys()
    assert card.steps_done == STEPS
    assert card.date.endswith("+00:00")
