from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from monai.losses.dice import DiceCELoss, GeneralizedDiceLoss
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.special import softmax
from torch.nn import functional

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine import losses
from specimen_unet.engine.losses import LOSSES, build_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.case import Array
    from specimen_unet.domain.plan import Plan
    from specimen_unet.domain.settings import LossName
    from specimen_unet.engine.losses import Loss


@pytest.fixture(params=[(2, 3, 12, 10), (2, 3, 4, 6, 8)], ids=["2d", "3d"])
def logits(request: pytest.FixtureRequest) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(request.param, generator=generator).requires_grad_()


@pytest.fixture
def classes(logits: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    size = (logits.shape[0], *logits.shape[2:])
    drawn = torch.randint(0, 3, size, generator=generator)
    drawn[torch.rand(size, generator=generator) < 0.4] = IGNORED
    return drawn


@pytest.fixture(params=list(LOSSES))
def loss(request: pytest.FixtureRequest, make_plan: Callable[..., Plan]) -> Loss:
    return build_loss(make_plan(loss=request.param))


def test_ignored_voxels_have_exactly_no_gradient(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    loss(logits, classes).backward()
    assert logits.grad is not None
    by_voxel = logits.grad.movedim(1, -1)
    assert (by_voxel[classes == IGNORED] == 0).all()
    assert (by_voxel[classes != IGNORED] != 0).any(-1).all()


@pytest.mark.parametrize("name", [name for name in LOSSES if "boundary" not in name])
def test_ignored_voxels_might_as_well_not_be_there(
    name: LossName,
    logits: torch.Tensor,
    classes: torch.Tensor,
    make_plan: Callable[..., Plan],
) -> None:
    """But for boundaries, to which it matters what lies next to what."""
    loss = build_loss(make_plan(loss=name))
    annotated = classes != IGNORED
    only_annotated = logits.movedim(1, -1)[annotated].T.unsqueeze(0)
    expected = loss(only_annotated, classes[annotated].unsqueeze(0))
    torch.testing.assert_close(loss(logits, classes), expected)


def test_a_margin_that_nobody_annotated_changes_nothing(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    margin = (2, 3) * (logits.ndim - 2)
    wider = functional.pad(logits, margin, value=7.0)
    torch.testing.assert_close(
        loss(wider, functional.pad(classes, margin, value=IGNORED)),
        loss(logits, classes),
    )


def test_what_the_network_says_of_ignored_voxels_changes_nothing(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    changed = torch.where((classes == IGNORED).unsqueeze(1), -logits * 9, logits)
    assert torch.equal(loss(changed, classes), loss(logits, classes))


def test_without_annotation_loss_and_gradients_are_zero(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    value = loss(logits, torch.full_like(classes, IGNORED))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much(
    loss: Loss, classes: torch.Tensor
) -> None:
    sure = 50.0 * functional.one_hot(classes.clamp(0), 3).movedim(-1, 1)
    assert loss(sure, classes).item() == pytest.approx(0, abs=1e-4)
    assert loss(-sure, classes).item() > 0.9


def test_fully_annotated_it_agrees_with_monai(
    logits: torch.Tensor, classes: torch.Tensor, make_plan: Callable[..., Plan]
) -> None:
    classes = classes.clamp(0)
    reference = DiceCELoss(
        softmax=True, to_onehot_y=True, include_background=False, batch=True
    )
    expected = reference(logits, classes.unsqueeze(1))
    torch.testing.assert_close(build_loss(make_plan())(logits, classes), expected)


def test_dice_of_each_patch_agrees_with_monai(
    logits: torch.Tensor, classes: torch.Tensor, make_plan: Callable[..., Plan]
) -> None:
    classes = classes.clamp(0)
    reference = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False)
    expected = reference(logits, classes.unsqueeze(1))
    found = build_loss(make_plan(dice_of="patch"))(logits, classes)
    torch.testing.assert_close(found, expected)


def test_a_small_structure_counts_as_much_as_a_large_one_in_another_patch(
    make_plan: Callable[..., Plan],
) -> None:
    """Pooled, a lesion of 4 pixels beside one of 400 is next to nothing."""
    classes = torch.zeros(2, 32, 32, dtype=torch.int64)
    classes[0, :2, :2] = 1
    classes[1, :20, :20] = 1
    missed = classes.clone()
    missed[0] = 0
    logits = 50.0 * functional.one_hot(missed, 2).movedim(-1, 1)
    losses_of = {
        name: build_loss(make_plan(loss="Dice", dice_of=name))(logits, classes).item()
        for name in ("batch", "patch")
    }
    assert losses_of["batch"] < 0.01
    assert losses_of["patch"] == pytest.approx(0.5, abs=1e-3)


def test_a_patch_without_the_label_does_not_count_in_dice_of_each_patch(
    make_plan: Callable[..., Plan],
) -> None:
    """It would cost 1 whatever is found in it, and teach nothing."""
    loss = build_loss(make_plan(loss="Dice", dice_of="patch"))
    classes = torch.zeros(2, 32, 32, dtype=torch.int64)
    classes[0, :8, :8] = 1
    found = 100.0 * functional.one_hot(classes, 2).movedim(-1, 1) - 50
    assert loss(found, classes).item() == pytest.approx(0, abs=1e-3)
    assert loss(found, classes * 0).item() == 0
    alone = loss(-found[:1], classes[:1])
    torch.testing.assert_close(loss(-found, classes), alone)


def test_without_boundaries_generalised_dice_agrees_with_monai(
    logits: torch.Tensor,
    classes: torch.Tensor,
    make_plan: Callable[..., Plan],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classes = classes.clamp(0)
    monkeypatch.setattr(losses, "_AT_BOUNDARY", 1.0)
    found = build_loss(make_plan(loss="Generalised Dice + boundary"))(logits, classes)
    reference = GeneralizedDiceLoss(
        softmax=True, to_onehot_y=True, batch=True, smooth_nr=0, smooth_dr=0
    )
    expected = reference(logits, classes.unsqueeze(1))
    torch.testing.assert_close(found, expected)


def in_numpy(name: str, logits: Array, classes: Array) -> float:
    """Compute a loss from its formula, of logits (N, K, *) and classes (N, *).

    Tversky: Salehi et al. 2017, eq. 3, alpha 0.3 to false positives and beta 0.7 to
    false negatives. Focal: Abraham & Khan 2019, eq. 4, gamma 4/3. Generalised Dice:
    Sudre et al. 2017, eq. for GDL, every voxel weighted by 4 at boundaries, else 1.
    """
    p, known = softmax(logits, axis=1), classes >= 0
    labels = range(p.shape[1])
    true = np.stack([classes == k for k in labels], 1)
    if name == "Generalised Dice + boundary":
        voxels = known * np.where(touches(classes), 4, 1)
        sizes = [(voxels * true[:, k]).sum() for k in labels]
        weights = [1 / size**2 for size in sizes]
        both = [(voxels * true[:, k] * p[:, k]).sum() for k in labels]
        either = [(voxels * (true[:, k] + p[:, k])).sum() for k in labels]
        return float(1 - 2 * np.dot(weights, both) / np.dot(weights, either))
    losses = []
    for k in labels[1:]:
        found = (p[:, k] * true[:, k] * known).sum()
        too_much = (p[:, k] * ~true[:, k] * known).sum()
        missed = ((1 - p[:, k]) * true[:, k] * known).sum()
        losses.append(1 - found / (found + 0.3 * too_much + 0.7 * missed))
    return float(np.mean(np.power(losses, 0.75 if "Focal" in name else 1)))


def touches(classes: Array) -> Array:
    """Return whether any neighbour of a voxel, or itself, is annotated otherwise."""
    size = (1,) + (3,) * (classes.ndim - 1)
    kind: dict[str, Any] = {"size": size, "mode": "nearest"}
    highest = maximum_filter(classes, **kind)  # the unannotated are -1, the lowest
    lowest = minimum_filter(np.where(classes < 0, 99, classes), **kind)
    return np.asarray(highest > lowest)


@pytest.mark.parametrize(
    "name", ["Tversky", "Focal Tversky", "Generalised Dice + boundary"]
)
def test_it_is_what_its_paper_says_computed_without_torch(
    name: LossName,
    logits: torch.Tensor,
    classes: torch.Tensor,
    make_plan: Callable[..., Plan],
) -> None:
    found = build_loss(make_plan(loss=name))(logits, classes).item()
    expected = in_numpy(name, logits.detach().double().numpy(), classes.numpy())
    # Focal Tversky lies 3.2e-5 lower: its slope is then finite where nothing is wrong.
    assert found == pytest.approx(expected, abs=4e-5)


def test_a_mistake_at_a_boundary_costs_more_than_one_far_from_it(
    make_plan: Callable[..., Plan],
) -> None:
    """Each of two columns is wrong, in an image whose right half has label 1."""
    loss = build_loss(make_plan(loss="Generalised Dice + boundary"))
    classes = torch.zeros(1, 8, 12, dtype=torch.long)
    classes[..., 6:] = 1
    costs = {}
    for column in (1, 5):
        found = classes.clone()
        found[..., column] = 1
        sure = 50.0 * functional.one_hot(found, 2).movedim(-1, 1)
        costs[column] = loss(sure, classes).item()
    assert costs[5] > 2 * costs[1] > 0


def boundary_of(classes: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    shares = losses._shares(classes.unsqueeze(1), logits)
    return losses._at_boundary(shares, (classes != IGNORED).unsqueeze(1)).bool()


def test_labels_next_to_what_nobody_annotated_have_no_boundary_there(
    logits: torch.Tensor, make_plan: Callable[..., Plan]
) -> None:
    """Labels 1 and 2 with a gap between them: no voxel touches another label."""
    classes = torch.full((logits.shape[0], *logits.shape[2:]), IGNORED)
    classes[..., :3], classes[..., 5:] = 1, 2
    assert not boundary_of(classes, logits).any()
    classes[..., 3:5] = 1
    touching = boundary_of(classes, logits)
    assert touching[..., 4:6].all()
    assert not touching[..., :4].any()
    assert not touching[..., 6:].any()


@pytest.mark.parametrize("name", ["Tversky", "Focal Tversky"])
def test_what_is_missed_costs_more_than_what_is_too_much(
    name: LossName, make_plan: Callable[..., Plan]
) -> None:
    """By Salehi's 0.7 to 0.3: 1 - 4 / (4 + 0.7 * 4), and 1 - 8 / (8 + 0.3 * 4)."""
    loss = build_loss(make_plan(loss=name))
    classes = (torch.arange(16) < 8).long().reshape(1, 4, 4)
    costs = []
    for found in (torch.arange(16) < 4, torch.arange(16) < 12):
        sure = 50.0 * functional.one_hot(found.long().reshape(1, 4, 4), 2)
        costs.append(loss(sure.movedim(-1, 1), classes).item())
    power = 0.75 if name == "Focal Tversky" else 1
    assert costs == pytest.approx(
        [(1 - 4 / 6.8) ** power, (1 - 8 / 9.2) ** power], abs=1e-4
    )


def test_nothing_wrong_is_no_obstacle_to_the_focal_slope(
    classes: torch.Tensor, make_plan: Callable[..., Plan]
) -> None:
    """The power of 3/4 alone is infinitely steep where nothing is wrong."""
    sure = 200.0 * functional.one_hot(classes.clamp(0), 3).movedim(-1, 1)
    sure.requires_grad_()
    build_loss(make_plan(loss="Focal Tversky"))(sure, classes).backward()
    assert sure.grad is not None
    assert sure.grad.isfinite().all()


def test_focal_loss_looks_at_doubtful_voxels(make_plan: Callable[..., Plan]) -> None:
    """Of an easy and a hard voxel, the easy one has far less of the gradient."""
    gradients = {}
    for name in ("Dice + cross-entropy", "Dice + focal"):
        logits = torch.tensor([[[[0.0, 0.0]], [[4.0, -1.0]]]], requires_grad=True)
        loss = build_loss(make_plan(loss=name))
        loss(logits, torch.tensor([[[1, 1]]])).backward()
        assert logits.grad is not None
        easy, hard = logits.grad[0, 1, 0].abs().tolist()
        gradients[name] = easy / hard
    assert gradients["Dice + focal"] < gradients["Dice + cross-entropy"]


def test_coarse_outputs_count_half_with_every_level(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    slices = (slice(None),) + (slice(None, None, 2),) * (logits.ndim - 2)
    half = logits[:, :][(slice(None), *slices)]
    fine, coarse = loss(logits, classes), loss(half, classes[slices])
    torch.testing.assert_close(loss([logits, half], classes), (fine + coarse / 2) / 1.5)


def test_it_is_computed_in_float32_inside_autocast(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    expected = loss(logits.bfloat16().float(), classes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits.bfloat16(), classes)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)


@pytest.fixture
def two_observers(logits: torch.Tensor) -> torch.Tensor:
    """Classes (N, 2, *spatial), some of them not annotated by one or by both."""
    generator = torch.Generator().manual_seed(7)
    size = (logits.shape[0], 2, *logits.shape[2:])
    return torch.randint(-1, logits.shape[1], size, generator=generator)


def test_observers_who_drew_the_same_teach_what_one_of_them_does(
    logits: torch.Tensor, loss: losses.Loss, two_observers: torch.Tensor
) -> None:
    drawn = two_observers[:, :1]
    alike = torch.cat([drawn, drawn], 1)
    torch.testing.assert_close(loss(logits, alike), loss(logits, drawn[:, 0]))


def test_who_annotated_nothing_is_left_out_of_the_shares(
    logits: torch.Tensor, loss: losses.Loss, two_observers: torch.Tensor
) -> None:
    drawn = two_observers[:, :1]
    beside_nobody = torch.cat([drawn, torch.full_like(drawn, IGNORED)], 1)
    torch.testing.assert_close(loss(logits, beside_nobody), loss(logits, drawn[:, 0]))


def test_cross_entropy_of_two_observers_is_the_mean_of_that_of_each(
    logits: torch.Tensor, two_observers: torch.Tensor
) -> None:
    everywhere = two_observers.clamp(min=0)

    def entropy(classes: torch.Tensor) -> torch.Tensor:
        shares = losses._shares(classes, logits)
        annotated = (classes != IGNORED).any(1, keepdim=True)
        return losses._cross_entropy(logits.log_softmax(1), shares, annotated)

    each = torch.stack([entropy(everywhere[:, i : i + 1]) for i in (0, 1)])
    torch.testing.assert_close(entropy(everywhere), each.mean())


def test_shares_of_disputed_voxels_are_learnt_best_as_they_are(
    make_plan: Callable[..., Plan],
) -> None:
    """One of two observers marks every voxel: cross-entropy is least at a half."""
    classes = torch.tensor([0, 1]).reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    costs = {}
    for share in (0.2, 0.5, 0.8):
        p = torch.tensor([1 - share, share]).log().reshape(1, 2, 1, 1)
        shares = losses._shares(classes, p.expand(1, 2, 4, 4))
        mask = torch.ones(1, 1, 4, 4)
        costs[share] = losses._cross_entropy(p.expand(1, 2, 4, 4), shares, mask).item()
    assert costs[0.5] == pytest.approx(np.log(2))
    assert costs[0.5] < min(costs[0.2], costs[0.8])
