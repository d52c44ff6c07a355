"""Every design in every format and language, with the people of many photos and words as written and longer.

What a design promises is shown here before a shop finds out: sheets to look at, and a count of the gates that
its own banners would break.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product as pairs

from pipeline import compose
from pipeline.clusters import clean, clusters
from pipeline.design import Design
from pipeline.errors import Fault, JobError
from pipeline.fallback import missing
from pipeline.fonts import FontBook
from pipeline.samples import sample_product, sample_segment
from pipeline.sheet import Shown, contact_sheet
from pipeline.template import Brand, DocumentError, DocumentRequest, render_documents
from pipeline.types import Cutout, Pixels, Product, Segment, Size

LONGER = 1.4
"""How much longer German is than English copy of a dozen letters, and what a design has to take."""
KEPT_SHORT = ("badge", "kicker", "days")
"""Texts that are labels, not copy: nobody writes a longer 50 %."""
DAY = date(2026, 11, 22)
DAYS_LEFT = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One design in one language, its words as written or longer: all formats on one sheet.

    `broken` are (size, fault) of the banners that their gates would hold; `seconds` for all of its `renders`.
    """

    design: str
    locale: str
    longer: bool
    sheet: Pixels
    broken: tuple[tuple[Size, Fault], ...]
    renders: int
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.design}-{self.locale}{'-longer' if self.longer else ''}"


def drawable(locales: Sequence[str], designs: Sequence[Design]) -> list[str]:
    """Those of `locales` whose sample words the fonts of `designs` have all letters for."""
    return [locale for locale in locales if all(_covered(design, locale) for design in designs)]


def pages(
    designs: Sequence[Design],
    locales: Sequence[str],
    sizes: Sequence[Size],
    people: Sequence[Cutout],
    brand: Brand,
) -> Iterator[Page]:
    """A page for each design, language and length of words; `people` take turns from banner to banner.

    How sure the cut-outs are is their photos' affair: they count as sure here. Raises `JobError` for a design
    that cannot be drawn.
    """
    sure = [replace(person, confidence=1.0) for person in people]
    turn = 0
    for design, locale, longer in pairs(designs, locales, (False, True)):
        yield _page(
            design,
            locale,
            sizes,
            brand,
            longer,
            [sure[(turn + n) % len(sure)] for n in range(len(sizes) + 1)],
        )
        turn += len(sizes) + 1


def _page(
    design: Design, locale: str, sizes: Sequence[Size], brand: Brand, longer: bool, people: Sequence[Cutout]
) -> Page:
    segment, product = sample(design, locale, sizes, longer=longer)
    [document] = render_documents([DocumentRequest(design, segment, product, brand, DAY, segment.valid_to)])
    if isinstance(document, DocumentError):
        raise JobError(f"{design.name} cannot be drawn: {document.fault}: {document.detail}")
    started = time.perf_counter()
    folders = (design.folder.parent,)
    fonts = FontBook.load(folders)
    drawn = [
        compose.render(document, size, people[at], fonts=fonts, second=people[at + 1], folders=folders)
        for at, size in enumerate(sizes)
    ]
    seconds = time.perf_counter() - started
    broken = tuple((size, fault) for size, each in zip(sizes, drawn, strict=True) for fault in each.held)
    shown = [Shown(str(size), each.pixels) for size, each in zip(sizes, drawn, strict=True)]
    return Page(design.name, locale, longer, contact_sheet(shown), broken, len(drawn), seconds)


def sample(
    design: Design, locale: str, sizes: Sequence[Size], *, longer: bool = False
) -> tuple[Segment, Product]:
    """The sample segment and product of a design; with `longer`, their texts `LONGER` times as long."""
    segment = replace(
        sample_segment(locale, design.name, sizes[0], design.folder),
        sizes=tuple(sizes),
        valid_to=DAY + timedelta(days=DAYS_LEFT),
    )
    product = sample_product(locale)
    if longer:
        words = {name: _lengthened(name, text) for name, text in segment.copy.items()}
        name = _lengthened("name", str(product.fields["name"]))
        segment = replace(segment, copy=words)
        product = replace(product, fields={**product.fields, "name": name})
    return segment, product


def _lengthened(name: str, text: str) -> str:
    return text if name in KEPT_SHORT else "\n".join(_longer(line) for line in text.split("\n"))


def _longer(text: str) -> str:
    """`text` and its own beginning once more, to `LONGER` times its letters."""
    letters = clusters(text)
    more = round(len(letters) * (LONGER - 1))
    between = " " if " " in text else ""
    return (text + between + "".join(letters[:more])).strip()


def _covered(design: Design, locale: str) -> bool:
    segment, product = sample(design, locale, (Size(1080, 1080),))
    words = [*segment.copy.values(), *(str(value) for value in product.fields.values())]
    book = FontBook.load((design.folder.parent,))
    fonts = design.tree["fonts"].values()
    chains = [book.faces(font["family"], font.get("weight", 400), locale) for font in fonts]
    lines = [line.strip() for word in words for line in clean(word).split("\n")]
    return not any(any(missing(line, chain)) for line in lines for chain in chains)
