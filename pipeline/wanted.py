"""What a campaign asks for: segments times products times designs, each rendered once into a document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.campaign import Campaign
from pipeline.design import design_names
from pipeline.errors import InvalidInput
from pipeline.segments import select
from pipeline.template import DocumentError, DocumentRequest, load_brand, load_design, render_documents
from pipeline.types import Product, Segment
from pipeline.yamlfile import did_you_mean


@dataclass(frozen=True, slots=True)
class Wanted:
    """A segment's banners of one product in one design; `document` is shared by all its sizes."""

    segment: Segment
    product: Product
    design: str
    document: str | DocumentError


def want(campaign: Campaign, day: date | None = None) -> tuple[list[Wanted], list[str]]:
    """Every document that the campaign asks for, and the names of the segments that select nothing.

    With `day`, segments that are not valid then ask for nothing. Raises `InvalidInput` for a rule, design or
    brand that cannot work, of any segment.
    """
    chosen = select(campaign.segments, campaign.products, file=campaign.segments_file)
    over = {each.name for each in campaign.segments if day is not None and not each.runs_on(day)}
    chosen = {name: products for name, products in chosen.items() if name not in over}
    requests = list(_requests(campaign, chosen, day))
    documents = render_documents(requests) if requests else []
    wanted = [
        Wanted(request.segment, request.product, request.design.name, document)
        for request, document in zip(requests, documents, strict=True)
    ]
    return wanted, [name for name, products in chosen.items() if not products]


def template_folders(campaign: Campaign) -> tuple[Path, ...]:
    """The campaign's own templates, searched after the packaged ones."""
    return (campaign.templates,) if campaign.templates is not None else ()


def _requests(
    campaign: Campaign, chosen: Mapping[str, Sequence[Product]], day: date | None
) -> Iterator[DocumentRequest]:
    folders = template_folders(campaign)
    for segment in campaign.segments:
        _check_designs(campaign, segment, design_names(folders))
    names = {name for segment in campaign.segments for name in segment.designs}
    designs = {name: load_design(name, folders) for name in sorted(names)}
    for segment in campaign.segments:
        brand = load_brand(segment.brand, folders)
        last = min(filter(None, (segment.valid_to, campaign.valid_to)), default=None)
        for product in chosen.get(segment.name, ()):
            for name in segment.designs:
                yield DocumentRequest(designs[name], segment, product, brand, day, last)


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
