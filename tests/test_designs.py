"""The packaged designs: in every usual size texts keep apart, gates pass, and they look as approved."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes import person

from pipeline.compose import Rendered, render
from pipeline.design import design_names, load_brand, load_design
from pipeline.fonts import FontBook
from pipeline.formats import STANDARD
from pipeline.gallery import DAY, sample
from pipeline.garment import uses_garment
from pipeline.items import Text
from pipeline.template import NO_BRAND, Brand, DocumentRequest, render_documents
from pipeline.types import Size

GOLDEN = Path(__file__).parent / "golden"
DESIGNS = (
    "catalogue-card",
    "free-shipping",
    "last-day",
    "lookbook",
    "lowest-price",
    "members-day",
    "new-arrivals",
    "sale-poster",
)
LOCALES = ("zh_TW", "en", "ja")

MEAN_TOLERANCE = 1.0
"""Mean absolute difference in levels of 255 that other builds of OpenCV and FreeType may make."""

WRONG_SHARE = 0.005
"""Share of values that may differ by more than 32 levels: a glyph's edge may fall on another pixel."""

Documents = dict[tuple[str, str, bool], str]


@pytest.fixture(scope="module")
def made() -> Documents:
    """The documents of all designs by (design, locale, longer), rendered in one go."""
    keys = [(name, locale, longer) for name in DESIGNS for locale in LOCALES for longer in (False, True)]
    requests = [request(*key) for key in keys]
    documents = render_documents(requests)
    return {key: str(document) for key, document in zip(keys, documents, strict=True)}


def request(name: str, locale: str, longer: bool, brand: Brand = NO_BRAND) -> DocumentRequest:
    design = load_design(name)
    segment, product = sample(design, locale, STANDARD, longer=longer)
    return DocumentRequest(design, segment, product, brand, DAY, segment.valid_to)


def drawn(document: str, size: Size, *, legs: bool = False) -> Rendered:
    return render(document, size, person(legs=legs), second=person(legs=not legs), fonts=FontBook.load())


def meeting(texts: list[Text]) -> list[tuple[str, str]]:
    """The ids of the texts that lie over each other."""
    upright = [text for text in texts if text.turn is None]
    return [(a.id, b.id) for a in upright for b in upright if a is not b and a.area.meets(b.area)]


def test_these_are_the_packaged_designs() -> None:
    assert design_names() == DESIGNS


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize(("turn", "size"), list(enumerate(STANDARD)), ids=str)
def test_a_design_passes_its_own_gates(made: Documents, name: str, turn: int, size: Size) -> None:
    """Languages take turns from size to size, so that every design is seen in each of them."""
    locale = LOCALES[(turn + DESIGNS.index(name)) % len(LOCALES)]

    # The person without legs is drawn 600 pixels high: too few for a story.
    banner = drawn(made[name, locale, False], size, legs=turn % 2 == 0 or size.height > 1500)

    assert banner.pixels.shape == (size.height, size.width, 3)
    assert banner.held == (), banner.gates
    assert meeting(list(banner.layout.texts)) == []


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize(("turn", "size"), list(enumerate(STANDARD)), ids=str)
def test_copy_that_is_longer_by_two_fifths_fits(made: Documents, name: str, turn: int, size: Size) -> None:
    locale = LOCALES[(turn + DESIGNS.index(name) + 1) % len(LOCALES)]

    banner = drawn(made[name, locale, True], size, legs=turn % 2 == 1)

    assert banner.held == (), banner.gates


