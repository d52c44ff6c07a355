"""`banners promote`: what is as good takes the place of what is in use; nights follow; and back again."""

from datetime import UTC, datetime
from pathlib import Path

import models
import pytest
from conftest import Shop, png
from typer.testing import CliRunner, Result

from jobs.cli import app
from jobs.registry import ensure_current, list_models, read_current
from pipeline.store import open_store
from shm.checkpoint import weights_id
from shm.matter import Matter

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Networks do what their files say; the shipped one sees well."""
    shipped = models.weights(tmp_path / "shipped.safetensors", "sees")
    monkeypatch.setattr("jobs.registry.default_weights", lambda: shipped)
    monkeypatch.setattr("shm.checkpoint.default_weights", lambda: shipped)
    monkeypatch.setattr(Matter, "load", staticmethod(models.load))


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    return models.held_out(tmp_path / "held-out")


def candidate(shop: Shop, does: str) -> Path:
    return models.weights(shop.folder / f"{does}.safetensors", does)


def banners(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def promote(shop: Shop, model: object, data: Path, *more: object) -> Result:
    return banners("promote", shop.campaign, model, "--data", data, "--who", "Mei", "--device", "cpu", *more)


def night(shop: Shop, *more: object) -> Result:
    return banners(
        "run", shop.campaign, "--runner", "local", "--device", "cpu", "--date", "2026-11-22", *more
    )


def in_use(shop: Shop) -> str:
    return ensure_current(open_store(shop.output), None).weights  # type: ignore[arg-type]


def few_photos(shop: Shop) -> Shop:
    """The shop with figures that the stand-ins see; a.png in red."""
    for number, name in enumerate(("a.png", "b.png", "c.png", "empty.png")):
        shop.add(name, png(models.photo(number)))
    return shop


def test_a_better_model_is_judged_and_shown_before_anything_is_moved(shop: Shop, held_out: Path) -> None:
    night(few_photos(shop))
    sheet = shop.folder / "sheet.png"

    result = promote(shop, candidate(shop, "sharper"), held_out, "--sheet", sheet)

    assert result.exit_code == 0, result.output
    assert result.output.count("holds") == 3
    assert "the next night cuts out 4 of 4 photos again, about" in result.output
    assert "photo | old | new of 4 photos" in result.output
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert result.output.splitlines()[-1] == "nothing was moved: add --yes"
    assert read_current(open_store(shop.output)) is None


@pytest.mark.parametrize(
    ("does", "gate"), [("hazy", "SAD"), ("coarse", "unknown-band MAD"), ("blind", "gross failures")]
)
def test_each_kind_of_worse_model_is_refused_with_the_table(
    shop: Shop, held_out: Path, does: str, gate: str
) -> None:
    shop.output.mkdir()

    result = promote(shop, candidate(shop, does), held_out, "--yes")

    assert result.exit_code == 3, result.output
    lines = [line for line in result.output.splitlines() if line.startswith(gate)]
    assert [line.split("  ")[-1] for line in lines] == ["worse"]
    assert in_use(shop) == weights_id(shop.folder.parent / "shipped.safetensors")


def test_nights_follow_the_model_in_use_and_come_back_with_it(shop: Shop, held_out: Path) -> None:
    file = candidate(few_photos(shop), "sharper")
    night(shop)
    first = shop.files("cutouts")

    moved = promote(shop, file, held_out, "--yes")
    night(shop)
    second = shop.files("cutouts")
    back = banners("promote", shop.campaign, "--rollback", "--who", "Ana", "--yes", "--device", "cpu")
    night(shop)

    assert (moved.exit_code, back.exit_code) == (0, 0), moved.output + back.output
    assert f"in use: {weights_id(file)[:16]}, promoted by Mei" in moved.output
    assert len(second) == 2 * len(first) == 8
    assert shop.files("cutouts") == second  # the old ones were still there
    assert "the next night cuts out none of 4 photos again" in back.output
    assert in_use(shop) == weights_id(shop.folder.parent / "shipped.safetensors")


def test_new_mattes_can_be_spread_over_nights(shop: Shop, held_out: Path) -> None:
    night(few_photos(shop))
    promote(shop, candidate(shop, "sharper"), held_out, "--yes")
    shop.add("new.png", png(models.photo(9)))

    counts = []
    for _ in range(3):
        result = night(shop, "--max-new-mattes", 2)
        counts.append(len(shop.files("cutouts")))
        assert result.exit_code == 0, result.output

    assert counts == [4 + 2, 4 + 4, 4 + 5]
    assert "nothing to do" in night(shop).output


def test_a_model_that_is_in_use_already_is_not_judged(shop: Shop, held_out: Path) -> None:
    shop.output.mkdir()
    file = candidate(shop, "sharper")
    promote(shop, file, held_out, "--yes")

    again = promote(shop, weights_id(file)[:16], held_out)

    assert again.exit_code == 1
    assert "this model is in use already" in again.output


def test_who_is_overtaken_while_judging_is_told_and_moves_nothing(
    shop: Shop, held_out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.output.mkdir()
    mine, theirs = candidate(shop, "sharper"), models.weights(shop.folder / "b.safetensors", "sharper")
    theirs = models.save(theirs, models.SHM(models.TINY), data={"does": "sharper", "other": 1})
    from jobs import promote as module

    judge = module.judge
    started: list[bool] = []
    done: list[int] = []

    def meanwhile(*words: object) -> module.Judged:
        if not started:
            started.append(True)
            done.append(promote(shop, theirs, held_out, "--yes").exit_code)
        return judge(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "judge", meanwhile)
    result = promote(shop, mine, held_out, "--yes")

    assert (result.exit_code, done) == (4, [0])
    assert "Mei promoted" in result.output
    assert in_use(shop) == weights_id(theirs)


def test_what_was_promoted_on_is_kept_with_the_model(shop: Shop, held_out: Path) -> None:
    shop.output.mkdir()
    promote(shop, candidate(shop, "sharper"), held_out, "--yes")

    [kept] = [key for key in shop.files("models") if "/judged-" in key]
    assert b"unknown-band MAD" in shop.files("models")[kept]
    assert len(list_models(open_store(shop.output))) == 2


def test_a_file_that_is_no_model_is_answered_with_those_that_there_are(shop: Shop, held_out: Path) -> None:
    current = ensure_current(open_store(shop.output), NOW)

    result = promote(shop, shop.folder / "catalogue.csv", held_out)

    assert result.exit_code == 1
    assert f"or a .safetensors file; the models are: {current.model}" in result.output


@pytest.mark.parametrize(
    ("words", "problem", "code"),
    [
        ((), "say which MODEL", 2),
        (("--rollback", "--data", "."), "--rollback takes no MODEL", 2),
        (("--rollback",), "nothing was promoted that could be rolled back", 1),
        (("0123", "--data", "."), "there is no model 0123", 1),
        (("gone.safetensors", "--data", "."), "no such weights file", 1),
        (("/shop/catalogue.csv", "--data", "."), "or a .safetensors file; the models are: none yet", 1),
        (("", "--data", "."), "'' is no model: give a registered model's id", 1),
    ],
)
def test_what_cannot_be_done_is_said(shop: Shop, words: tuple[str, ...], problem: str, code: int) -> None:
    shop.output.mkdir()

    result = banners("promote", shop.campaign, "--who", "Mei", "--device", "cpu", *words)

    assert (result.exit_code, problem in result.output) == (code, True), result.output
