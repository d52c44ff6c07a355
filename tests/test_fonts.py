"""The shipped fonts are the listed ones and cover what they promise; chains, weights, a user's own folder."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
import yaml

import templates
from pipeline.errors import InvalidInput
from pipeline.fallback import missing
from pipeline.fonts import FontBook, coverage, language, sized

FOLDER = Path(templates.__file__).parent / "fonts"
LISTED = yaml.safe_load((FOLDER / "fonts.yaml").read_text(encoding="utf-8"))["fonts"]


HOUSE = (
    "fonts: [{name: House, weight: 700, file: House-Bold.otf}]\n"
    "families: {house: {default: [House, Noto Sans CJK]}}\n"
)


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    """Templates of a campaign's own, with one font file."""
    (tmp_path / "fonts").mkdir()
    shutil.copy(FOLDER / "InterDisplay-Bold.otf", tmp_path / "fonts" / "House-Bold.otf")
    return tmp_path


def listing(folder: Path, text: str) -> Path:
    (folder / "fonts" / "fonts.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("entry", LISTED, ids=lambda entry: entry["file"])
def test_every_font_file_is_the_listed_one(entry: dict[str, str]) -> None:
    assert hashlib.sha256((FOLDER / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_every_font_file_is_listed_with_its_licence() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.suffix in (".otf", ".ttf")}

    assert {entry["file"] for entry in LISTED} == files
    assert {entry["licence"] for entry in LISTED} == {"OFL-1.1"}


def test_fonts_together_stay_under_twelve_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 12_000_000


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("zh_TW", "今日限定五折全場最低價，羊毛衫、Ｔ恤與下襬：「裏起毛」……※！ㄅㄆㄇ"),
        ("zh_CN", "今日限定五折，全场最低价：羊毛衫、连衣裙与短裤“新品”……《秋冬》！衩缎绡"),
        ("ko", "오늘 하루만 반값! 전 품목 최저가, 캐멀 울 재킷 ‘신상품’ 빨간 원피스 30%·무료배송"),
        ("ar", "خصم ٥٠٪ اليوم، توصيل مجاني؟ «وصل حديثًا» — السعر ١٬٢٨٠٫٥٠ د.إ. گپچژ"),
        ("de", "Größe wählen: „Neue Kollektion“ für Straße & Büro – 1.280,50 € statt 2.560 €"),
        ("ja", "🔥🎉❤️✨🎁🛍️👗🧥👟❄️🚚⏰💯👍🏽👨\u200d👩\u200d👧🇹🇼"),
        ("ja", "本日限り全品五割引。綺麗な刺繍、薔薇柄、凛とした〜ー々ヴァｶﾅ㈱①"),
        ("en", "Today’s “Žluťoučký” façade — €1,280.50 £9 ¥99 ₩9,900 NT$1 ₫ ₹ ½ 25% ©®™ №5 Łódź Ơ"),
    ],
)
@pytest.mark.parametrize("family", ["sans", "serif"])
def test_chain_covers_language(family: str, locale: str, text: str) -> None:
    chain = FontBook.load().faces(family, 700, locale)

    assert list(missing(text, chain)) == []


@pytest.mark.parametrize(
    ("locale", "names"),
    [
        ("zh_TW", ["Inter Display", "Noto Sans CJK", "Noto Sans Arabic", "Noto Color Emoji"]),
        (
            "zh-Hant-HK",
            ["Inter Display", "Noto Sans CJK", "Noto Sans Arabic", "Noto Color Emoji"],
        ),
        (
            "ja_JP.UTF-8",
            ["Inter Display", "Noto Sans CJK", "Noto Sans Arabic", "Noto Color Emoji"],
        ),
        ("en", ["Inter Display", "Noto Sans CJK", "Noto Sans Arabic", "Noto Color Emoji"]),
    ],
)
def test_chain_follows_locale(locale: str, names: list[str]) -> None:
    assert [face.name for face in FontBook.load().faces("sans", 400, locale)] == names


@pytest.mark.parametrize(("wanted", "given"), [(100, 400), (500, 400), (550, 700), (600, 700), (900, 700)])
def test_nearest_weight_is_taken_and_the_heavier_on_a_tie(wanted: int, given: int) -> None:
    assert FontBook.load().faces("sans", wanted, "ja")[0].weight == given


