"""A/B variants: who gets which, for good; what is refused; and that rows, feed and pointers tell it."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Shop
from scenes import segment
from test_cli import banners
from test_publish import again
from test_runner import NoWorkers

from jobs.commands_check import check
from pipeline import manifest
from pipeline.campaign import load_campaign
from pipeline.errors import InvalidInput, JobError
from pipeline.feed import csv_key, json_key
from pipeline.report import latest_report_key
from pipeline.store import open_store
from pipeline.types import BannerRow, Segment, Variant
from pipeline.variants import shown_to
from pipeline.wanted import want, want_spare

VARIANTS = """\
  variants:
    - {name: plain, share: 50}
    - name: ticket
      share: 50
      designs: [lowest-price]
      copy: {headline: Only today}
"""
BEFORE = "  columns: {name: name}\n"
"""Where the English segment of the shop can take more lines."""


def split(*shares: float, **changes: Any) -> Segment:
    """A segment with a variant v0, v1, … for each share."""
    variants = tuple(Variant(f"v{at}", share, {}, (), "") for at, share in enumerate(shares))
    return segment(variants=variants, **changes)


def given(shown: Segment, ids: list[str], campaign: str = "spring") -> dict[str, str]:
    return {each: shown_to(campaign, shown, each).variant for each in ids}


def with_variants(shop: Shop, variants: str = VARIANTS) -> Shop:
    shop.edit("segments.yaml", BEFORE, BEFORE + variants)
    return shop


def refused(shop: Shop) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        want(load_campaign(shop.campaign))
    return caught.value


def feed(shop: Shop) -> list[dict[str, Any]]:
    return list(json.loads((shop.output / json_key("test")).read_bytes())["banners"])


def rows_of_last_run(shop: Shop) -> list[BannerRow]:
    output = open_store(shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    return manifest.read_banners(output, run)


IDS = [f"P-{number}" for number in range(2000)]


# ── who gets which ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shares", [(50, 50), (10, 90), (33.3, 33.3, 33.4), (1, 2, 3, 94), (12.5,) * 8])
def test_every_variant_gets_its_share_of_many_products(shares: tuple[float, ...]) -> None:
    counts = Counter(given(split(*shares), IDS).values())

    expected = [len(IDS) * share / 100 for share in shares]
    # Four standard deviations of a binomial: one product in 15,000 draws would break it by chance.
    spread = [4 * (mean * (1 - share / 100)) ** 0.5 for mean, share in zip(expected, shares, strict=True)]
    assert [counts[f"v{at}"] for at in range(len(shares))] == [
        pytest.approx(mean, abs=width) for mean, width in zip(expected, spread, strict=True)
    ]


def test_two_segments_are_split_independently_of_each_other() -> None:
    one, other = (given(split(50, 50, name=name), IDS) for name in ("women", "men"))

    agreeing = sum(one[each] == other[each] for each in IDS)
    assert agreeing == pytest.approx(1000, abs=4 * 500**0.5)


def test_two_campaigns_are_split_independently_of_each_other() -> None:
    spring, summer = (given(split(50, 50), IDS, campaign) for campaign in ("spring", "summer"))

    agreeing = sum(spring[each] == summer[each] for each in IDS)
    assert agreeing == pytest.approx(1000, abs=4 * 500**0.5)


@pytest.mark.parametrize(
    ("product", "variant"), [("A-1", "v0"), ("B-2", "v2"), ("青い", "v2"), ("a/b", "v2")]
)
def test_a_product_keeps_its_variant_from_version_to_version(product: str, variant: str) -> None:
    assert given(split(25, 25, 50), [product]) == {product: variant}


def test_more_share_for_one_variant_takes_products_only_from_the_others() -> None:
    before, after = given(split(50, 50), IDS), given(split(60, 40), IDS)

    assert {(before[each], after[each]) for each in IDS} == {("v0", "v0"), ("v1", "v0"), ("v1", "v1")}


def test_a_product_keeps_its_variant_whatever_else_the_catalogue_holds(shop: Shop) -> None:
    with_variants(shop)
    before = {each.product.id: each.segment.variant for each in want(load_campaign(shop.campaign))[0]}
    more = "".join(f"{name},Coat,コート,90,45,5,a.png\n" for name in ("A-0", "B-1", "Z-9"))
    shop.edit("catalogue.csv", "A-1,Blue coat", f"{more}A-1,Navy coat")

    after = {each.product.id: each.segment.variant for each in want(load_campaign(shop.campaign))[0]}

    assert len(after) == len(before) + 3
    assert {name: after[name] for name in before} == before


def test_a_variant_changes_what_it_says_and_takes_the_rest_from_its_segment(shop: Shop) -> None:
    with_variants(shop)

    wanted, _ = want(load_campaign(shop.campaign))

    [own] = [each for each in wanted if each.segment.variant == "ticket"]
    assert (own.product.id, own.design) == ("B-2", "lowest-price")
    assert own.segment.copy == {"headline": "Only today", "subline": "Half price", "cta": "Half price"}
    assert "Only today" in str(own.document)
    plain = {each.design for each in wanted if each.segment.variant == "plain"}
    assert plain == {"catalogue-card"}


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("share: 50}", "share: 40}", 6, "", "the shares make 90, not 100"),
        ("share: 50}", "share: 50.1}", 6, "", "the shares make 100.1, not 100"),
        ("share: 50}", "share: 0}", 7, "[0].share", "must be greater than 0"),
        ("share: 50}", "share: 100}", 7, "[0].share", "must be less than 100"),
        ("share: 50}", "share: .nan}", 7, "[0].share", "must be"),
        ("share: 50}", "share: 50%}", 7, "[0].share", "must be a number"),
        (", share: 50}", "}", 7, "[0].share", "is missing"),
        ("name: plain", "name: ticket", 8, "[1].name", "the variant of line 7 is called ticket too"),
        ("name: plain", "name: A B", 7, "[0].name", "must be 1 to 63 of the characters"),
        ("[lowest-price]", "[lowest-prize]", 10, "[1].designs", "did you mean lowest-price?"),
        ("[lowest-price]", "[]", 10, "[1].designs", "must not be empty"),
        ("      copy:", "      copi:", 11, "[1].copi", "unknown field (did you mean copy?"),
        ("Only today", "''", 11, "[1].copy.headline", "must not be empty"),
        ("{headline: Only", "{head-line: Only", 11, "[1].copy", "cannot be used in templates"),
        ("    - {name: plain, share: 50}\n", "", 6, "", "must be 2 to 8 variants, not 1"),
        (
            "  variants:\n",
            "  variants:\n" + "    - {name: a, share: 1}\n" * 7,
            6,
            "",
            "2 to 8 variants, not 9",
        ),
    ],
)
def test_a_wrong_variant_is_told_with_its_line_and_field(
    shop: Shop, old: str, new: str, line: int, field: str, words: str
) -> None:
    with_variants(shop, VARIANTS.replace(old, new))

    error = refused(shop)

    assert (error.file, error.line) == (str(shop.folder / "segments.yaml"), line)
    assert error.field == f"segments[0].variants{field}"
    assert words in str(error)


def test_a_variants_brand_has_to_be_there(shop: Shop) -> None:
    with_variants(shop, VARIANTS + "      brand: nobody\n")

    assert "there is no brand kit called nobody" in str(refused(shop))


def test_shares_may_be_any_numbers_that_make_a_hundred(shop: Shop) -> None:
    thirds = "".join(
        f"    - {{name: v{at}, share: {share}}}\n" for at, share in enumerate((33.3, 33.3, 33.4))
    )
    with_variants(shop, f"  variants:\n{thirds}")

    english = load_campaign(shop.campaign).segments[0]

    assert [variant.share for variant in english.variants] == [33.3, 33.3, 33.4]


# ── check ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_tells_a_flaw_of_a_variants_copy_with_its_own_field(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with_variants(shop, VARIANTS.replace("Only today", "Only 𓀀"))

    with pytest.raises(JobError, match="1 thing is wrong"):
        check(shop.campaign)

    assert "segments.yaml:11: segments[0].variants[1].copy.headline: " in capsys.readouterr().out


def test_check_tells_a_flaw_that_a_variant_has_from_its_segment_where_it_is_written(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with_variants(shop)
    shop.edit("segments.yaml", "cta: Half price", "cta: Half 𓀀")

    with pytest.raises(JobError, match="1 thing is wrong"):
        check(shop.campaign)

    told = capsys.readouterr().out
    assert "segments[0].copy.cta: " in told
    assert "english (variant plain), english (variant ticket)" in told


def test_check_looks_at_variants_that_no_product_has_yet(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    rare = VARIANTS.replace("plain, share: 50", "plain, share: 99").replace("share: 50\n", "share: 1\n")
    with_variants(shop, rare.replace("Only today", "Only 𓀀"))

    with pytest.raises(JobError, match="1 thing is wrong"):
        check(shop.campaign)

    told = capsys.readouterr().out
    assert "note: segment english: no product has variant ticket yet, it is looked at with A-1" in told
    assert "segments[0].variants[1].copy.headline" in told


def test_where_every_variant_has_a_product_nothing_more_is_looked_at(shop: Shop) -> None:
    campaign = load_campaign(with_variants(shop).campaign)

    assert want_spare(campaign, want(campaign)[0]) == []


# ── preview ───────────────────────────────────────────────────────────────────────────────────────────────


def test_preview_draws_a_variants_own_words(shop: Shop, tmp_path: Path) -> None:
    with_variants(shop)
    options = ("preview", "lowest-price", "--size", "300x250", "--campaign", shop.campaign)
    segments, ticket = tmp_path / "segments.png", tmp_path / "ticket.png"

    banners(*options, "-o", segments)
    result = banners(*options, "--variant", "ticket", "-o", ticket)

    assert result.exit_code == 0
    assert ticket.read_bytes() != segments.read_bytes()


@pytest.mark.parametrize(
    ("segment", "variant", "words"),
    [
        (
            "english",
            "tiket",
            "has no variant called tiket (did you mean ticket? the variants are: plain, ticket)",
        ),
        ("japanese", "ticket", "segment japanese has no variant called ticket\n"),
    ],
)
def test_preview_of_an_unknown_variant_says_which_there_are(
    shop: Shop, tmp_path: Path, segment: str, variant: str, words: str
) -> None:
    with_variants(shop)

    result = banners(
        *("preview", "lowest-price", "--campaign", shop.campaign, "-o", tmp_path / "x.png"),
        *("--segment", segment, "--variant", variant),
    )

    assert result.exit_code == 1
    assert words in result.stderr


# ── a night ───────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_feed_and_pointers_of_a_night_tell_the_variant(shop: Shop) -> None:
    with_variants(shop).run()

    rows = {(row.segment, row.product, row.variant, row.design) for row in rows_of_last_run(shop)}
    assert rows == {
        ("english", "A-1", "plain", "catalogue-card"),
        ("english", "B-2", "ticket", "lowest-price"),
        ("english", "C-3", "plain", "catalogue-card"),
        ("japanese", "B-2", "", "catalogue-card"),
        ("japanese", "C-3", "", "catalogue-card"),
        ("japanese", "D-4", "", "catalogue-card"),
    }
    live = {(item["product"], item["variant"], item["alt"]) for item in feed(shop)}
    assert live >= {("A-1", "plain", "Half price: Blue coat, $50")}
    assert live >= {("B-2", "ticket", "Only today: Green coat, $40")}
    table = csv.DictReader(io.StringIO((shop.output / csv_key("test")).read_text(encoding="utf-8")))
    assert [row["variant"] for row in table] == [item["variant"] for item in feed(shop)]
    sheet = (shop.output / latest_report_key("test")).read_text("utf-8")
    assert sheet.count('"variant":"ticket"') == 2
    assert '<option value="ticket">ticket</option>' in sheet
    pointers = [json.loads((shop.output / item["latest"]).read_bytes()) for item in feed(shop)]
    assert pointers == feed(shop)


def test_a_second_night_with_variants_makes_nothing_and_writes_nothing(shop: Shop) -> None:
    with_variants(shop).run()
    before = shop.files()

    second = shop.run(NoWorkers())

    assert not second.made
    assert shop.files() == before


def test_naming_variants_that_draw_the_same_makes_no_banner_anew_and_is_told_everywhere(
    finished_shop: Shop,
) -> None:
    banners = finished_shop.files("banners")
    with_variants(finished_shop, "  variants: [{name: a, share: 50}, {name: b, share: 50}]\n")

    outcome = finished_shop.run(NoWorkers())

    assert outcome.made
    assert finished_shop.files("banners") == banners
    told = {(row.product, row.variant) for row in rows_of_last_run(finished_shop) if row.segment == "english"}
    assert told == {("A-1", "a"), ("B-2", "b"), ("C-3", "a")}
    assert {(item["segment"], item["variant"]) for item in feed(finished_shop)} == {
        ("english", "a"),
        ("english", "b"),
        ("japanese", ""),
    }


def test_a_variant_that_is_no_more_takes_its_banners_out_of_the_feed(shop: Shop) -> None:
    with_variants(shop).run()
    shop.edit("segments.yaml", "name: ticket", "name: label")

    again(shop)

    assert {item["variant"] for item in feed(shop)} == {"plain", ""}
    assert set(shop.files("latest")) == {item["latest"] for item in feed(shop)}


def test_a_segment_that_gets_variants_stays_in_the_feed_until_its_next_night(finished_shop: Shop) -> None:
    before = feed(finished_shop)
    with_variants(finished_shop)

    again(finished_shop)

    assert feed(finished_shop) == before


# ── manifests of before ───────────────────────────────────────────────────────────────────────────────────


def forget_the_column(shop: Shop) -> None:
    """Leave the last run's manifest as a version wrote it that knew no variants."""
    [path] = shop.output.glob("manifests/test/*/*/banners.parquet")
    table = pq.read_table(path).drop_columns(["variant"])
    path.unlink()  # it is the first night's own file, linked
    pq.write_table(table, path)


def test_a_manifest_of_before_is_read_and_its_banners_are_kept(finished_shop: Shop) -> None:
    after = rows_of_last_run(finished_shop)
    forget_the_column(finished_shop)
    before = finished_shop.files()

    assert rows_of_last_run(finished_shop) == after
    assert not finished_shop.run(NoWorkers()).made
    assert finished_shop.files() == before


def test_a_manifest_of_before_is_merged_with_rows_of_today(finished_shop: Shop) -> None:
    forget_the_column(finished_shop)
    output = open_store(finished_shop.output)
    run = manifest.latest_run(output, "test")
    assert run is not None
    first, *others = manifest.read_banners(output, run)
    summary = manifest.read_summary(output, run)
    assert summary is not None
    manifest.write_banners(output, run, [replace(first, variant="ticket")])

    manifest.finish(output, run, summary)

    assert manifest.read_banners(output, run) == [replace(first, variant="ticket"), *others]
