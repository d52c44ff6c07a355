"""What a campaign asks for: segments times products times designs, each rendered once into a document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.campaign import Campaign
from pipeline.segments import select
from pipeline.template import DocumentError, DocumentRequest, load_brand, load_design, render_documents
from pipeline.types import Product, Segment


@dataclass(frozen=True, slots=True)
class Wanted:
    """A segment's banners of one product in one design; `document` is shared by all its sizes."""

    segment: Segment
    product: Product
    design: str
    document: str | DocumentError


def want(campaign: Campaign) -> tuple[list[Wanted], list[str]]:
    """Every document that the campaign asks for, and the names of the segments that select nothing.

    Raises `InvalidInput` for a rule, design or brand that cannot work.
    """
    chosen = select(campaign.segments, campaign.products, file=campaign.segments_file)
    requests = list(_requests(campaign, chosen))
    documents = render_documents(requests) if requests else []
    wanted = [
        Wanted(request.segment, request.product, request.design.name, document)
        for request, document in zip(requests, documents, strict=True)
    ]
    return wanted, [name for name, products in chosen.items() if not products]


def template_folders(campaign: Campaign) -> tuple[Path, ...]:
    """The campaign's own templates, searched after the packaged ones."""
    return (campaign.templates,) if campaign.templates is not None else ()


def _requests(campaign: Campaign, chosen: Mapping[str, Sequence[Product]]) -> Iterator[DocumentRequest]:
    folders = template_folders(campaign)
    names = {name for segment in campaign.segments for name in segment.designs}
    designs = {name: load_design(name, folders) for name in sorted(names)}
    for segment in campaign.segments:
        brand = load_brand(segment.brand, folders)
        for product in chosen[segment.name]:
            for name in segment.designs:
                yield DocumentRequest(designs[name], segment, product, brand)
