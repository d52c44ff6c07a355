"""The networks are those of the paper: parameters, strides, class order, fusion; and the starter is light."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shm import matter
from shm.checkpoint import save
from shm.fusion import fuse, trimap_probabilities
from shm.model import SHM, STRIDE, SHMConfig
from shm.runtime import fold_batch_norms
from shm.tnet import BACKGROUND, FOREGROUND, UNKNOWN

PRESETS = ("paper", "starter")


def on_meta(preset: str) -> SHM:
    """A network without memory or arithmetic: shapes and counts only."""
    with torch.device("meta"):
        return SHM(SHMConfig.preset(preset)).eval()


def tiny(preset: str) -> SHM:
    """The preset's structure with few channels, its batch norms as if trained."""
    torch.manual_seed(0)
    values = SHMConfig.preset(preset).to_dict()
    values["tnet"] |= {"head": 16, "refine": [8] * len(values["tnet"]["refine"])}
    values["mnet"] |= {"width": 1 / 16}
    values["tnet_long_side"] = 64
    model = SHM(SHMConfig.from_dict(values))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model


def millions(module: nn.Module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


def test_the_papers_m_net_has_25_69_million_parameters() -> None:
    assert millions(on_meta("paper").mnet) == pytest.approx(25.69, abs=0.005)


def test_the_papers_t_net_is_a_pspnet_50() -> None:
    tnet = on_meta("paper").tnet

    assert tnet.backbone.stride == 8
    assert tnet.pyramid.bins == (1, 2, 3, 6)
    assert millions(tnet) - millions(tnet.auxiliary) == pytest.approx(46.6, abs=0.2)


def test_the_papers_m_net_has_thirteen_3x3_and_six_5x5_convolutions() -> None:
    kernels = [m.kernel_size[0] for m in on_meta("paper").mnet.modules() if isinstance(m, nn.Conv2d)]

    assert kernels == [3] * 13 + [5] * 6


@pytest.mark.parametrize("preset", PRESETS)
def test_the_backbones_features_have_the_strides_they_claim(preset: str) -> None:
    backbone = on_meta(preset).tnet.backbone

    at4, at8, _, deep = backbone(torch.empty(1, 3, 320, 256, device="meta"))

    assert (at4.shape[-2:], at8.shape[-2:]) == ((80, 64), (40, 32))
    assert deep.shape[-2:] == (320 // backbone.stride, 256 // backbone.stride)


@pytest.mark.parametrize("preset", PRESETS)
def test_three_maps_come_back_at_the_photos_size(preset: str) -> None:
    output = on_meta(preset)(torch.empty(2, 3, 96, 64, device="meta"))

    assert output.trimap_logits.shape == (2, 3, 96, 64)
    assert output.alpha_raw.shape == output.alpha.shape == (2, 1, 96, 64)


def test_classes_are_background_unknown_foreground() -> None:
    assert (BACKGROUND, UNKNOWN, FOREGROUND) == (0, 1, 2)


@pytest.mark.parametrize(
    ("sure_of", "raw", "alpha"), [(BACKGROUND, 0.7, 0.0), (UNKNOWN, 0.7, 0.7), (FOREGROUND, 0.7, 1.0)]
)
def test_fusion_takes_the_raw_alpha_only_where_the_trimap_is_unknown(
    sure_of: int, raw: float, alpha: float
) -> None:
    trimap = nn.functional.one_hot(torch.tensor([[[sure_of]]]), 3).permute(0, 3, 1, 2).float()

    fused = fuse(trimap, torch.full((1, 1, 1, 1), raw))

    assert float(fused) == pytest.approx(alpha)


def test_fusion_is_equation_3_of_the_paper() -> None:
    torch.manual_seed(0)
    trimap = trimap_probabilities(torch.randn(2, 3, 8, 8, dtype=torch.float64) * 3).double()
    raw = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    b, u, f = trimap.split(1, dim=1)

    equation_3 = (1 - u) * f / (f + b) + u * raw

    torch.testing.assert_close(fuse(trimap, raw), equation_3, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_gradients_reach_every_parameter(preset: str) -> None:
    model = tiny(preset).train()
    photo = torch.rand(2, 3, 64, 64)

    output = model(photo)
    logits, auxiliary = model.tnet.both(model.normalise(photo))
    loss = output.alpha.sum() + logits.sum() + (0 if auxiliary is None else auxiliary.square().sum())
    loss.backward()

    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_raw_alphas_outside_the_range_still_get_gradients_in_training() -> None:
    trimap = trimap_probabilities(torch.zeros(1, 3, 1, 1))
    raw = torch.tensor([[[[7.0]]]], requires_grad=True)

    fuse(trimap, raw).sum().backward()

    assert float(raw.grad) == pytest.approx(1 / 3)  # type: ignore[arg-type]


def test_the_starter_needs_at_most_70_gflop_for_an_800x592_photo() -> None:
    model, counter = on_meta("starter"), FlopCounterMode(display=False)

    with counter, torch.no_grad():
        model(torch.empty(1, 3, 800, 608, device="meta"))  # 592, padded to a multiple of 32

    assert 20e9 < counter.get_total_flops() <= 70e9


def test_the_starters_file_is_at_most_15_mib(tmp_path: Path) -> None:
    path = save(tmp_path / "starter.safetensors", SHM(SHMConfig.preset("starter")))

    assert path.stat().st_size <= 15 * 2**20


@pytest.mark.parametrize("preset", PRESETS)
def test_folding_batch_norms_changes_nothing_but_rounding(preset: str) -> None:
    model = tiny(preset).eval()
    photo = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))

    with torch.inference_mode():
        before = model(photo)
        fold_batch_norms(model)
        after = model(photo)

    torch.testing.assert_close(after.alpha, before.alpha, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_photos_sides_are_multiples_of_what_the_network_asks() -> None:
    assert matter.STRIDE == STRIDE


@pytest.mark.parametrize("preset", PRESETS)
def test_a_configuration_survives_json(preset: str) -> None:
    config = SHMConfig.preset(preset)

    assert SHMConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="paper, starter"):
        SHMConfig.preset("huge")
