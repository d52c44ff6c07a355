"""`banners approve`, `prune` and the feed's line of `run`: what they print and how they end."""

import json
from pathlib import Path

import pytest
from conftest import Shop
from test_cli import banners
from test_publish import feed, hold, live

from jobs.network import Network
from pipeline.approvals import read_approvals
from pipeline.manifest import latest_run
from pipeline.standin import StandIn
from pipeline.store import DirStore
from shm.engine import Engine


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("5" * 64, "3" * 64, Engine("cpu", "fp32"), StandIn)
    monkeypatch.setattr("jobs.commands_run.choose_network", lambda *_, **__: network)


# ── approve ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_gate_held_goes_live_once_it_is_approved(finished_shop: Shop) -> None:
    key = hold(finished_shop)

    result = banners("approve", finished_shop.campaign, "--all-held", "--who", "Mei")

    url = finished_shop.output / "feeds" / "test" / "feed.json"
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"banners: 1 approved by Mei\nlive: 8 banners, as before: {url}\n"
    decision = read_approvals(DirStore(finished_shop.output), "test").last[key]
    assert (decision.who, decision.verdict) == ("Mei", "approved")


def test_an_approval_is_taken_back_by_the_banners_file_name(finished_shop: Shop) -> None:
    key = sorted(live(finished_shop))[0]

    result = banners("approve", finished_shop.campaign, key.split("/")[-1], "--withdraw", "--who", "Ken")

    assert "banners: 1 withdrawn by Ken\nlive: 7 banners, 1 gone: " in result.stdout
    assert key not in live(finished_shop)


def saved(shop: Shop, entries: list[dict[str, object]], **more: object) -> Path:
    """A file of decisions, as a proof sheet saves it."""
    file = shop.folder / "approvals.json"
    file.write_text(json.dumps({"campaign": "test", "decisions": entries, **more}), encoding="utf-8")
    return file


def test_decisions_come_from_a_file_of_a_proof_sheet(finished_shop: Shop) -> None:
    key, other = hold(finished_shop), sorted(live(finished_shop))[-1]
    entries = [{"key": key, "approved": True}, {"key": other, "approved": False}]
    file = saved(finished_shop, entries, who="Mei")

    result = banners("approve", finished_shop.campaign, "--from", file)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "banners: 1 approved, 1 withdrawn by Mei\nlive: 7 banners, 1 gone: " in result.stdout


def test_of_a_file_what_is_good_is_taken_and_the_others_are_told(finished_shop: Shop) -> None:
    key = hold(finished_shop)
    file = saved(finished_shop, [{"key": "other.jpg", "approved": True}, {"key": key, "approved": True}])

    result = banners("approve", finished_shop.campaign, "--from", file, "--who", "Mei")

    assert result.exit_code == 3
    assert result.stderr.startswith("banners: other.jpg: the run has no such banner")
    assert "banners: 1 approved, 1 not taken by Mei\n" in result.stdout
    assert list(read_approvals(DirStore(finished_shop.output), "test").last) == [key]


def test_a_file_with_nothing_good_in_it_writes_nothing(finished_shop: Shop) -> None:
    file = saved(finished_shop, [{"key": "other.jpg", "approved": True}], who="Mei")
    before = finished_shop.files()

    result = banners("approve", finished_shop.campaign, "--from", file)

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert finished_shop.files() == before


def test_a_file_about_an_earlier_run_is_held_against_the_last_one(finished_shop: Shop) -> None:
    key = hold(finished_shop)
    first = latest_run(DirStore(finished_shop.output), "test")
    assert first is not None
    finished_shop.edit("segments.yaml", "headline: Half price", "headline: Half the price")
    finished_shop.run()
    file = saved(finished_shop, [{"key": key, "approved": True}], who="Mei", run=first.run)

    result = banners("approve", finished_shop.campaign, "--from", file)

    assert result.exit_code == 1
    assert f"banners: {key}: this banner was drawn anew as A-1-catalogue-card-" in result.stderr


def test_a_file_that_does_not_say_who_needs_a_name(finished_shop: Shop) -> None:
    file = saved(finished_shop, [])

    assert banners("approve", finished_shop.campaign, "--from", file).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--who", "Mei"),
        ("--all-held",),
        ("--all-held", "--who", " "),
        ("a.jpg", "--all-held", "--who", "Mei"),
        ("--from", "a.json", "--withdraw", "--who", "Mei"),
        ("--all-held", "--who", "Mei", "--date", "soon"),
    ],
)
def test_a_wrong_command_line_ends_with_2(shop: Shop, words: tuple[str, ...]) -> None:
    assert banners("approve", shop.campaign, *words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.jpg",), "banners: none.jpg: the run has no such banner"),
        (("--all-held", "--run", "r9"), "banners: there is no run r9 of test"),
        (("--from", "none.json"), "banners: none.json: there is no such file"),
    ],
)
def test_what_cannot_be_decided_is_one_line_and_writes_nothing(
    finished_shop: Shop, words: tuple[str, ...], said: str
) -> None:
    before = finished_shop.files()

    result = banners("approve", finished_shop.campaign, *words, "--who", "Mei")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(said)
    assert finished_shop.files() == before


def test_before_a_first_run_there_is_nothing_to_approve(shop: Shop) -> None:
    shop.output.mkdir()

    result = banners("approve", shop.campaign, "--all-held", "--who", "Mei")

    assert (result.exit_code, "no finished run yet" in result.stderr) == (1, True)


# ── prune ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_prune_lists_first_and_removes_only_when_told_to(finished_shop: Shop) -> None:
    (finished_shop.photos / "a.png").unlink()
    banners("run", finished_shop.campaign, "--runner", "local", "-q")
    before = finished_shop.files()

    listed = banners("prune", finished_shop.campaign)
    unchanged = finished_shop.files() == before
    removed = banners("prune", finished_shop.campaign, "--yes")

    gone = before.keys() - finished_shop.files().keys()
    size = sum(len(before[name]) for name in gone)
    assert (listed.exit_code, removed.exit_code, unchanged) == (0, 0, True)
    assert "banners: 4, " in listed.stdout
    assert listed.stdout.endswith(f"to remove: 6 objects, {size:,} bytes (nothing was removed: add --yes)\n")
    assert removed.stdout.endswith(f"removed: 6 objects, {size:,} bytes\n")
    assert len(gone) == 6


def test_prune_with_nothing_to_remove_says_so(finished_shop: Shop) -> None:
    assert banners("prune", finished_shop.campaign).stdout == "to remove: 0 objects, 0 bytes\n"


# ── run ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_says_how_many_banners_are_live(finished_shop: Shop) -> None:
    result = banners("run", finished_shop.campaign, "--runner", "local", "-q")

    assert "live: 8 banners, as before: " in result.stdout


def test_a_run_after_the_campaigns_last_day_empties_the_feed(finished_shop: Shop) -> None:
    finished_shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\nvalid_to: 2026-11-30")

    result = banners("run", finished_shop.campaign, "--date", "2026-12-01")

    assert (result.exit_code, feed(finished_shop), finished_shop.files("latest")) == (0, [], {})
    assert "live: 0 banners, 8 gone: " in result.stdout


def test_a_dry_run_after_the_last_day_changes_nothing(finished_shop: Shop) -> None:
    finished_shop.edit("campaign.yaml", "timezone: UTC", "timezone: UTC\nvalid_to: 2026-11-30")
    before = finished_shop.files()

    banners("run", finished_shop.campaign, "--date", "2026-12-01", "--dry-run")

    assert finished_shop.files() == before
