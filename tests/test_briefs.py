"""What is rendered again: only what is made from something else than last night.

The rule behind every test: with the rows of last night at hand, exactly those banners are planned that are
planned without them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import DAY, Shop
from PIL import Image
from scenes import text_layer, written
from test_plan import ALL, RUN

import pipeline.briefs
import pipeline.units
import pipeline.wanted
from pipeline.banner_plan import plan_banners
from pipeline.briefs import Briefs
from pipeline.campaign import load_campaign
from pipeline.design import read_design
from pipeline.errors import Fault, InvalidInput
from pipeline.past import Past
from pipeline.recipe import may_show_second
from pipeline.rows import banner_row
from pipeline.template import DocumentRequest, render_documents
from pipeline.template_names import named_in
from pipeline.types import BannerRow, PhotoRow, Status
from pipeline.units import Press
from pipeline.wanted import want

LAYERS = (
    text_layer("{{ product.name }} {{ product['price'] | money }}")
    + text_layer("{{ copy.cta }}{% if discount is defined %} {{ discount }}{% endif %}")
    + '  - {type: shape, box: {width: 20%, height: 20%}, fill: "{{ brand.accent }}"}\n'
    + "  - {type: image, asset: star.png, box: {width: 9, height: 9}}\n"
    + "  - {type: logo, box: {width: 9, height: 9}}\n"
    + "  - {type: subject, box: {right: 50%}}\n"
)
LAST = "  - {type: text, text: '{{ days_left }} days', size: 40, min_size: 20, color: '#000000'}\n"
SECOND = "  - {type: subject, who: second, box: {left: 50%}}\n"


@dataclass
class Evening:
    """What the plan of a night depends on; `rendered` is how many documents it took."""

    shop: Shop
    day: date = DAY
    photos: tuple[PhotoRow, ...] = ALL
    rendered: list[int] = field(default_factory=list)

    def plan(self, last: Iterable[BannerRow] = (), *, gone: str = "") -> list[BannerRow]:
        """The night's rows, if all that is planned gets stored; `last` are those of the night before.

        `gone` is the key of a banner that somebody deleted.
        """
        past = Past({row.key: row for row in last}, None)
        campaign = load_campaign(self.shop.campaign)
        press = Press.of(RUN, campaign)
        wanted, _ = want(campaign, self.day, Briefs(press.digest, past.briefs))
        by_key = {row.key: row for row in self.photos}
        stored = past.rows.keys() - {gone}
        plan = plan_banners(wanted, by_key, press, stored=stored, past=past.rows)
        return [*plan.rows, *(banner_row(unit, RUN, Status.STORED) for unit in plan.todo)]


@pytest.fixture
def evening(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Evening:
    """The shop with a design that names values of every kind, and a brand kit with colours and a logo."""
    looks = shop.folder / "looks"
    written(looks, LAYERS, head="palette: {accent: '#101010'}\n")
    star(looks / "mine" / "star.png", 1)
    (looks / "brands").mkdir()
    (looks / "brands" / "sea.yaml").write_text("name: sea\ncolours: {accent: '#0B3C5D'}\nlogo: sea.png\n")
    star(looks / "brands" / "sea.png", 2)
    shop.edit("campaign.yaml", "[catalogue-card]", "[mine, catalogue-card]\ntemplates: looks\nbrand: sea")
    made = Evening(shop)

    def counted(requests: list[DocumentRequest], *rest: object) -> object:
        made.rendered.append(len(requests))
        return render_documents(requests, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline.wanted, "render_documents", counted)
    return made


def star(path: Path, shade: int) -> None:
    Image.new("RGB", (9, 9), (shade, shade, shade)).save(path)


def edited(file: str, old: str, new: str) -> Callable[[Evening], None]:
    return lambda evening: evening.shop.edit(file, old, new)


def redrawn(file: str) -> Callable[[Evening], None]:
    return lambda evening: star(evening.shop.folder / "looks" / file, 3)


def counting_days(evening: Evening) -> None:
    """A design that counts the days, a day later."""
    evening.day += timedelta(days=1)


def test_the_next_night_renders_nothing_and_keeps_everything(evening: Evening) -> None:
    last = evening.plan()

    again = evening.plan(last)

    assert {row.key for row in again} == {row.key for row in last}
    assert {row.detail for row in again} == {"kept"}
    assert evening.rendered == [12, 0, 0, 0]  # before the photos are looked at, and after


CHANGES = {
    "a name": edited("catalogue.csv", "Blue coat", "Navy coat"),
    "a price that was named in brackets": edited("catalogue.csv", "100,50,5", "100,49,5"),
    "a list price, behind the discount": edited("catalogue.csv", "100,50,5", "90,50,5"),
    "copy": edited("segments.yaml", "cta: 半額", "cta: 購入"),
    "a column": edited("segments.yaml", "columns: {name: name_ja}", "columns: {name: list_price}"),
    "a locale": edited("segments.yaml", "locale: en", "locale: de"),
    "a currency": edited("segments.yaml", "currency: USD", "currency: EUR"),
    "a size more": edited("campaign.yaml", "300x250,", "300x250, 300x600,"),
    "a size less": edited("campaign.yaml", "300x250, ", ""),
    "the quality": edited("campaign.yaml", "timezone: UTC", "timezone: UTC\nfiles: {quality: 80}"),
    "a format": edited("campaign.yaml", "timezone: UTC", "timezone: UTC\nfiles: {format: webp}"),
    "the design": edited("looks/mine/template.yaml", "width: 20%", "width: 30%"),
    "a design less": edited("campaign.yaml", "mine, ", ""),
    "an asset of the design": redrawn("mine/star.png"),
    "a colour of the brand": edited("looks/brands/sea.yaml", "0B3C5D", "0B3C5E"),
    "the brand's logo": redrawn("brands/sea.png"),
    "no brand": edited("campaign.yaml", "\nbrand: sea", ""),
    "who is in a segment": edited("segments.yaml", "price < 45", "price < 35"),
    "a product's photo": edited("catalogue.csv", "40,5,b.png", "40,5,c.png"),
    "another cut-out of a photo": lambda evening: setattr(
        evening, "photos", (replace(ALL[0], cutout_key="cutouts/new"), *ALL[1:])
    ),
    "a photo that is gone": lambda evening: setattr(evening, "photos", ALL[1:]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_changes_is_planned_as_if_nothing_were_known(
    evening: Evening, change: Callable[[Evening], None]
) -> None:
    last = evening.plan()
    change(evening)

    with_rows, without = evening.plan(last), evening.plan()

    assert {row.key for row in with_rows} == {row.key for row in without}
    assert {row.key for row in without} != {row.key for row in last}  # else the change would test nothing


@pytest.mark.parametrize(
    "change",
    [edited("catalogue.csv", "50,5,a.png", "50,4,a.png"), counting_days],
    ids=["a stock that no design names", "a day that no design names"],
)
def test_what_is_not_shown_does_not_count(evening: Evening, change: Callable[[Evening], None]) -> None:
    last = evening.plan()
    change(evening)

    again = evening.plan(last)

    assert {row.key for row in again} == {row.key for row in last}
    assert evening.rendered == [12, 0, 0, 0]


def test_only_the_document_that_changed_is_rendered(evening: Evening) -> None:
    last = evening.plan()
    evening.shop.edit("catalogue.csv", "Blue coat", "Navy coat")

    evening.plan(last)

    assert evening.rendered[2:] == [2, 0]  # in both designs


def test_a_design_that_counts_the_days_is_rendered_every_night(evening: Evening) -> None:
    written(evening.shop.folder / "looks", LAYERS + LAST, head="palette: {accent: '#101010'}\n")
    evening.shop.edit("campaign.yaml", "timezone: UTC", f"timezone: UTC\nvalid_to: {DAY + timedelta(days=9)}")
    last = evening.plan()
    counting_days(evening)

    tomorrow, fresh = evening.plan(last), evening.plan()

    assert {row.key for row in tomorrow} == {row.key for row in fresh}
    assert evening.rendered[2:4] == [6, 0]
    assert sum(row.detail == "kept" for row in tomorrow) == 12  # those of the other design


def test_a_banner_that_was_deleted_is_made_again_of_the_same_name(evening: Evening) -> None:
    last = evening.plan()

    again = evening.plan(last, gone=last[0].key)

    assert {row.key for row in again} == {row.key for row in last}
    assert [row.key for row in again if row.detail != "kept"] == [last[0].key]
    assert evening.rendered[2:] == [0, 1]


def test_a_banner_that_failed_in_passing_is_tried_again(evening: Evening) -> None:
    first, *others = evening.plan()
    failed = replace(first, status=Status.FAILED, reason=Fault.CRASHED)

    again = evening.plan([failed, *others])

    assert {row.key: row.status for row in again}[first.key] is Status.STORED


def test_a_product_that_is_listed_twice_has_banners_of_its_own(evening: Evening) -> None:
    last = evening.plan()
    evening.shop.edit("catalogue.csv", "B-2,", "A-9,Blue coat,青いコート,100,50,5,a.png\nB-2,")

    again = evening.plan(last)

    new = {row.key for row in again} - {row.key for row in last}
    assert {row.product for row in again if row.key in new} == {"A-9"}
    assert len(new) == 4  # two designs, two sizes


def test_rows_of_earlier_versions_are_believed_after_one_more_rendering(evening: Evening) -> None:
    last = evening.plan()

    again = evening.plan([replace(row, brief="") for row in last])

    assert evening.rendered[2:] == [12, 0]
    assert {row.key: row.brief for row in again} == {row.key: row.brief for row in last}
    assert all(row.detail == "kept" for row in again)


def test_a_second_persons_new_cut_out_is_noticed(evening: Evening) -> None:
    written(evening.shop.folder / "looks", LAYERS + SECOND, head="palette: {accent: '#101010'}\n")
    last = evening.plan()
    # Another cut-out of b.png's neighbour in the same product, and nothing else.
    evening.photos = tuple(
        replace(row, cutout_key="cutouts/again") if row.key == "c.png" else row for row in evening.photos
    )

    with_rows, without = evening.plan(last), evening.plan()

    assert {row.key for row in with_rows} == {row.key for row in without} != {row.key for row in last}


def test_a_second_photo_that_comes_later_is_shown(evening: Evening) -> None:
    written(evening.shop.folder / "looks", LAYERS + SECOND, head="palette: {accent: '#101010'}\n")
    evening.photos = tuple(row for row in ALL if row.key != "c.png")
    last = evening.plan()
    evening.photos = ALL

    with_rows = evening.plan(last)

    assert {row.key for row in with_rows} == {row.key for row in evening.plan()}
    assert any(row.second_photo_key == "c.png" for row in with_rows)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (pipeline.units, "RENDER_VERSION", "next"),
        (pipeline.briefs, "version", lambda name: "next"),
        (pipeline.briefs, "_VERSIONS_OF", ()),
    ],
)
def test_another_version_of_what_makes_documents_renders_them_all_once(
    evening: Evening, monkeypatch: pytest.MonkeyPatch, place: object, name: str, value: object
) -> None:
    last = evening.plan()
    monkeypatch.setattr(place, name, value)

    evening.plan(last)

    assert evening.rendered[2:] == [12, 0]


def test_a_font_that_is_added_renders_them_all_once(evening: Evening) -> None:
    last = evening.plan()
    shipped = Path(pipeline.wanted.__file__).parents[1] / "templates" / "fonts"
    own = evening.shop.folder / "looks" / "fonts"
    own.mkdir()
    file = next(path for path in shipped.glob("*.ttf") if "Emoji" not in path.name)
    (own / "own.ttf").write_bytes(file.read_bytes())
    (own / "fonts.yaml").write_text("fonts: [{name: own, weight: 400, file: own.ttf}]\nfamilies: {}\n")

    again = evening.plan(last)

    assert evening.rendered[2:] == [12, 0]
    assert {row.key for row in again} == {row.key for row in last}


def test_a_design_that_fails_for_the_one_new_product_has_worked_for_the_others(evening: Evening) -> None:
    evening.shop.edit("looks/mine/template.yaml", "{{ brand.accent }}", "{{ product.tint }}")
    evening.shop.edit("catalogue.csv", "stock,photos", "stock,photos,tint")
    for name in ("a.png", "b.png;c.png", "empty.png"):
        evening.shop.edit("catalogue.csv", f",5,{name}\n", f",5,{name},#000000\n")
    evening.shop.edit("catalogue.csv", ",0,a.png", ",0,a.png,reddish")
    last = evening.plan()
    evening.shop.edit("catalogue.csv", "30,0,a.png", "30,5,a.png")

    again = evening.plan(last)

    new = {(row.design, row.status) for row in again if row.product == "D-4"}
    assert new == {("mine", Status.FAILED), ("catalogue-card", Status.STORED)}


def test_a_design_that_is_broken_tonight_stops_the_night_before_a_photo_is_touched(evening: Evening) -> None:
    shop = evening.shop
    shop.run()
    shop.add("d.png", (shop.photos / "a.png").read_bytes())
    shop.edit("looks/mine/template.yaml", "{{ copy.cta }}", "{{ copy.cta.__class__ }}")
    before = shop.files()

    with pytest.raises(InvalidInput, match="is not allowed in a design"):
        shop.run()

    assert shop.files() == before


def test_a_whole_night_with_nothing_to_do_renders_nothing(evening: Evening) -> None:
    first = evening.shop.run()
    before = evening.shop.files()

    outcome = evening.shop.run()

    assert evening.rendered == [12, 0, 0, 0]
    assert (outcome.made, evening.shop.files()) == (False, before)
    assert {row.key for row in outcome.banners} == {row.key for row in first.banners}


def test_a_document_that_cannot_be_rendered_is_told_every_night(evening: Evening) -> None:
    evening.shop.edit("catalogue.csv", "Blue coat", "")
    last = evening.plan()

    again = evening.plan(last)

    for rows in (last, again):
        assert {row.reason for row in rows if row.product == "A-1"} == {"missing_value"}
    assert evening.rendered == [12, 0, 2, 0]


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{ product.price | money }}", {("product", "price")}),
        ("{{ product['price'] }}", {("product", "price")}),
        ("{{ product[copy.which] }}", {("product",), ("copy", "which")}),
        ("{% for line in copy.points | lines %}{{ line }}{% endfor %}", {("copy", "points"), ("line",)}),
        ("{{ product }}", {("product",)}),
        ("{% set shown = product %}{{ shown.price }}", {("product",), ("shown",), ("shown", "price")}),
        ("{{ 'soon' if days_left < 3 else today }}", {("days_left",), ("today",)}),
        ("{{ product.name.upper() }}", {("product", "name")}),
        ("{{ broken", {()}),
        ("no template", set()),
    ],
)
def test_the_names_that_a_design_uses_are_found(
    tmp_path: Path, template: str, names: set[tuple[str, ...]]
) -> None:
    file = written(tmp_path, text_layer("x"))
    design = read_design(file)
    design.tree["layers"][0]["text"] = template

    assert set(named_in.__wrapped__(design)) == names


@pytest.mark.parametrize(
    ("layer", "may"),
    [(SECOND, True), (SECOND.replace("second", "first"), False), ("", False)],
)
def test_whether_a_design_may_show_two_people_is_known_beforehand(
    tmp_path: Path, layer: str, may: bool
) -> None:
    design = read_design(written(tmp_path, "  - {type: subject}\n" + layer))

    assert may_show_second(design) is may
