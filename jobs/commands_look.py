"""`banners preview`: one design, drawn in a second."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from jobs.options import parse_size
from pipeline.campaign import Campaign, load_campaign
from pipeline.design import Design, read_design
from pipeline.errors import InvalidInput, JobError
from pipeline.preview import dummy, sample_product, sample_segment
from pipeline.preview import preview as draw
from pipeline.segments import select
from pipeline.template import NO_BRAND, load_brand, load_design
from pipeline.types import Product, Segment
from pipeline.wanted import template_folders
from pipeline.words import banner_words
from pipeline.yamlfile import did_you_mean


def preview(
    design: Annotated[str, typer.Argument(metavar="DESIGN", help="A design's name, or its folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="A .png or .jpg to write.")],
    size: Annotated[str, typer.Option(metavar="WxH", help="The banner's size in pixels.")] = "1080x1080",
    locale: Annotated[str, typer.Option(help="Language of the sample words: en, zh_TW, ja.")] = "en",
    campaign: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take words and products from this campaign.")
    ] = None,
    segment: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the campaign's segments.")
    ] = None,
    debug_boxes: Annotated[
        bool, typer.Option("--debug-boxes", help="Outline texts, the person's slot and the safe area.")
    ] = False,
) -> None:
    """Draw DESIGN once, with a dressmaker's dummy for the person.

    The words are samples, unless a campaign is named. Exit codes: 0 drawn; 1 not, one line says why.
    """
    pixels = parse_size(size)
    if campaign is None:
        folders: tuple[Path, ...] = ()
        brand = NO_BRAND
        shown, product = sample_segment(locale, design, pixels), sample_product(locale)
    else:
        plan = load_campaign(campaign)
        folders = template_folders(plan)
        shown = _segment(plan, segment)
        product, brand = _first_product(plan, shown), load_brand(shown.brand, folders)
    found = _design(design, folders)
    folders = (*folders, found.folder.parent)
    shown = replace(shown, sizes=(pixels,))
    rendered = draw(found, pixels, shown, product, brand, dummy(), folders=folders, boxes=debug_boxes)
    try:
        Image.fromarray(rendered.pixels).save(output)
    except (OSError, ValueError) as error:
        raise JobError(f"{output}: cannot be written: {error}") from error
    for fault in rendered.held:
        print(f"would be held: {banner_words(fault)} ({fault})")
    print(f"preview: {output}")


def _design(name: str, folders: tuple[Path, ...]) -> Design:
    """By name among the packaged and the campaign's designs, or by its folder."""
    if (Path(name) / "template.yaml").is_file():
        return read_design((Path(name) / "template.yaml").resolve())
    return load_design(name, folders)


def _segment(plan: Campaign, name: str | None) -> Segment:
    known = {segment.name: segment for segment in plan.segments}
    if name is None:
        return plan.segments[0]
    if name not in known:
        hint = did_you_mean(name, known, "segments")
        raise InvalidInput(f"there is no segment called {name}", file=plan.segments_file, hint=hint)
    return known[name]


def _first_product(plan: Campaign, segment: Segment) -> Product:
    chosen = select((segment,), plan.products, file=plan.segments_file)[segment.name]
    if not chosen:
        raise JobError(f"segment {segment.name} selects no product to show")
    return chosen[0]
