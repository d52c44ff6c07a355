"""A design on disk: `templates/<name>/template.yaml` with its assets, and brand kits beside them.

Everything that can be wrong without knowing a product is told here, at load, as `InvalidInput` with file,
line, field and a hint: unknown fields, bad lengths and colours, missing fonts and assets, names that no
segment can give. Nothing is rendered here.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline import document as schema
from pipeline.anchors import AnchorFault, anchor_fault, double_id
from pipeline.document_fields import FILL_KINDS, Colour, called, is_template
from pipeline.errors import InvalidInput
from pipeline.fonts import FontBook
from pipeline.formats import STANDARD
from pipeline.sizing import ASPECTS, Tree, check_condition, hidden, matching, override, resolve
from pipeline.types import Size
from pipeline.yamlfile import Slug, StrictModel, Where, YamlFile, did_you_mean, dotted, read_yaml

TEMPLATES = Path(str(files("templates")))
"""The designs and brand kits that ship with the project."""

BRAND_ASSETS = "brands/"
"""Where a brand kit's logo lies, as a document names it."""

MAX_ASSET_BYTES = 8_000_000
_ASSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(png|jpg|jpeg|webp)")
_PROBES = (*STANDARD, Size(2400, 500), Size(250, 250), Size(240, 320))
"""The usual sizes and one of every other aspect class and scale: a design is checked as each will see it."""


@dataclass(frozen=True)
class Design:
    """A checked design. `tree` is its parsed YAML, `digest` the sha256 (hex) of YAML and assets.

    `lines` maps a field's path, such as ("layers", 2, "text"), to its 1-based line.
    """

    name: str
    file: Path
    digest: str
    tree: Tree = field(repr=False, hash=False, compare=False)
    assets: dict[str, str] = field(repr=False, hash=False, compare=False)
    lines: dict[tuple[str | int, ...], int] = field(repr=False, hash=False, compare=False)

    @property
    def folder(self) -> Path:
        return self.file.parent

    def error(self, problem: str, where: Where, hint: str | None = None) -> InvalidInput:
        """An error about the field at `where` in this design's file."""
        line = next(
            (self.lines[tuple(where[:n])] for n in _shorter(where) if tuple(where[:n]) in self.lines), 1
        )
        return InvalidInput(problem, file=self.file, line=line, field=dotted(where), hint=hint)


class BrandFile(StrictModel):
    """What a brand kit's file says: colours and font roles that take the place of a design's own of the same
    name, and a logo beside the file.
    """

    name: Slug
    colours: dict[str, Colour] = {}
    fonts: dict[str, schema.FontRole] = {}
    logo: str = ""


class Brand(BrandFile):
    """A brand kit that has been read; `logo_digest` is its logo's sha256 (hex)."""

    logo_digest: str = ""


NO_BRAND = Brand(name="none")


def design_names(extra_dirs: Sequence[Path] = ()) -> tuple[str, ...]:
    """Every design that `load_design` finds, sorted."""
    found = {path.parent.name for root in (TEMPLATES, *extra_dirs) for path in root.glob("*/template.yaml")}
    return tuple(sorted(found))


def load_design(name: str, extra_dirs: Sequence[Path] = ()) -> Design:
    """The design called `name`, packaged or else in `extra_dirs`; raises `InvalidInput`."""
    for root in (TEMPLATES, *extra_dirs):
        if name in design_names((root,)):
            return read_design(root / name / "template.yaml")
    hint = did_you_mean(name, design_names(extra_dirs), "designs")
    raise InvalidInput(f"there is no design called {name}", file=TEMPLATES / name, hint=hint)


def read_design(path: Path) -> Design:
    """The checked design in the file `path`; raises `InvalidInput`."""
    yaml_file = read_yaml(path)
    if not isinstance(yaml_file.data, dict):
        raise InvalidInput("must be a mapping of fields to values", file=path, line=1)
    tree: Tree = {"name": path.parent.name} | yaml_file.data
    _check_conditions(yaml_file, tree)
    _check_calls(yaml_file, tree)
    shown, surely_shown = _all_visible(tree), _surely_visible(tree)
    for size in (*_PROBES, *_named_sizes(tree)):
        _check_fields(yaml_file, shown, size)
        _refuse(anchor_fault(resolve(shown, size)), yaml_file, shown, size)
        _refuse(double_id(resolve(surely_shown, size)), yaml_file, surely_shown, size)
    _check_fonts(yaml_file, tree)
    assets = _digest_assets(yaml_file, tree)
    digest = hashlib.sha256(path.read_bytes() + repr(sorted(assets.items())).encode()).hexdigest()
    lines = {where: yaml_file.line(where) for where, _ in walk(tree)}
    return Design(tree["name"], path, digest, tree, assets, lines)


