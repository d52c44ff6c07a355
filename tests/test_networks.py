"""The networks are those of the paper: parameters, strides, class order, fusion; and the starter is light."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model

from shm import matter
from shm.checkpoint import save
from shm.fusion import fuse, trimap_probabilities
from shm.mnet import MNet, MNetConfig
from shm.model import SHM, STRIDE, SHMConfig
from shm.pretrained import CLASSIFIERS, WrongWeights, start_backbone
from shm.runtime import fold_batch_norms
from shm.tnet import BACKBONES, BACKGROUND, FOREGROUND, UNKNOWN, TNet, TNetConfig

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


def test_the_papers_m_net_needs_591_thousand_multiply_adds_a_pixel() -> None:
    mnet, counter = on_meta("paper").mnet, FlopCounterMode(display=False)

    with counter:
        mnet(torch.empty(1, 3, 320, 320, device="meta"), torch.empty(1, 3, 320, 320, device="meta"))

    # Two operations a multiply-add: 60 GMAC for a crop of 320 x 320.
    assert counter.get_total_flops() / 2 / 320**2 == pytest.approx(591e3, rel=0.002)


def test_the_papers_m_net_unpools_four_times_and_has_no_pool5_or_fully_connected_layer() -> None:
    mnet = on_meta("paper").mnet

    assert [stage[0].in_channels for stage in mnet.encoder] == [6, 64, 128, 256, 512]
    assert [step[0].out_channels for step in mnet.decoder] == [512, 256, 128, 64, 64]
    assert not any(isinstance(m, nn.Linear | nn.MaxPool2d) for m in mnet.modules())
    assert isinstance(mnet.alpha, nn.Conv2d)


def test_the_papers_800_px_crop_is_400_px_to_t_net() -> None:
    assert on_meta("paper").tnet_size(800, 800) == (400, 400)


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


@pytest.mark.parametrize("backbone", BACKBONES)
def test_t_net_is_swapped_by_name_and_learns_with_every_backbone(backbone: str) -> None:
    torch.manual_seed(0)
    tnet = TNet(TNetConfig(backbone=backbone, head=16, refine=(8, 8))).train()

    logits, auxiliary = tnet.both(torch.randn(2, 3, 64, 96))
    assert auxiliary is not None
    (logits.square().mean() + auxiliary.square().mean()).backward()

    assert logits.shape == auxiliary.shape == (2, 3, 64, 96)
    assert [name for name, p in tnet.named_parameters() if p.grad is None] == []


def test_there_are_at_least_three_families_of_backbones() -> None:
    assert {classifier for classifier, _ in CLASSIFIERS.values()} >= {
        "resnet50",
        "resnet18",
        "mobilenet_v3_large",
    }
    assert CLASSIFIERS.keys() == BACKBONES.keys()


@pytest.mark.parametrize("inputs", [6, 4])
def test_m_net_takes_six_or_four_channels_forward_and_backward(inputs: int) -> None:
    torch.manual_seed(0)
    mnet = MNet(MNetConfig(width=1 / 16, inputs=inputs)).train()
    trimap = torch.softmax(torch.randn(2, 3, 32, 48), dim=1).requires_grad_()

    alpha = mnet(torch.randn(2, 3, 32, 48), trimap)
    alpha.square().mean().backward()

    assert alpha.shape == (2, 1, 32, 48)
    assert mnet.encoder[0][0].in_channels == inputs
    assert [name for name, p in mnet.named_parameters() if p.grad is None] == []
    assert trimap.grad is not None
    assert float(trimap.grad.abs().sum()) > 0


def test_four_channels_are_dims_trimap_of_0_a_half_and_1() -> None:
    mnet, seen = MNet(MNetConfig(width=1 / 16, inputs=4)).eval(), []
    mnet.encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0][0, 3]))
    trimap = nn.functional.one_hot(torch.tensor([BACKGROUND, UNKNOWN, FOREGROUND, UNKNOWN]), 3).float()

    mnet(torch.zeros(1, 3, 16, 16), trimap.T.reshape(1, 3, 1, 4).repeat(1, 1, 16, 4))

    assert seen[0][0, :4].tolist() == [0, 0.5, 1, 0.5]


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


def classifier_file(folder: Path, name: str, *, counters: bool = True) -> Path:
    """A file such as torchvision's, of random weights; without `counters`, as it was saved before 2018."""
    torch.manual_seed(1)
    # Its head made small: the 120 million weights of VGG's are not read, and take seconds to write.
    heads = {"classifier.0.weight": (4, 4), "classifier.3.weight": (4, 4), "fc.weight": (4, 4)}
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in get_model(name, weights=None).state_dict().items()}
    state = {
        k: torch.rand(heads.get(k, shape)) * 0.1
        for k, shape in shapes.items()
        if counters or not k.endswith("num_batches_tracked")
    }
    torch.save(state, folder / f"{name}.pth")
    return folder / f"{name}.pth"


