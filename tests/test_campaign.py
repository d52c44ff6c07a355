from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.campaign import FileSettings, load_campaign
from pipeline.codecs import Format
from pipeline.errors import InvalidInput
from pipeline.types import Size

CATALOGUE = "id,name,stock,photos\nA1,Coat,5,a.jpg\n"
SEGMENTS = """\
- name: taipei
  locale: zh_TW
  currency: TWD
  rule: stock > 0
  copy: {headline: 今日限定五折}
"""
CAMPAIGN = """\
name: spring
photos: photos
output: ../out
catalogue: catalogue.csv
segments: segments.yaml
designs: [sale-poster, catalogue-card]
sizes: [1080x1080, 300x250]
"""


@pytest.fixture
def campaign_file(tmp_path: Path):
    folder = tmp_path / "shop"
    (folder / "photos").mkdir(parents=True)
    (folder / "catalogue.csv").write_text(CATALOGUE, encoding="utf-8")
    (folder / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")

    def write(text: str) -> Path:
        path = folder / "campaign.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_campaign_comes_with_its_products_and_segments(campaign_file, tmp_path: Path) -> None:
    campaign = load_campaign(campaign_file(CAMPAIGN))

    assert campaign.name == "spring"
    assert campaign.photos == str(tmp_path / "shop" / "photos")
    assert campaign.output == str(tmp_path / "out")
    assert campaign.designs == ("sale-poster", "catalogue-card")
    assert campaign.sizes == (Size(1080, 1080), Size(300, 250))
    assert [product.id for product in campaign.products] == ["A1"]
    assert [(segment.name, segment.sizes) for segment in campaign.segments] == [("taipei", campaign.sizes)]


def test_what_is_not_said_has_a_safe_default(campaign_file) -> None:
    campaign = load_campaign(campaign_file(CAMPAIGN))

    assert (campaign.photo, campaign.brand, campaign.timezone) == ("first", "", "UTC")
    assert campaign.max_rejected_share == 0.02
    assert (campaign.valid_from, campaign.valid_to, campaign.templates) == (None, None, None)
    assert campaign.files == FileSettings(Format.JPEG, {}, None, {})


def test_everything_may_be_said(campaign_file, tmp_path: Path) -> None:
    (tmp_path / "shop" / "designs").mkdir()
    said = """\
templates: designs
valid_from: 2026-11-01
valid_to: 2026-11-30
timezone: Asia/Taipei
photo: "*front*"
max_rejected_share: 0.1
brand: house
files:
  format: webp
  formats: {1080x1080: avif}
  quality: 85
  max_bytes: {300x250: 150000}
"""

    campaign = load_campaign(campaign_file(CAMPAIGN + said))

    assert campaign.templates == tmp_path / "shop" / "designs"
    assert (campaign.valid_from, campaign.valid_to) == (date(2026, 11, 1), date(2026, 11, 30))
    assert (campaign.photo, campaign.max_rejected_share, campaign.brand) == ("*front*", 0.1, "house")
    avif = {Size(1080, 1080): Format.AVIF}
    assert campaign.files == FileSettings(Format.WEBP, avif, 85, {Size(300, 250): 150_000})
    assert (campaign.segments[0].photo, campaign.segments[0].brand) == ("*front*", "house")


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("photos: photos", "fotos: photos", 2, "fotos", "unknown field (did you mean photos?"),
        ("name: spring\n", "", 1, "name", "is missing"),
        ("name: spring", "name: 5", 1, "name", "must be text, not 5 (put it in quotes)"),
        ("name: spring", "name: Spring Sale", 1, "name", "must be 1 to 63 of the characters"),
        ("photos: photos", "photos: nowhere", 2, "photos", "there is no folder"),
        ("photos: photos", "photos: ''", 2, "photos", "must not be empty"),
        ("photos: photos", "photos: gs://bucket", 2, "photos", "must be a folder or s3://bucket/prefix"),
        ("photos: photos", "photos: s3:///x", 2, "photos", "must be a folder or s3://bucket/prefix"),
        ("../out", "photos/out", 3, "output", "nor inside it"),
        ("../out", "photos", 3, "output", "must not be the folder of the photos"),
        ("../out", "catalogue.csv", 3, "output", "is a file, not a folder"),
        ("../out", '"a\\0b"', 3, "output", "has the control character U+0000"),
        ("photos: photos", "photos: campaign.yaml", 2, "photos", "is no folder"),
        ("catalogue.csv", "photos", 4, "catalogue", "is no file"),
        ("catalogue.csv", "x" * 300, 4, "catalogue", "File name too long"),
        ("catalogue.csv", "catalog.csv", 4, "catalogue", "there is no file"),
        ("segments.yaml", "segment.yaml", 5, "segments", "there is no file"),
        ("[sale-poster, catalogue-card]", "sale-poster", 6, "designs", "must be a list"),
        ("[sale-poster, catalogue-card]", "[Sale]", 6, "designs[0]", "must be 1 to 63"),
        ("300x250]", "300x]", 7, "sizes[1]", "must be a size such as 300x250, not 300x"),
        ("300x250]", "1080x1080]", 7, "sizes", "1080x1080 is given twice"),
        ("300x250]", "9000x250]", 7, "sizes[1]", "both sides must be 20 to 4096 pixels"),
        ("sizes", "valid_from: soon\nsizes", 7, "valid_from", "must be a day such as 2026-11-22"),
        ("sizes", "valid_from: 2026-11-22 10:00:00\nsizes", 7, "valid_from", "must be a day"),
        (
            "sizes",
            "valid_from: 2026-02-02\nvalid_to: 2026-02-01\nsizes",
            8,
            "valid_to",
            "is before valid_from",
        ),
        ("sizes", "timezone: Taipei\nsizes", 7, "timezone", "Taipei is no time zone"),
        ("sizes", "timezone: ../etc/passwd\nsizes", 7, "timezone", "is no time zone"),
        ("sizes", "timezone: Asia\nsizes", 7, "timezone", "is no time zone"),
        ("sizes", "photo: front\nsizes", 7, "photo", "must be first, last or a pattern"),
        ("sizes", "max_rejected_share: 2\nsizes", 7, "max_rejected_share", "less than or equal to 1"),
        ("sizes", "max_rejected_share: 2%\nsizes", 7, "max_rejected_share", "must be a number"),
        ("sizes", "templates: nowhere\nsizes", 7, "templates", "there is no folder"),
        ("sizes", "files:\n  qualty: 5\nsizes", 8, "files.qualty", "did you mean quality?"),
        ("sizes", "files:\n  quality: 100\nsizes", 8, "files.quality", "less than or equal to 95"),
        ("sizes", "files: {max_bytes: {big: 9000}}\nsizes", 7, "files.max_bytes.big", "must be a size"),
        ("sizes", "files: {max_bytes: {300x250: 9}}\nsizes", 7, "files.max_bytes.300x250", "greater than"),
        ("sizes", "files: {format: gif}\nsizes", 7, "files.format", "must be jpeg, webp, avif or png"),
        ("sizes", "files: {formats: {300x250: gif}}\nsizes", 7, "files.formats.300x250", "avif or png"),
        ("sizes", "name: again\nsizes", 7, "name", "is given twice"),
    ],
)
def test_a_wrong_campaign_is_told_with_its_line_and_field(
    campaign_file, old, new, line, field, words
) -> None:
    path = campaign_file(CAMPAIGN.replace(old, new, 1))

    with pytest.raises(InvalidInput) as caught:
        load_campaign(path)

    assert (caught.value.file, caught.value.line, caught.value.field) == (str(path), line, field)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "- name: x\n", "just text", "&a [*a]"])