def load_brand(name: str, extra_dirs: Sequence[Path] = ()) -> Brand:
    """The brand kit `brands/<name>.yaml`; "" is no brand. Raises `InvalidInput`."""
    if not name:
        return NO_BRAND
    folders = [root / "brands" for root in (TEMPLATES, *extra_dirs)]
    known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    if name not in known:
        hint = did_you_mean(name, known, "brand kits")
        raise InvalidInput(
            f"there is no brand kit called {name}", file=folders[0] / f"{name}.yaml", hint=hint
        )
    path = next(folder / f"{name}.yaml" for folder in folders if (folder / f"{name}.yaml").is_file())
    yaml_file = read_yaml(path)
    brand = Brand(**yaml_file.validated(BrandFile).model_dump())
    for role, font in brand.fonts.items():
        FontBook.load(extra_dirs).check(font.family, file=path, field=f"fonts.{role}")
    if not brand.logo:
        return brand
    pictures = {p.name: p for p in sorted(path.parent.iterdir()) if _ASSET_NAME.fullmatch(p.name)}
    if brand.logo not in pictures:
        hint = did_you_mean(brand.logo, pictures, "pictures there")
        raise yaml_file.error(f"there is no picture {brand.logo} beside the brand kit", ("logo",), hint)
    digest = hashlib.sha256(pictures[brand.logo].read_bytes()).hexdigest()
    return brand.model_copy(update={"logo_digest": digest})


