"""A strict run: one banner that a gate holds keeps all that is new out of the feed until somebody decides."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Shop, copy_of, now
from test_cli import banners
from test_publish import decide, feed, live, products
from test_publish_cli import stand_in
from test_runner import NoWorkers

from jobs.console import Silent
from pipeline import manifest
from pipeline.approvals import Verdict, held
from pipeline.night import run_night
from pipeline.order import Outcome
from pipeline.runner import LocalWorkers, Workers
from pipeline.store import DirStore

__all__ = ["stand_in"]

A_COAT = "A-1,Blue coat,青いコート,100,50,5,a.png"
ITS_TWIN = A_COAT.replace("A-1", "A-2")


@pytest.fixture
def shop(finished_shop: Shop) -> Shop:
    """A shop whose next night draws one coat anew, for its price, and has two banners of another one held."""
    return with_a_twin(finished_shop)


@pytest.fixture(scope="session")
def strict_night(first_night: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """That shop after a strict night, for `held_shop` to copy; never to be changed."""
    made = with_a_twin(copy_of(first_night, tmp_path_factory.mktemp("strict") / "shop"))
    run_strictly(made)
    return made


@pytest.fixture
def held_shop(strict_night: Shop, tmp_path: Path) -> Shop:
    """The shop of the other fixture after its strict night, without the time that a night takes."""
    return copy_of(strict_night, tmp_path / "held")


def with_a_twin(shop: Shop) -> Shop:
    shop.edit("catalogue.csv", A_COAT, f"{A_COAT}\n{ITS_TWIN}")
    shop.edit("catalogue.csv", "80,40,5", "80,30,5")
    return shop


def waiting(shop: Shop) -> list[str]:
    """The keys of the banners that the last run has held."""
    output = DirStore(shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    return held(manifest.read_banners(output, run))


def run_strictly(shop: Shop, workers: Workers | None = None) -> Outcome:
    return run_night(replace(shop.order(), strict=True), workers or LocalWorkers(), Silent(), now)


def published(shop: Shop) -> dict[str, bytes]:
    return shop.files("feeds") | shop.files("latest")


def test_held_banners_keep_the_whole_run_out_of_the_feed(shop: Shop) -> None:
    before = published(shop)

    outcome = run_strictly(shop)

    assert len(held(outcome.banners)) == outcome.published.holding == 2
    assert published(shop) == before


def test_what_a_strict_run_made_is_stored_and_written_down_all_the_same(shop: Shop) -> None:
    outcome = run_strictly(shop)

    output = DirStore(shop.output)
    assert manifest.latest_run(output, "test") == outcome.run
    summary = manifest.read_summary(output, outcome.run)
    assert summary is not None
    assert (summary.strict, summary.exit_code, summary.banners) == (
        True,
        3,
        {"held": 2, "rejected": 4, "stored": 8},
    )
    made = {row.key for row in outcome.banners if row.status != "rejected"}
    assert made <= set(shop.files("banners"))
    assert outcome.run.run in (shop.output / "reports" / "test" / "report.html").read_text()


def test_a_strict_run_of_which_nothing_is_held_publishes_as_any_other(finished_shop: Shop) -> None:
    finished_shop.edit("catalogue.csv", "80,40,5", "80,30,5")

    outcome = run_strictly(finished_shop)

    assert (outcome.published.changed, outcome.published.holding) == (4, 0)


def test_a_first_run_that_is_held_has_nothing_live(shop: Shop) -> None:
    for folder in ("manifests", "feeds", "latest"):
        (shop.output / folder).rename(shop.folder / folder)

    outcome = run_strictly(shop)

    assert (outcome.published.live, outcome.published.holding, published(shop)) == (0, 2, {})


# ── what leaves all the same ──────────────────────────────────────────────────────────────────────────────


def test_what_has_expired_leaves_though_the_run_is_held(shop: Shop) -> None:
    shop.edit("segments.yaml", "  locale: ja", "  locale: ja\n  valid_to: 2026-11-21")
    before = live(shop)

    outcome = run_strictly(shop)

    assert (outcome.published.left, outcome.published.holding) == (4, 2)
    assert {item["segment"] for item in feed(shop)} == {"english"}
    assert live(shop) < before


def test_banners_of_a_withdrawn_photo_leave_though_the_run_is_held(shop: Shop) -> None:
    (shop.photos / "b.png").unlink()
    (shop.photos / "c.png").unlink()

    outcome = run_strictly(shop)

    assert (outcome.published.holding, products(shop)) == (2, {"A-1": 2, "D-4": 2})


# ── how it goes on ────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_strict_run_again_makes_nothing_and_is_held_again(held_shop: Shop) -> None:
    before = held_shop.files()

    outcome = run_strictly(held_shop, NoWorkers())

    assert (outcome.made, outcome.published.holding) == (False, 2)
    assert held_shop.files() == before


def test_the_next_strict_run_publishes_once_all_are_decided(held_shop: Shop) -> None:
    first, second = waiting(held_shop)
    decide(held_shop, first, Verdict.APPROVED)
    decide(held_shop, second, Verdict.WITHDRAWN)

    outcome = run_strictly(held_shop, NoWorkers())

    assert (outcome.published.came, outcome.published.changed, outcome.published.holding) == (1, 4, 0)
    assert (first in live(held_shop), second in live(held_shop)) == (True, False)


def test_a_word_on_some_of_them_is_not_enough(held_shop: Shop) -> None:
    first, _ = waiting(held_shop)
    before = published(held_shop)
    decide(held_shop, first, Verdict.APPROVED)

    outcome = run_strictly(held_shop, NoWorkers())

    assert (outcome.published.holding, published(held_shop)) == (1, before)


def test_a_run_without_strict_publishes_what_is_good_and_it_stays_published(held_shop: Shop) -> None:
    first, _ = waiting(held_shop)

    let_go = held_shop.run(NoWorkers()).published
    decide(held_shop, first, Verdict.APPROVED)
    later = held_shop.run(NoWorkers()).published

    assert (let_go.changed, let_go.live, let_go.holding) == (4, 8, 0)
    assert (later.came, later.changed, later.live) == (1, 0, 9)


def test_a_strict_run_takes_nothing_back_that_a_run_before_it_published(shop: Shop) -> None:
    shop.run()
    before = published(shop)

    outcome = run_strictly(shop, NoWorkers())

    assert (outcome.published.holding, published(shop)) == (2, before)


# ── on the command line ───────────────────────────────────────────────────────────────────────────────────


def test_a_held_run_ends_with_3_and_says_how_to_go_on(shop: Shop) -> None:
    result = banners("run", shop.campaign, "--runner", "local", "-q", "--strict", "--date", "2026-11-22")

    assert result.exit_code == 3
    assert "live: 8 banners, as before: " in result.stdout
    told = (
        "held: 2 banners hold back all that is new (--strict): decide with `banners approve`, or run without"
    )
    assert f"\n{told} --strict\n" in result.stdout


def test_approving_all_that_is_held_publishes_the_run_at_once(held_shop: Shop) -> None:
    result = banners("approve", held_shop.campaign, "--all-held", "--who", "Mei", "--date", "2026-11-22")

    assert result.exit_code == 0
    assert "live: 10 banners, 2 new, 4 changed: " in result.stdout
    assert "held:" not in result.stdout


def test_approving_some_says_how_many_still_hold_the_run(held_shop: Shop) -> None:
    first, _ = waiting(held_shop)

    result = banners("approve", held_shop.campaign, first, "--who", "Mei", "--date", "2026-11-22")

    assert "\nheld: 1 banner holds back all that is new" in result.stdout
