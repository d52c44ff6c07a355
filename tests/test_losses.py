"""The paper's losses against values computed by hand."""

import pytest
import torch

from shm.losses import GAMMA, band_loss, laplacian_loss, overlap_loss, prediction_losses, trimap_loss


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


def test_no_loss_depends_on_the_size_of_the_crop() -> None:
    small = prediction_losses(
        torch.full((1, 1, 4, 4), 0.5),
        torch.zeros(1, 1, 4, 4),
        torch.ones(1, 3, 4, 4),
        torch.zeros(1, 3, 4, 4),
        torch.ones(1, 1, 4, 4),
    )
    large = prediction_losses(
        torch.full((1, 1, 64, 64), 0.5),
        torch.zeros(1, 1, 64, 64),
        torch.ones(1, 3, 64, 64),
        torch.zeros(1, 3, 64, 64),
        torch.ones(1, 1, 64, 64),
    )
    assert small["prediction"].item() == pytest.approx(large["prediction"].item())


def test_band_loss_looks_at_the_unknown_region_alone() -> None:
    alpha, truth = torch.tensor([[[[0.5, 1.0]]]]), torch.zeros(1, 1, 1, 2)
    unknown = torch.tensor([[[[1.0, 0.0]]]])
    assert band_loss(alpha, truth, unknown).item() == pytest.approx(0.5)


def test_laplacian_loss_is_zero_only_for_equal_alphas() -> None:
    torch.manual_seed(0)
    truth = torch.rand(1, 1, 32, 32)
    assert laplacian_loss(truth, truth).item() == 0
    assert laplacian_loss(truth.flip(-1), truth).item() > 0.05


def test_overlap_loss_punishes_a_lost_limb_more_than_cross_entropy_would() -> None:
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 8:12, :] = 1
    nobody = torch.zeros(1, 3, 32, 32)
    nobody[:, 0] = 8.0
    everybody = torch.where(alpha > 0, torch.tensor([0.0, 0.0, 8.0]).view(1, 3, 1, 1), nobody)
    known = torch.ones_like(alpha)
    assert overlap_loss(nobody, alpha, known).item() > 0.6
    assert overlap_loss(everybody, alpha, known).item() < 0.01