def walk(tree: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every (path, value) in a tree of mappings and lists, outermost first."""
    yield where, tree
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in items:
        yield from walk(value, (*where, step))


def located(tree: Any, loc: Sequence[str | int], size: Size) -> tuple[str | int, ...]:
    """Where in the design `tree` the field `loc` of its resolved form for `size` is written.

    `loc` may hold pydantic's union tags, which are skipped; a field that an override gave is found there.
    Hidden layers are left out of resolved lists, so positions are counted among the visible ones.
    """
    where: tuple[str | int, ...] = ()
    for at, step in enumerate(loc):
        if isinstance(tree, dict):
            if at and isinstance(loc[at - 1], int) and tree.get("type") == step:
                continue  # the union's tag, not a field of the same name
            given = tree.get("at")
            overrides: Tree = given if isinstance(given, dict) else {}
            for condition in reversed(matching([str(c) for c in overrides], size)):
                if isinstance(overrides[condition], dict) and step in overrides[condition]:
                    where, tree = (*where, "at", condition), overrides[condition]
                    break
            if step not in tree:
                if at == len(loc) - 1 and step not in FILL_KINDS:
                    where = (*where, step)  # a field that is missing
                continue
        elif isinstance(tree, list) and isinstance(step, int):
            shown = [i for i, n in enumerate(tree) if not (isinstance(n, dict) and hidden(override(n, size)))]
            if step >= len(shown):
                break
            step = shown[step]
        else:
            continue
        where, tree = (*where, step), tree[step]
    return where


def explain(faults: Sequence[ErrorDetails]) -> tuple[tuple[str | int, ...], str, str | None]:
    """(location, problem, hint) of the first of pydantic's faults in a layout document, for people."""
    # Unknown fields first: a misspelt field is also a missing one, and the misspelling explains both.
    fault = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    loc, message, kind = fault["loc"], fault["msg"].removeprefix("Value error, "), fault["type"]
    if kind == "extra_forbidden":
        return loc, "unknown field", did_you_mean(str(loc[-1]), _known_fields(loc[:-1]), "fields")
    if kind == "missing":
        return loc, "is missing", None
    if kind == "union_tag_invalid":
        given = str(fault["input"].get("type"))
        return (*loc, "type"), f"there is no layer type {given}", did_you_mean(given, _TYPES, "types")
    shown = "" if isinstance(fault["input"], dict | list) else f" (it is {fault['input']!r})"
    return loc, message[:1].lower() + message[1:] + ("" if fault["type"] == "value_error" else shown), None


_TYPES = ("shape", "image", "logo", "text", "price", "stack", "grid", "subject")


def _known_fields(loc: Sequence[str | int]) -> list[str]:
    """The fields of the model that pydantic's location `loc` leads to."""
    model: type[BaseModel] = schema.Document
    for step in loc:
        models = {
            tagged.model_fields["type"].annotation: tagged for tagged in get_args(get_args(schema.Layer)[0])
        }
        tagged = next((m for kind, m in models.items() if step in get_args(kind)), None)
        if tagged is not None:
            model = tagged
        elif isinstance(step, str) and step in model.model_fields:
            inner = model.model_fields[step].annotation
            choices = [inner, *get_args(inner)]
            model = next((c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return [*model.model_fields, "visible", "at"]


def _shorter(where: Where) -> Iterator[int]:
    return iter(range(len(where), -1, -1))


def _all_visible(tree: Any) -> Any:
    """`tree` with nothing hidden, so that hidden layers are checked too and keep their numbers."""
    if isinstance(tree, dict):
        return {key: _all_visible(value) for key, value in tree.items() if key != "visible"}
    return [_all_visible(item) for item in tree] if isinstance(tree, list) else tree


def _surely_visible(tree: Any) -> Any:
    """`tree` with everything hidden that a value decides on: such layers may share an id and take turns."""
    if isinstance(tree, dict):
        return {
            key: False if key == "visible" and is_template(value) else _surely_visible(value)
            for key, value in tree.items()
        }
    return [_surely_visible(item) for item in tree] if isinstance(tree, list) else tree


def _check_conditions(yaml_file: YamlFile, tree: Tree) -> None:
    for where, value in walk(tree):
        if where and where[-1] == "at":
            if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
                raise yaml_file.error("must map size classes to fields", where)
            for condition in value:
                try:
                    check_condition(str(condition))
                except ValueError as error:
                    hint = did_you_mean(str(condition), ASPECTS, "aspect classes")
                    raise yaml_file.error(str(error), (*where, condition), hint) from None


def _named_sizes(tree: Tree) -> set[Size]:
    names = {str(c) for where, v in walk(tree) if where and where[-1] == "at" for c in v}
    return {Size(*map(int, name.split("x"))) for name in names if "x" in name and name[0].isdigit()}


def _check_fields(yaml_file: YamlFile, tree: Tree, size: Size) -> None:
    try:
        schema.Document.model_validate(resolve(tree, size))
    except ValidationError as error:
        # What a template will turn into is checked when it has been rendered.
        faults = [f for f in error.errors(include_url=False) if not is_template(f["input"])]
        if not faults:
            return
        loc, problem, hint = explain(faults)
        raise yaml_file.error(problem, located(tree, loc, size), hint) from None


def _check_calls(yaml_file: YamlFile, tree: Tree) -> None:
    for where, value in walk(tree):
        if is_template(value) and (name := called(value)):
            hint = "values and filters can be used; what is drawn several times is a stack with repeat: 3"
            raise yaml_file.error(f"there is no function {name} in designs", where, hint)


def _refuse(fault: AnchorFault | None, yaml_file: YamlFile, tree: Tree, size: Size) -> None:
    if fault is not None:
        raise yaml_file.error(fault.problem, located(tree, fault.where, size), fault.hint)


def _check_fonts(yaml_file: YamlFile, tree: Tree) -> None:
    fonts = FontBook.load((yaml_file.path.parent.parent,))
    for role, font in tree["fonts"].items():
        where: tuple[str | int, ...] = ("fonts", role)
        try:
            fonts.check(font["family"], file=yaml_file.path, field=dotted(where))
        except InvalidInput as error:
            raise yaml_file.error(error.problem, (*where, "family"), error.hint) from None
    for where, value in walk(tree):
        if where and where[-1] == "font" and not is_template(value) and value not in tree["fonts"]:
            hint = did_you_mean(str(value), tree["fonts"], "font roles")
            raise yaml_file.error(f"there is no font role {value}", where, hint)


def _digest_assets(yaml_file: YamlFile, tree: Tree) -> dict[str, str]:
    """sha256 (hex) of every picture in the design's folder; checks the assets that the design names."""
    folder = yaml_file.path.parent
    pictures = {path.name: path for path in sorted(folder.iterdir()) if _ASSET_NAME.fullmatch(path.name)}
    for where, value in walk(tree):
        if where and where[-1] == "asset" and not is_template(value) and value not in pictures:
            hint = did_you_mean(str(value), pictures, "assets")
            raise yaml_file.error(f"there is no asset {value} beside the design", where, hint)
    for path in pictures.values():
        if path.stat().st_size > MAX_ASSET_BYTES:
            raise InvalidInput(f"is larger than {MAX_ASSET_BYTES:,} bytes", file=path)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in pictures.items()}