def test_a_file_that_is_no_campaign_is_refused(campaign_file, text: str) -> None:
    path = campaign_file(text)

    with pytest.raises(InvalidInput, match="is empty|must be a mapping"):
        load_campaign(path)


def test_what_is_wrong_in_the_segments_is_told_with_their_file(campaign_file, tmp_path: Path) -> None:
    segments = tmp_path / "shop" / "segments.yaml"
    segments.write_text(SEGMENTS.replace("stock > 0", "exists(from '/etc/passwd')"), encoding="utf-8")

    with pytest.raises(InvalidInput, match="must not contain a subquery") as caught:
        load_campaign(campaign_file(CAMPAIGN))

    assert (caught.value.file, caught.value.line, caught.value.field) == (
        str(segments),
        4,
        "segments[0].rule",
    )


def test_what_is_wrong_in_the_catalogue_is_told_with_its_file(campaign_file, tmp_path: Path) -> None:
    catalogue = tmp_path / "shop" / "catalogue.csv"
    catalogue.write_text(CATALOGUE + "A1,Hat,1,b.jpg\n")

    with pytest.raises(InvalidInput, match="A1 is the id of line 2 too") as caught:
        load_campaign(campaign_file(CAMPAIGN))

    assert (caught.value.file, caught.value.line) == (str(catalogue), 3)


@pytest.mark.parametrize(
    ("photos", "output"),
    [("s3://shop", "s3://shop/banners"), ("s3://shop/p/", "s3://shop/p/x"), ("s3://shop/p", "s3://shop/p/")],
)
def test_banners_are_never_written_among_the_photos_of_a_bucket(campaign_file, photos, output) -> None:
    path = campaign_file(CAMPAIGN.replace("photos: photos", f"photos: {photos}").replace("../out", output))

    with pytest.raises(InvalidInput, match="nor inside it"):
        load_campaign(path)


def test_photos_and_output_may_be_prefixes_side_by_side(campaign_file) -> None:
    text = CAMPAIGN.replace("photos: photos", "photos: s3://shop/p").replace("../out", "s3://shop/p-out")

    campaign = load_campaign(campaign_file(text))

    assert (campaign.photos, campaign.output) == ("s3://shop/p", "s3://shop/p-out")


@pytest.mark.parametrize(
    ("day", "runs"),
    [
        (date(2026, 10, 31), False),
        (date(2026, 11, 1), True),
        (date(2026, 11, 30), True),
        (date(2026, 12, 1), False),
    ],
)
def test_both_ends_of_the_time_are_included(campaign_file, day: date, runs: bool) -> None:
    campaign = load_campaign(campaign_file(CAMPAIGN + "valid_from: 2026-11-01\nvalid_to: 2026-11-30\n"))

    assert campaign.runs_on(day) is runs


def test_today_is_the_day_where_the_campaign_runs(campaign_file) -> None:
    campaign = load_campaign(campaign_file(CAMPAIGN + "timezone: Asia/Taipei\n"))

    assert campaign.today(datetime(2026, 11, 22, 17, 0, tzinfo=UTC)) == date(2026, 11, 23)


def test_a_format_that_the_installed_pillow_cannot_write_is_told_at_once(
    campaign_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.codecs.features.check", lambda name: name != "avif")

    with pytest.raises(InvalidInput, match="cannot write avif"):
        load_campaign(campaign_file(CAMPAIGN + "files: {format: avif}\n"))
    assert load_campaign(campaign_file(CAMPAIGN + "files: {format: webp}\n")).files.format is Format.WEBP
