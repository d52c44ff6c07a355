"""The paper's losses against values computed by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from shm.losses import (
    CHARBONNIER,
    GAMMA,
    LAMBDA,
    PAPER,
    LossWeights,
    band_loss,
    laplacian_loss,
    overlap_loss,
    prediction_losses,
    shm_loss,
    tnet_loss,
    trimap_loss,
)


def scene(size: int = 16) -> dict[str, Tensor]:
    """Predicted 0.75 where 0.25 is true, everywhere; white before grey 0.6; trimap all unknown, logits even.
    By hand: alpha 0.5, composition 0.5 * 0.4, L_p 0.35, L_t ln 3."""
    one = torch.ones(1, 1, size, size)
    return {
        "alpha": 0.75 * one,
        "true_alpha": 0.25 * one,
        "foreground": one.expand(1, 3, size, size),
        "background": 0.6 * one.expand(1, 3, size, size),
        "alpha_raw": 0.35 * one,
        "unknown": one,
        "logits": torch.zeros(1, 3, size, size),
        "classes": torch.zeros(1, size, size, dtype=torch.int64),
    }


def floats(parts: dict[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in parts.items()}


def test_the_papers_constants() -> None:
    assert (GAMMA, LAMBDA, CHARBONNIER) == (0.5, 0.01, 1e-6)
    assert (PAPER.gamma, PAPER.trimap, PAPER.epsilon) == (0.5, 0.01, 0)
    assert (PAPER.laplacian, PAPER.band, PAPER.overlap) == (0, 0, 0)


def test_the_papers_loss_is_l_p_plus_a_hundredth_of_l_t_and_nothing_else() -> None:
    parts = floats(shm_loss(**scene()))

    assert parts == pytest.approx(
        {
            "alpha": 0.5,
            "composition": 0.2,
            "prediction": 0.35,
            "trimap": math.log(3),
            "total": 0.35 + 0.01 * math.log(3),
        }
    )


def test_without_a_trimap_to_learn_the_loss_is_l_p() -> None:
    given: dict[str, Any] = scene() | {"logits": None, "classes": None}

    parts = floats(shm_loss(**given))

    assert parts["total"] == pytest.approx(0.35)
    assert "trimap" not in parts


@pytest.mark.parametrize(
    ("weights", "total"),
    [
        (LossWeights(gamma=1.0, trimap=0.0), 0.5),
        (LossWeights(gamma=0.0, trimap=0.0), 0.2),
        (LossWeights(trimap=1.0), 0.35 + math.log(3)),
        (LossWeights(trimap=0.0, band=0.5), 0.35 + 0.5 * 0.1),
        (LossWeights(trimap=0.0, laplacian=0.2), 0.35),  # an even difference has no detail
    ],
)
def test_weights_choose_the_terms(weights: LossWeights, total: float) -> None:
    assert shm_loss(**scene(), weights=weights)["total"].item() == pytest.approx(total)


def test_what_is_not_known_costs_nothing_in_any_term_of_the_alpha() -> None:
    given = scene()
    known = torch.zeros(1, 1, 16, 16)
    known[..., :8] = 1
    given["alpha"][..., 8:] = given["alpha_raw"][..., 8:] = 100.0
    weights = LossWeights(trimap=0.0, band=1.0)

    parts = floats(shm_loss(**given, known=known, weights=weights))

    assert parts["total"] == pytest.approx(0.35 + 0.1)


@pytest.mark.parametrize("weights", [PAPER, LossWeights(laplacian=1.0, band=1.0, epsilon=1e-6)])
def test_the_loss_does_not_depend_on_the_size_of_the_crop(weights: LossWeights) -> None:
    small, large = (floats(shm_loss(**scene(size), weights=weights)) for size in (16, 64))

    assert small == pytest.approx(large)


def test_every_term_gives_gradients_to_what_it_judges() -> None:
    torch.manual_seed(0)
    given = scene() | {"alpha": torch.rand(1, 1, 16, 16), "logits": torch.randn(1, 3, 16, 16)}
    judged = [given[name].requires_grad_() for name in ("alpha", "alpha_raw", "logits")]

    shm_loss(**given, weights=LossWeights(laplacian=1.0, band=1.0))["total"].backward()

    assert all(t.grad is not None and bool((t.grad != 0).any()) for t in judged)


def test_t_nets_own_stage_minimises_the_cross_entropy_alone() -> None:
    given = scene()

    parts = floats(tnet_loss(given["logits"], given["classes"], given["true_alpha"]))

    assert parts == pytest.approx({"trimap": math.log(3), "total": math.log(3)})


def test_t_nets_training_head_counts_0_4_and_overlap_as_much_as_is_asked() -> None:
    given, nobody = scene(), torch.zeros(1, 1, 16, 16)
    sure = torch.tensor([20.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 16, 16)

    parts = floats(
        tnet_loss(sure, given["classes"], nobody, auxiliary=given["logits"], weights=LossWeights(overlap=0.5))
    )

    assert parts["auxiliary"] == pytest.approx(math.log(3))
    assert parts["overlap"] == pytest.approx(0, abs=1e-6)
    assert parts["total"] == pytest.approx(0.4 * math.log(3), abs=1e-6)


def test_nothing_known_of_a_trimap_is_no_loss_rather_than_no_number() -> None:
    assert trimap_loss(torch.zeros(1, 3, 2, 2), torch.full((1, 2, 2), 255)).item() == 0


def test_charbonnier_has_its_epsilon_squared_inside_the_root() -> None:
    equal = torch.full((1, 1, 2, 2), 0.5)
    colours = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)

    parts = prediction_losses(equal, equal, *colours, torch.ones_like(equal), epsilon=1e-6)

    # sqrt(0 + 1e-6 ** 2); with the epsilon itself there it would be 1e-3.
    assert parts["alpha"].item() == pytest.approx(1e-6, rel=1e-3)
    assert parts["composition"].item() == pytest.approx(1e-6, rel=1e-3)


def test_charbonnier_by_hand() -> None:
    alpha, truth = torch.full((1, 1, 2, 2), 0.6), torch.full((1, 1, 2, 2), 0.3)
    colours = torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2)

    parts = prediction_losses(alpha, truth, *colours, torch.ones_like(alpha), epsilon=0.4)

    assert parts["alpha"].item() == pytest.approx(0.5)
    assert parts["composition"].item() == pytest.approx(math.sqrt(0.15**2 + 0.4**2))


def test_charbonnier_is_smooth_where_l1_is_not_and_survives_half_precision() -> None:
    alpha = torch.zeros(1, 1, 2, 2, dtype=torch.float16, requires_grad=True)
    truth, colours = torch.zeros(1, 1, 2, 2), (torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))

    prediction_losses(alpha, truth, *colours, torch.ones_like(truth), epsilon=1e-6)["total"].backward()

    assert alpha.grad is not None
    assert alpha.grad.tolist() == torch.zeros(1, 1, 2, 2).tolist()


def test_an_error_costs_no_composition_where_foreground_and_background_look_alike() -> None:
    # With alpha * I in place of true colours, this would cost half of what alpha costs.
    alpha, truth = torch.full((1, 1, 2, 2), 0.75), torch.full((1, 1, 2, 2), 0.25)
    grey = torch.full((1, 3, 2, 2), 0.5)

    parts = prediction_losses(alpha, truth, grey, grey, torch.ones_like(alpha))

    assert parts["composition"].item() == 0


def test_trimap_loss_of_even_logits_is_log_three() -> None:
    loss = trimap_loss(torch.zeros(1, 3, 2, 2), torch.tensor([[[0, 1], [2, 0]]]))
    assert loss.item() == pytest.approx(1.0986123, abs=1e-6)


def test_trimap_loss_skips_pixels_of_which_nothing_is_known() -> None:
    logits = torch.zeros(1, 3, 1, 2)
    logits[0, 0, 0, 1] = 100.0
    loss = trimap_loss(logits, torch.tensor([[[1, 255]]]))
    assert loss.item() == pytest.approx(1.0986123, abs=1e-6)


def test_prediction_loss_is_half_alpha_and_half_composition() -> None:
    alpha, truth = torch.full((1, 1, 2, 2), 0.75), torch.full((1, 1, 2, 2), 0.25)
    white, grey = torch.ones(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.6)
    parts = prediction_losses(alpha, truth, white, grey, torch.ones(1, 1, 2, 2))
    assert parts["alpha"].item() == pytest.approx(0.5)
    assert parts["composition"].item() == pytest.approx(0.5 * 0.4)
    assert parts["prediction"].item() == pytest.approx(GAMMA * 0.5 + (1 - GAMMA) * 0.2)


def test_composition_compares_composites_of_true_foreground_and_background() -> None:
    torch.manual_seed(0)
    alpha, truth = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    foreground, background = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    composed = alpha * foreground + (1 - alpha) * background
    true = truth * foreground + (1 - truth) * background
    parts = prediction_losses(alpha, truth, foreground, background, torch.ones(2, 1, 4, 4))
    assert parts["composition"].item() == pytest.approx((composed - true).abs().mean().item(), rel=1e-5)


def test_pixels_of_no_weight_do_not_count_and_do_not_dilute() -> None:
    alpha, truth = torch.tensor([[[[1.0, 0.4]]]]), torch.tensor([[[[0.0, 0.0]]]])
    weight = torch.tensor([[[[0.0, 1.0]]]])
    parts = prediction_losses(alpha, truth, torch.ones(1, 3, 1, 2), torch.zeros(1, 3, 1, 2), weight)
    assert parts["alpha"].item() == pytest.approx(0.4)


def test_band_loss_looks_at_the_unknown_region_alone() -> None:
    alpha, truth = torch.tensor([[[[0.5, 1.0]]]]), torch.zeros(1, 1, 1, 2)
    unknown = torch.tensor([[[[1.0, 0.0]]]])
    assert band_loss(alpha, truth, unknown).item() == pytest.approx(0.5)


def test_laplacian_loss_is_zero_only_for_equal_alphas() -> None:
    torch.manual_seed(0)
    truth = torch.rand(1, 1, 32, 32)
    assert laplacian_loss(truth, truth).item() == 0
    assert laplacian_loss(truth.flip(-1), truth).item() > 0.05


@pytest.mark.parametrize(("step", "level"), [(1, 0), (2, 1), (4, 2), (8, 3)])
def test_laplacian_loss_of_a_checkerboard_is_its_height_times_its_levels_weight(
    step: int, level: int
) -> None:
    # Squares of `step` px average to squares of 1 px at their level and to nothing above it.
    y, x = torch.meshgrid(torch.arange(64) // step, torch.arange(64) // step, indexing="ij")
    board = ((x + y) % 2 * 2.0 - 1)[None, None] * 0.25

    finest = laplacian_loss(board, torch.zeros_like(board), levels=level + 1)
    below = laplacian_loss(board, torch.zeros_like(board), levels=level) if level else torch.tensor(0.0)

    assert (finest - below).item() == pytest.approx(2**level * 0.25)


def test_overlap_loss_punishes_a_lost_limb_more_than_cross_entropy_would() -> None:
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 8:12, :] = 1
    nobody = torch.zeros(1, 3, 32, 32)
    nobody[:, 0] = 8.0
    everybody = torch.where(alpha > 0, torch.tensor([0.0, 0.0, 8.0]).view(1, 3, 1, 1), nobody)
    known = torch.ones_like(alpha)
    assert overlap_loss(nobody, alpha, known).item() > 0.6
    assert overlap_loss(everybody, alpha, known).item() < 0.01
