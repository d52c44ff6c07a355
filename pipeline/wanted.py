"""What a campaign asks for: segments times products times designs, each rendered once into a document.

Of a segment with variants each product asks for the designs of its own variant.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pipeline.briefs import Briefs
from pipeline.campaign import Campaign
from pipeline.design import design_names
from pipeline.errors import InvalidInput
from pipeline.packed import PackedText, Packer
from pipeline.segments import select
from pipeline.selection import Search
from pipeline.template import DocumentError, DocumentRequest, load_brand, load_design, render_documents
from pipeline.types import Product, Segment, Variant
from pipeline.variants import in_variant, shown_to
from pipeline.yamlfile import did_you_mean, read_yaml


@dataclass(frozen=True, slots=True)
class Wanted:
    """A segment's banners of one product in one design; `document` is shared by all its sizes.

    `document` is None where an earlier night made banners by the same `brief` (see `pipeline.briefs`), so
    that nobody may need it tonight; `render` makes up for it.
    """

    request: DocumentRequest
    brief: str = ""
    document: PackedText | DocumentError | None = None

    @property
    def segment(self) -> Segment:
        """As the product has it, in its variant."""
        return self.request.segment

    @property
    def product(self) -> Product:
        return self.request.product

    @property
    def design(self) -> str:
        return self.request.design.name


def want(
    campaign: Campaign,
    day: date | None = None,
    briefs: Briefs | None = None,
    chosen: Mapping[str, tuple[Product, ...]] | None = None,
) -> tuple[list[Wanted], list[str]]:
    """Every document that the campaign asks for, and the names of the segments that select nothing.

    With `day`, segments that are not valid then ask for nothing; with `briefs`, documents that earlier nights
    made banners by are not rendered again. `chosen` is what `select` said, where that was asked already.
    Raises `InvalidInput` for a rule, design or brand that cannot work, of any segment.
    """
    if chosen is None:
        with Search(campaign.products, campaign.segments) as search:
            chosen = select(search, file=campaign.segments_file)
    over = {each.name for each in campaign.segments if day is not None and not each.runs_on(day)}
    chosen = {name: products for name, products in chosen.items() if name not in over}
    shown = [
        (shown_to(campaign.name, segment, product.id), product)
        for segment in campaign.segments
        for product in chosen.get(segment.name, ())
    ]
    requests = _requests(campaign, shown, day)
    wanted = [Wanted(request, briefs.of(request) if briefs else "") for request in requests]
    silent = [name for name, products in chosen.items() if not products]
    return render(wanted, briefs.noted if briefs else ()), silent


def want_spare(campaign: Campaign, wanted: Iterable[Wanted]) -> list[Wanted]:
    """Documents of the variants that no product of `wanted` has, each with its segment's first product: so
    that they can be looked at before there is one that has them.
    """
    taken, first = set(), dict[str, Product]()
    for each in wanted:
        taken.add((each.segment.name, each.segment.variant))
        first.setdefault(each.segment.name, each.product)
    spare = [
        (in_variant(segment, variant), first[segment.name])
        for segment in campaign.segments
        for variant in segment.variants
        if segment.name in first and (segment.name, variant.name) not in taken
    ]
    return render([Wanted(request) for request in _requests(campaign, spare, None)]) if spare else []


def render(wanted: Iterable[Wanted], noted: Container[str] = ()) -> list[Wanted]:
    """`wanted` with their documents; without those of the briefs that are `noted`, which need none."""
    wanted = list(wanted)
    due = [at for at, each in enumerate(wanted) if each.brief not in noted]
    requests = [wanted[at].request for at in due]
    worked = {each.request.design for each in wanted if each.brief in noted}
    packer = Packer()
    for at, document in zip(due, render_documents(requests, worked), strict=True):
        wanted[at] = replace(wanted[at], document=_packed(wanted[at].request, document, packer))
    return wanted


def template_folders(campaign: Campaign) -> tuple[Path, ...]:
    """The campaign's own templates, searched after the packaged ones."""
    return (campaign.templates,) if campaign.templates is not None else ()


def _packed(
    request: DocumentRequest, document: str | DocumentError, packer: Packer
) -> PackedText | DocumentError:
    if isinstance(document, DocumentError):
        return document
    return packer.pack(document, (request.segment.name, request.segment.variant, request.design.name))


def _requests(
    campaign: Campaign, shown: Iterable[tuple[Segment, Product]], day: date | None
) -> Iterator[DocumentRequest]:
    folders = template_folders(campaign)
    known = design_names(folders)
    for segment in campaign.segments:
        _check_designs(campaign, segment, known)
    variants = (variant for segment in campaign.segments for variant in segment.variants)
    looks: list[Segment | Variant] = [*campaign.segments, *variants]
    designs = {name: load_design(name, folders) for name in sorted({n for at in looks for n in at.designs})}
    brands = {name: load_brand(name, folders) for name in sorted({look.brand for look in looks})}
    for segment, product in shown:
        last = min(filter(None, (segment.valid_to, campaign.valid_to)), default=None)
        for name in segment.designs:
            yield DocumentRequest(designs[name], segment, product, brands[segment.brand], day, last)


def _check_designs(campaign: Campaign, segment: Segment, known: Sequence[str]) -> None:
    """Raises `InvalidInput` about the file that names a design which is not there."""
    for name in segment.designs:
        if name in known:
            continue
        by_campaign = name in campaign.designs
        raise InvalidInput(
            f"there is no design called {name}",
            file=campaign.file if by_campaign else campaign.segments_file,
            line=None if by_campaign else segment.line,
            field="designs",
            hint=did_you_mean(name, known, "designs"),
        )
    for at, variant in enumerate(segment.variants):
        if unknown := next((name for name in variant.designs if name not in known), None):
            index = campaign.segments.index(segment)
            raise read_yaml(campaign.segments_file, top="segments").error(
                f"there is no design called {unknown}",
                (index, "variants", at, "designs"),
                did_you_mean(unknown, known, "designs"),
            )