def copied(state: dict[str, Tensor], given: dict[str, Tensor]) -> set[str]:
    """Which tensors of `given` are somewhere in `state`, by their bytes."""
    ours = {t.numpy().tobytes() for t in state.values()}
    return {name for name, t in given.items() if t.numpy().tobytes() in ours}


@pytest.mark.parametrize("counters", [True, False])
def test_m_nets_encoder_starts_from_vgg16_and_sees_no_trimap_at_first(tmp_path: Path, counters: bool) -> None:
    file = classifier_file(tmp_path, "vgg16_bn", counters=counters)
    mnet, given = MNet(MNetConfig()), torch.load(file, weights_only=True)

    mnet.load_encoder(file)

    first = mnet.encoder[0][0].weight
    assert torch.equal(first[:, :3], given["features.0.weight"])
    assert not first[:, 3:].any()
    assert torch.equal(mnet.encoder[4][7].running_var, given["features.41.running_var"])
    wanted = {k for k in given if k.startswith("features.") and not k.endswith("num_batches_tracked")}
    assert wanted - copied(mnet.encoder.state_dict(), given) == {"features.0.weight"}


@pytest.mark.parametrize(
    ("backbone", "unused"),
    [
        ("resnet50", ("fc.",)),
        ("resnet18_short", ("fc.", "layer4.")),
        ("resnet18_wide", ("fc.", "layer4.")),
        ("mobilenet_v3_large", ("classifier.", "features.16.")),
    ],
)
def test_a_backbone_starts_from_its_classifier(
    backbone: str, unused: tuple[str, ...], tmp_path: Path
) -> None:
    file = classifier_file(tmp_path, CLASSIFIERS[backbone][0])
    features, given = BACKBONES[backbone](), torch.load(file, weights_only=True)

    start_backbone(features, backbone, file)

    left = {k for k in given if not k.endswith("num_batches_tracked")} - copied(features.state_dict(), given)
    assert {k for k in left if not k.startswith(unused)} == set()


def test_dilated_blocks_that_no_classifier_has_stay_the_identity(tmp_path: Path) -> None:
    features = BACKBONES["resnet18_wide"]()
    start_backbone(features, "resnet18_wide", classifier_file(tmp_path, "resnet18"))
    x = torch.rand(1, 256, 8, 8)

    assert torch.equal(features.eval().deep(x), x)


@pytest.mark.parametrize(
    ("holds", "words"),
    [
        ("vgg16", "is not torchvision's vgg16_bn: 82 tensors differ from its, features."),
        ("vgg19_bn", "is not torchvision's vgg16_bn"),
        ("resnet18", "is not torchvision's vgg16_bn"),
    ],
)
def test_another_networks_file_is_refused_for_m_net(holds: str, words: str, tmp_path: Path) -> None:
    file, mnet = classifier_file(tmp_path, holds), MNet(MNetConfig())
    before = mnet.encoder[0][0].weight.clone()

    with pytest.raises(WrongWeights, match=words):
        mnet.load_encoder(file)

    assert torch.equal(mnet.encoder[0][0].weight, before)


@pytest.mark.parametrize(("backbone", "holds"), [("resnet18_short", "resnet34"), ("resnet50", "resnet101")])
def test_a_deeper_network_of_the_same_names_is_refused(backbone: str, holds: str, tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match=f"is not torchvision's {CLASSIFIERS[backbone][0]}"):
        start_backbone(BACKBONES[backbone](), backbone, classifier_file(tmp_path, holds))


def test_a_narrower_m_net_says_that_vgg16_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match=r"\[64, 3, 3, 3\], but \[16, 6, 3, 3\].*full width"):
        MNet(MNetConfig(width=0.25)).load_encoder(classifier_file(tmp_path, "vgg16_bn"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.pth", b"hello, this is no network", "is no file of PyTorch or safetensors weights"),
        ("empty.pth", b"", "is no file of PyTorch or safetensors weights"),
        ("cut.pth", b"PK\x03\x04", "is no file of PyTorch or safetensors weights"),
        ("text.safetensors", b"hello, this is no network", "is no file of PyTorch or safetensors weights"),
        ("absent.pth", None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(
    name: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(WrongWeights, match=f"{name}: {words}"):
        MNet(MNetConfig()).load_encoder(tmp_path / name)


def test_a_checkpoint_that_is_no_plain_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"features.0.weight": torch.zeros(1)}, "step": 3}, tmp_path / "c.pth")

    with pytest.raises(WrongWeights, match="holds no state dict"):
        MNet(MNetConfig()).load_encoder(tmp_path / "c.pth")
