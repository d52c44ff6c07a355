"""`banners preview`: a design drawn in a second, again on every save if asked."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from jobs.options import parse_size
from pipeline.campaign import Campaign, load_campaign
from pipeline.design import Design, read_design
from pipeline.errors import InvalidInput, JobError
from pipeline.fields import check_locale
from pipeline.formats import STANDARD
from pipeline.preview import Scene, sheet, watched
from pipeline.preview import preview as draw
from pipeline.samples import dummy, sample_product, sample_segment
from pipeline.segments import select
from pipeline.selection import Search
from pipeline.template import load_brand, load_design
from pipeline.types import Pixels, Product, Segment, Size
from pipeline.variants import shown_as
from pipeline.wanted import template_folders
from pipeline.words import banner_words
from pipeline.yamlfile import did_you_mean

EVERY_SIZE = "all"
PICTURES = (".png", ".jpg", ".jpeg")
LOOK_EVERY = 0.3
"""Seconds between two looks at a watched design's files."""
SAMPLE_DAYS = 3
"""How many days the sample offer has left."""


def _known_locale(text: str) -> str:
    try:
        return check_locale(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _picture_file(path: Path) -> Path:
    if path.suffix.lower() not in PICTURES:
        raise typer.BadParameter(f"{path} has another ending than {', '.join(PICTURES)}")
    return path


def preview(
    design: Annotated[str, typer.Argument(metavar="DESIGN", help="A design's name, or its folder.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", callback=_picture_file, help="A .png or .jpg to write."
        ),
    ],
    size: Annotated[
        str, typer.Option(metavar="WxH|all", help="In pixels; all: every usual size on one sheet.")
    ] = "1080x1080",
    locale: Annotated[
        str,
        typer.Option(callback=_known_locale, help="Language of the sample words, such as en, zh_TW or ja."),
    ] = "en",
    campaign: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take words and products from this campaign.")
    ] = None,
    segment: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the campaign's segments.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the segment's A/B variants.")
    ] = None,
    brand: Annotated[str | None, typer.Option(metavar="NAME", help="Draw it in this brand kit.")] = None,
    debug_boxes: Annotated[
        bool,
        typer.Option(
            "--debug-boxes", help="Outline texts, baselines, the person, their region and the safe area."
        ),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw it again whenever the design is saved, until Ctrl-C.")
    ] = False,
) -> None:
    """Draw DESIGN with a dressmaker's dummy for the person.

    The words are samples, unless a campaign is named. Exit codes: 0 drawn; 1 not, one line says why.
    """
    sizes = STANDARD if size == EVERY_SIZE else (parse_size(size),)
    plan = None if campaign is None else load_campaign(campaign)
    campaigns = () if plan is None else template_folders(plan)
    found = _design(design, campaigns)
    # A design may be anywhere; its fonts and brand kits lie beside it.
    folders = (*campaigns, found.folder.parent)

    def once() -> None:
        again = read_design(found.file)
        scene = _scene(again, plan, (segment, variant), locale)
        kit = scene.segment.brand if brand is None else brand
        scene = replace(scene, brand=load_brand(kit, folders))
        drawn = draw(again, sizes, scene, folders=folders, boxes=debug_boxes)
        _save(drawn[0].pixels if len(sizes) == 1 else sheet(sizes, drawn), output)
        for at, rendered in zip(sizes, drawn, strict=True):
            for fault in rendered.held:
                print(f"would be held: {at}: {banner_words(fault)} ({fault})")
        print(f"preview: {output}")

    if not watch:
        once()
        return
    try:
        watched(found.folder, output, lambda: _telling(once), _pause)
    except KeyboardInterrupt:
        print(f"stopped watching {found.folder}")


def _telling(once: Callable[[], None]) -> None:
    """`once()`, its problem told: a design that is being written is wrong most of the time."""
    try:
        once()
    except JobError as error:
        print(f"banners: {error}", file=sys.stderr)


def _pause() -> bool:
    time.sleep(LOOK_EVERY)
    return True


def _save(pixels: Pixels, output: Path) -> None:
    try:
        Image.fromarray(pixels).save(output)
    except (OSError, ValueError) as error:
        raise JobError(f"{output}: cannot be written: {error}") from error


def _scene(design: Design, plan: Campaign | None, names: tuple[str | None, str | None], locale: str) -> Scene:
    today = datetime.now(UTC).date()
    if plan is None:
        shown = sample_segment(locale, design.name, Size(1080, 1080), design.folder)
        shown = replace(shown, valid_to=today + timedelta(days=SAMPLE_DAYS))
        return Scene(shown, sample_product(locale), dummy(), day=today)
    shown = _segment(plan, *names)
    return Scene(shown, _first_product(plan, shown), dummy(), day=plan.today(datetime.now(UTC)))


def _design(name: str, folders: tuple[Path, ...]) -> Design:
    """By name among the packaged and the campaign's designs, or by its folder."""
    if (Path(name) / "template.yaml").is_file():
        return read_design((Path(name) / "template.yaml").resolve())
    return load_design(name, folders)


def _segment(plan: Campaign, name: str | None, variant: str | None) -> Segment:
    known = {segment.name: segment for segment in plan.segments}
    segment = plan.segments[0] if name is None else known.get(name)
    if segment is None:
        hint = did_you_mean(str(name), known, "segments")
        raise InvalidInput(f"there is no segment called {name}", file=plan.segments_file, hint=hint)
    shown = shown_as(segment, variant or "")
    if shown is None:
        names = [each.name for each in segment.variants]
        near = did_you_mean(str(variant), names, "variants") if names else None
        problem = f"segment {segment.name} has no variant called {variant}"
        raise InvalidInput(problem, file=plan.segments_file, line=segment.line, hint=near)
    return shown


def _first_product(plan: Campaign, segment: Segment) -> Product:
    with Search(plan.products, (segment,)) as search:
        chosen = select(search, file=plan.segments_file)[segment.name]
    if not chosen:
        raise JobError(f"segment {segment.name} selects no product to show")
    return chosen[0]