@pytest.mark.parametrize(
    ("locale", "tag"),
    [
        ("zh_TW", "zh-Hant"),
        ("zh-Hant", "zh-Hant"),
        ("zh_Hans_HK", "zh-Hans"),
        ("zh_CN", "zh-Hans"),
        ("ja_JP", "ja"),
        ("EN-us", "en"),
    ],
)
def test_language_of_a_locale(locale: str, tag: str) -> None:
    assert language(locale) == tag


def test_digest_differs_by_weight_and_order() -> None:
    book = FontBook.load()
    asked = [("sans", 400, "ja"), ("sans", 700, "ja"), ("serif", 700, "ja"), ("serif", 700, "ko")]

    assert len({book.digest(*chain) for chain in asked}) == 4


def test_unknown_family_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        InvalidInput, match=r"template.yaml: layers\[2\].family: .*'serf'.*'serif'.*sans, serif"
    ):
        FontBook.load().check("serf", file="template.yaml", field="layers[2].family")


def test_own_folder_adds_a_family_that_falls_back_to_shipped_fonts(own_folder: Path) -> None:
    book = FontBook.load([listing(own_folder, HOUSE)])

    assert book.families == ("house", "sans", "serif")
    assert [face.name for face in book.faces("house", 700, "ja")] == ["House", "Noto Sans CJK"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fonts: [{name: A, weight: 700, file: no.otf}]", r"fonts\[0\].file: .*no.otf cannot be read"),
        ("fonts: [{name: A, weight: 700, file: fonts.yaml}]", r"fonts\[0\].file: .*cannot be read"),
        ("fonts: [{name: A, weight: bold, file: House-Bold.otf}]", r"fonts.0.weight"),
        ("fonts: [{name: A, weight: 1, file: House-Bold.otf, colour: red}]", r"fonts.0.colour"),
        (
            "fonts: [{name: A, weight: 1, file: House-Bold.otf, sha256: abc}]",
            r"fonts\[0\].sha256: .*not the file",
        ),
        ("families: {mine: {default: [Nothing]}}", r"families.mine.default: no font is called 'Nothing'"),
        ("families: {mine: {ja: [Noto Sans CJK]}}", r"families.mine.default: a family needs"),
        ("families: {sans: {default: [Noto Sans CJK]}}", r"families.sans: there is a family 'sans' already"),
        ("fonts:\n  - {name: [", r"fonts.yaml:\d+"),
    ],
)
def test_wrong_listing_names_file_and_field(own_folder: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        FontBook.load([listing(own_folder, text)])


def test_fonts_without_a_listing_are_refused(own_folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"fonts.yaml: there is no such file"):
        FontBook.load([own_folder])


def test_templates_without_fonts_of_their_own_use_the_shipped_ones(tmp_path: Path) -> None:
    assert FontBook.load([tmp_path, FOLDER.parent]) is FontBook.load()


def test_two_folders_may_not_define_the_same_family(own_folder: Path, tmp_path: Path) -> None:
    listing(own_folder, HOUSE)
    other = shutil.copytree(own_folder / "fonts", tmp_path / "other" / "fonts").parent

    with pytest.raises(InvalidInput, match=r"other/fonts/fonts.yaml: families.house: there is a family"):
        FontBook.load([own_folder, other])


def test_a_font_that_was_added_is_seen_without_a_new_start(own_folder: Path) -> None:
    before = FontBook.load([listing(own_folder, "families: {}")]).families

    os.utime(listing(own_folder, HOUSE) / "fonts" / "fonts.yaml", (1, 1))

    assert (before, FontBook.load([own_folder]).families) == (("sans", "serif"), ("house", "sans", "serif"))


def test_a_font_that_was_replaced_under_its_name_is_read_anew(own_folder: Path) -> None:
    [before, _] = FontBook.load([listing(own_folder, HOUSE)]).faces("house", 700, "en")
    first = (sized(before, 40).getname(), ord("ا") in coverage(before))
    file = own_folder / "fonts" / "House-Bold.otf"
    shutil.copy(FOLDER / "NotoSansArabic-Bold.ttf", file)
    os.utime(file, (1, 1))

    [after, _] = FontBook.load([own_folder]).faces("house", 700, "en")

    assert first == (("Inter Display", "Bold"), False)
    assert (sized(after, 40).getname(), ord("ا") in coverage(after)) == (("Noto Sans Arabic", "Bold"), True)
