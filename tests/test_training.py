"""The training loop: it learns, it survives a kill, its recipe is checked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import shm.train.loop as loop
from shm.checkpoint import load_model, save
from shm.data.sources import Library, Person
from shm.engine import Engine
from shm.mnet import MNetConfig
from shm.model import SHM, SHMConfig, SHMOutput
from shm.tnet import TNetConfig
from shm.train.loop import averaged, run_stage, schedule
from shm.train.recipe import BadRecipe, Stage, TrainRecipe, read_recipe
from shm.train.run import train as train_all
from shm.train.selflabel import agreed_mask
from shm.train.state import load_average

TINY = SHMConfig(
    tnet=TNetConfig(backbone="resnet18_short", head=16, refine=(8, 8), auxiliary=False),
    mnet=MNetConfig(width=1 / 16),
    tnet_long_side=64,
)
STAGE = Stage(
    "tiny", train="tnet", steps=6, rate=1e-3, pixels=2 * 64 * 64, long_side=64, side=64,
    crops=(64,), frame=64,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def library() -> Library:
    photo = np.full((160, 120, 3), 40, np.uint8)
    alpha = np.zeros((160, 120), np.uint8)
    cv2.circle(alpha, (60, 40), 20, 255, -1)
    cv2.rectangle(alpha, (30, 65), (90, 150), 255, -1)
    photo[alpha > 0] = (220, 180, 60)
    soft = cv2.GaussianBlur(alpha, (0, 0), 2)
    people = (
        Person("a", "masks", photo, alpha, photo, hard=True, natural=True),
        Person("b", "cutouts", photo, soft, photo, hard=False, natural=False),
    )
    return Library(people, (np.full((80, 80, 3), 120, np.uint8),), ())


def start(seed: int = 0) -> tuple[SHM, SHM]:
    torch.manual_seed(seed)
    model = SHM(TINY)
    return model, averaged(model)


def run(
    model: SHM, average: SHM, library: Library, stage: Stage, folder: Path, save_every: float = 120
) -> None:
    run_stage(
        model, average, library, stage,
        seed=1, folder=folder, workers=0, precision="bf16", save_every=save_every,
    )  # fmt: skip


@pytest.mark.parametrize("train", ["tnet", "mnet", "end_to_end"])
def test_a_stage_changes_only_the_parts_that_it_trains(train: str, library: Library, tmp_path: Path) -> None:
    model, average = start()
    before = {k: v.clone() for k, v in model.named_parameters()}
    run(model, average, library, replace(STAGE, train=train, steps=2), tmp_path)
    changed = {k.split(".")[0] for k, v in model.named_parameters() if not torch.equal(v, before[k])}
    assert changed == {"tnet": {"tnet"}, "mnet": {"mnet"}, "end_to_end": {"tnet", "mnet"}}[train]


def test_a_killed_run_goes_on_as_if_it_had_not_been(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken, average = start()
    run(unbroken, average, library, STAGE, tmp_path / "unbroken")

    whole = loop.loader

    def killed(*arguments: Any) -> Iterator[Any]:
        for number, batch in enumerate(whole(*arguments)):
            if number == 3:
                raise KeyboardInterrupt
            yield batch

    first, first_average = start()
    monkeypatch.setattr(loop, "loader", killed)
    with pytest.raises(KeyboardInterrupt):
        run(first, first_average, library, STAGE, tmp_path / "killed", save_every=0)
    monkeypatch.setattr(loop, "loader", whole)
    resumed, resumed_average = start(seed=99)
    run(resumed, resumed_average, library, STAGE, tmp_path / "killed")

    assert all(
        torch.allclose(a, b, atol=1e-5)
        for a, b in zip(unbroken.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


def test_training_on_one_person_learns_where_that_person_is(library: Library, tmp_path: Path) -> None:
    model, average = start()
    run(model, average, library, replace(STAGE, steps=60, rate=3e-3, pixels=4 * 64 * 64), tmp_path)
    person = library.people[0]
    small = cv2.resize(person.photo, (64, 96), interpolation=cv2.INTER_AREA)
    photo = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        found = average.tnet(average.normalise(photo))[0].argmax(0).numpy() > 0
    truth = cv2.resize(person.alpha, (64, 96), interpolation=cv2.INTER_AREA) > 127
    assert (found & truth).sum() / (found | truth).sum() > 0.7


def test_the_rate_rises_then_falls_to_its_floor() -> None:
    assert schedule(0.0, 0.1) < 0.01
    assert schedule(0.03, 0.1) == pytest.approx(1.0)
    assert schedule(1.0, 0.1) == pytest.approx(0.1)


def test_looks_that_disagree_give_no_label() -> None:
    torch.manual_seed(0)
    noise = np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8)
    assert agreed_mask(SHM(TINY).eval(), noise, 64, both=False) is None


class _Brightness(torch.nn.Module):
    """A T-Net that takes what is bright for a person, and is sure of it."""

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        bright = photo.mean(dim=1, keepdim=True)
        return 20 * torch.cat([-bright, torch.full_like(bright, -9), bright], dim=1)


class _Opinion(SHM):
    """A network whose M-Net takes the bright or the dark part for the person."""

    def __init__(self, sign: int) -> None:
        super().__init__(TINY)
        self.tnet, self.sign = _Brightness(), sign

    def forward(self, photo: torch.Tensor) -> SHMOutput:
        alpha = (self.sign * self.normalise(photo).mean(dim=1, keepdim=True) > 0).float()
        return SHMOutput(alpha, alpha, alpha)


@pytest.mark.parametrize(("sign", "both", "kept"), [(1, True, True), (-1, True, False), (-1, False, True)])
def test_a_label_needs_m_net_to_agree_once_it_is_trained(
    sign: int, both: bool, kept: bool, library: Library
) -> None:
    photo = library.people[0].photo
    mask = agreed_mask(_Opinion(sign).eval(), photo, 160, both=both)
    assert (mask is not None) == kept
    if mask is not None:
        bright = photo[..., 0] > 100
        assert ((mask > 127) == bright).mean() > 0.97


def test_the_shipped_recipe_reads() -> None:
    recipe = read_recipe(Path(__file__).parent.parent / "configs" / "starter.yaml")
    assert [stage.train for stage in recipe.stages] == [
        "tnet",
        "tnet",
        "tnet",
        "mnet",
        "tnet",
        "tnet",
        "tnet",
        "tnet",
        "end_to_end",
    ]


def test_an_unknown_field_in_a_recipe_is_named(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("preset: starter\nseed: 1\nsources: {}\nstages: [{name: a, trian: tnet}]\n")
    with pytest.raises(BadRecipe, match=r"stages\[0\]: unknown trian"):
        read_recipe(file)


def test_what_comes_out_of_fine_tuning_keeps_its_share_of_the_weights_it_began_as(
    tmp_path: Path, library: Library
) -> None:
    torch.manual_seed(0)
    first = save(tmp_path / "first.safetensors", SHM(TINY))
    stage = replace(STAGE, train="end_to_end", steps=2)
    recipe = TrainRecipe(
        TINY, 1, _sources(tmp_path, library), (stage,), tmp_path, start=str(first), keep=0.25
    )

    mixed = train_all(
        recipe, tmp_path, tmp_path / "run", workers=0, engine=Engine("cpu", "bf16")
    ).state_dict()

    began = load_model(first)
    tuned = load_average(tmp_path / "run" / "tiny.pt", began)
    assert any(not torch.equal(tuned[name], value) for name, value in began.state_dict().items())
    for name, value in began.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(mixed[name], 0.25 * value + 0.75 * tuned[name])


def _sources(data: Path, library: Library) -> dict[str, dict[str, Any]]:
    """The library's second person as files, and a ground."""
    for name in ("images", "alphas", "grounds"):
        (data / name).mkdir()
    person = library.people[1]
    cv2.imwrite(str(data / "images" / "b.png"), person.photo)
    cv2.imwrite(str(data / "alphas" / "b.png"), person.alpha)
    cv2.imwrite(str(data / "grounds" / "g.png"), library.grounds[0])
    return {
        "people": {"kind": "pairs", "images": "images", "labels": "alphas"},
        "scenes": {"kind": "grounds", "images": "grounds"},
    }


@pytest.mark.parametrize("told", ["start: starter\nkeep: 1", "start: starter\nkeep: -0.1", "keep: 0.5"])
def test_a_share_that_nothing_can_keep_is_refused(tmp_path: Path, told: str) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(f"preset: starter\nseed: 1\nsources: {{}}\nstages: []\n{told}\n")
    with pytest.raises(BadRecipe, match="keep: a share of the weights in `start`"):
        read_recipe(file)