@pytest.mark.parametrize("size", [Size(600, 500), Size(1456, 180)], ids=str)
def test_twice_the_pixels_are_the_same_banner(made: Documents, size: Size) -> None:
    once = drawn(made["lowest-price", "en", False], Size(size.width // 2, size.height // 2))
    twice = drawn(made["lowest-price", "en", False], size)

    assert twice.held == ()
    ones, twos = (
        {text.id: round(text.area.x / banner.layout.safe.width, 2) for text in banner.layout.texts}
        for banner in (once, twice)
    )
    assert ones.keys() == twos.keys()
    assert all(abs(ones[name] - twos[name]) <= 0.02 for name in ones)


@pytest.mark.parametrize(
    ("name", "locale", "size", "shrink"),
    [
        ("sale-poster", "zh_TW", Size(300, 250), 1),
        ("catalogue-card", "ja", Size(1080, 1080), 4),
        ("new-arrivals", "en", Size(1080, 1350), 4),
        ("lowest-price", "zh_TW", Size(1200, 628), 4),
        ("free-shipping", "en", Size(336, 280), 1),
        ("lookbook", "ja", Size(1080, 1080), 4),
        ("members-day", "zh_TW", Size(1080, 1920), 5),
        ("last-day", "en", Size(970, 250), 3),
    ],
)
def test_banners_look_as_they_did_when_last_approved(
    made: Documents, name: str, locale: str, size: Size, shrink: int
) -> None:
    """Golden pictures are drawn anew by deleting them and running this test once, which then fails."""
    path = GOLDEN / f"{name}-{size}-{locale}.png"
    picture = Image.fromarray(drawn(made[name, locale, False], size).pixels).reduce(shrink)
    if not path.is_file():
        picture.quantize(128).save(path, optimize=True)
        pytest.fail(f"{path} was missing: look at it before you keep it")

    expected = np.array(Image.open(path).convert("RGB")).astype(int)
    shown = np.array(picture.quantize(128).convert("RGB")).astype(int)
    difference = np.abs(shown - expected)

    assert difference.mean() <= MEAN_TOLERANCE
    assert (difference > 32).mean() <= WRONG_SHARE


def test_a_brand_kit_changes_colours_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "brands").mkdir()
    (tmp_path / "brands" / "sea.yaml").write_text(
        'name: sea\ncolours: {ground: "#0B3C5D", rays: "#093350"}\n'
    )
    kit = load_brand("sea", [tmp_path])
    plain, branded = render_documents(
        [request("sale-poster", "en", False), request("sale-poster", "en", False, kit)]
    )

    before, after = (drawn(str(document), Size(300, 250)) for document in (plain, branded))

    assert [text.area for text in before.layout.texts] == [text.area for text in after.layout.texts]
    assert tuple(after.pixels[-1, -1]) in {(11, 60, 93), (9, 51, 80)}


def test_a_kits_logo_is_drawn_and_counts_in_the_document(tmp_path: Path) -> None:
    (tmp_path / "brands").mkdir()
    (tmp_path / "brands" / "sea.yaml").write_text("name: sea\nlogo: sea.png\n")
    Image.new("RGB", (40, 20), (1, 2, 3)).save(tmp_path / "brands" / "sea.png")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "template.yaml").write_text(
        "fonts: {text: {family: sans}}\nlayers:\n  - {type: logo, box: {width: 40, height: 20}, x: start}\n"
    )
    design = load_design("mine", [tmp_path])
    segment, product = sample(design, "en", (Size(1080, 1080),))

    [document] = render_documents([DocumentRequest(design, segment, product, load_brand("sea", [tmp_path]))])
    banner = render(str(document), Size(1080, 1080), person(), fonts=FontBook.load(), folders=(tmp_path,))

    assert '"brands/sea.png":"' in str(document)
    assert tuple(banner.pixels[10, 20]) == (1, 2, 3)
    assert tuple(banner.pixels[100, 100]) == (255, 255, 255)


@pytest.mark.parametrize(
    ("days", "shown"), [(3, ["0", "3"]), (0, ["0", "0"]), (12, ["1", "2"]), (120, ["1", "2", "0"])]
)
def test_the_last_days_clock_counts_down(days: int, shown: list[str]) -> None:
    asked = replace(request("last-day", "en", False), last=DAY + timedelta(days=days))

    [document] = render_documents([asked])
    texts = [str(text.look[0]) for text in drawn(str(document), Size(1080, 1080)).layout.texts]

    assert [text for text in texts if text.isdigit() and len(text) == 1] == shown


def test_without_an_end_the_clock_shows_the_badge() -> None:
    [document] = render_documents([replace(request("last-day", "en", False), last=None)])
    texts = [str(text.look[0]) for text in drawn(str(document), Size(1080, 1080)).layout.texts]

    assert "-50%" in texts


def test_new_arrivals_take_their_colours_from_the_garment(made: Documents) -> None:
    document = made["new-arrivals", "en", False]

    banner = drawn(document, Size(300, 250))

    assert uses_garment(document)
    red, _, blue = (int(value) for value in banner.pixels[-1, 0])
    assert blue > red  # the drawn person wears a blue shirt
