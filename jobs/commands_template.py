"""`banners template`: begin a design, let an editor check it, see all of them."""

import json
import re
import shutil
from pathlib import Path
from typing import Annotated

import cv2
import typer

from pipeline.cutout_file import unpack
from pipeline.design import NO_BRAND, TEMPLATES, design_names, load_brand, load_design
from pipeline.document_schema import json_schema
from pipeline.errors import JobError
from pipeline.formats import STANDARD
from pipeline.gallery import Page, drawable, pages
from pipeline.samples import LOCALES, dummy
from pipeline.types import Cutout
from pipeline.yamlfile import did_you_mean

BROKEN = 3
QUALITY = 82
SCHEMA_FILE = "template.schema.json"

app = typer.Typer(help="Begin designs, check them in an editor, look at all of them.", no_args_is_help=True)


@app.command()
def schema(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it here, not to the terminal."),
    ] = None,
) -> None:
    """Print the JSON Schema of template.yaml, for editors that complete and check YAML."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        print(text, end="")
        return
    _write(output, text)
    print(f"schema: {output}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new design's name: a-z, 0-9 and -.")],
    into: Annotated[
        Path,
        typer.Option("--into", metavar="DIR", help="The folder of your designs (a campaign's templates)."),
    ] = Path("templates"),
    like: Annotated[
        str | None, typer.Option("--like", metavar="DESIGN", help="Begin with a copy of this design.")
    ] = None,
) -> None:
    """Begin a design: a folder with a template.yaml that draws, and the schema beside it."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise JobError(f"{name} cannot be a design's name: use 1 to 63 of a-z, 0-9 and -")
    if name in design_names((into,)):
        raise JobError(f"there is a design called {name} already; choose another name")
    folder = into / name
    if folder.exists():
        raise JobError(f"{folder} is there already")
    source = None if like is None else load_design(like, (into,))
    try:
        folder.mkdir(parents=True)
        if source is not None:
            for file in sorted(source.folder.iterdir()):
                if file.is_file():
                    shutil.copyfile(file, folder / file.name)
        text = (TEMPLATES / "starter.yaml" if source is None else source.file).read_text(encoding="utf-8")
    except OSError as error:
        raise JobError(f"{folder}: cannot be written: {error.strerror}") from error
    _write(folder / "template.yaml", f"# yaml-language-server: $schema=../{SCHEMA_FILE}\n{text}")
    _write(into / SCHEMA_FILE, json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n")
    print(f"design: {folder / 'template.yaml'}")
    print(f"look at it: banners preview {folder} -o {name}.png --size all --watch")


@app.command()
def gallery(
    output: Annotated[Path, typer.Argument(metavar="DIR", help="Where the sheets go.")],
    design: Annotated[
        list[str] | None, typer.Option("--design", metavar="NAME", help="Only this design; may be repeated.")
    ] = None,
    locale: Annotated[
        list[str] | None, typer.Option("--locale", help="Only this language; may be repeated.")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option("--templates", metavar="DIR", help="Show the designs of this folder, too.")
    ] = None,
    cutouts: Annotated[
        Path | None,
        typer.Option("--cutouts", metavar="DIR", help="People: every .cutout below, such as a run's output."),
    ] = None,
    brand: Annotated[str, typer.Option(metavar="NAME", help="Draw them in this brand kit.")] = "",
) -> None:
    """Draw every design in every size and language, words as written and 40 % longer; one sheet for each.

    Exit codes: 0 no gate broken; 1 it could not run; 3 some banners would be held, a line each says why.
    """
    folders = () if templates is None else (templates,)
    designs = [load_design(name, folders) for name in design or design_names(folders)]
    locales = _locales(locale) if locale else drawable(LOCALES, designs)
    if not locales:
        raise JobError(f"the fonts of these designs have no language of {', '.join(LOCALES)} whole")
    people = _people(cutouts) if cutouts is not None else [dummy()]
    kit = load_brand(brand, folders) if brand else NO_BRAND
    renders, broken, seconds = 0, 0, 0.0
    for page in pages(designs, locales, STANDARD, people, kit):
        _show(page, output)
        renders, broken, seconds = renders + page.renders, broken + len(page.broken), seconds + page.seconds
    print(f"{renders} renders, {broken} gates broken, {seconds:.1f} s, in {output}")
    if broken:
        raise typer.Exit(BROKEN)


def _show(page: Page, output: Path) -> None:
    _, data = cv2.imencode(".jpg", page.sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / f"{page.name}.jpg").write_bytes(data.tobytes())
    except OSError as error:
        raise JobError(f"{output}: cannot be written: {error.strerror}") from error
    for size, fault in page.broken:
        print(f"{page.name} {size}: {fault}")
    print(f"{page.name}: {page.renders} renders, {len(page.broken)} gates broken, {page.seconds:.1f} s")


def _locales(names: list[str]) -> list[str]:
    known = {name.lower(): name for name in LOCALES}
    for name in names:
        if name.replace("-", "_").lower() not in known:
            raise JobError(f"there are no sample words in {name} ({did_you_mean(name, LOCALES, 'locales')})")
    return [known[name.replace("-", "_").lower()] for name in names]


def _people(folder: Path) -> list[Cutout]:
    found = [unpack(path.read_bytes()) for path in sorted(folder.rglob("*.cutout"))]
    if not found:
        raise JobError(f"{folder}: there is no .cutout file here; a run's output has them")
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise JobError(f"{path}: cannot be written: {error.strerror}") from error
