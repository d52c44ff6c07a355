"""What the templates gave, checked and made canonical: the documents that banners are keyed and drawn by."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from pipeline.design import BRAND_ASSETS, NO_BRAND, Brand, Design, explain, located
from pipeline.document import Document
from pipeline.errors import Fault, InvalidInput
from pipeline.sizing import Tree, is_off, resolve
from pipeline.types import Product, Segment


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document to render: a design with a segment's and a product's values.

    `day` is the night that it is for, `last` the offer's last day; templates see what is left between them.
    """

    design: Design
    segment: Segment
    product: Product
    brand: Brand = NO_BRAND
    day: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class DocumentError:
    """Why one document could not be rendered; the others were.

    `problem` of the design's field at `where`; `detail` names also product, segment and line.
    """

    fault: Fault
    problem: str
    where: tuple[str | int, ...]
    detail: str

    @classmethod
    def of(
        cls, request: DocumentRequest, fault: Fault, where: tuple[str | int, ...], problem: str
    ) -> "DocumentError":
        """About the field at `where` in the request's design."""
        error = request.design.error(problem, where)
        field = f"{request.design.name}/{request.design.file.name}:{error.line}: {error.field}"
        named = f"for product {request.product.id} in segment {request.segment.name}"
        return cls(fault, problem, where, f"{problem}, {named} ({field})")


def checked(request: DocumentRequest, tree: Tree) -> str | DocumentError:
    """The rendered tree as canonical JSON, once every size of the segment was found valid."""
    design, brand = request.design, request.brand
    _refuse_unsupported(request, tree)
    fonts = {role: _font(brand, role, font) for role, font in tree["fonts"].items()}
    known = {
        key: value for key, value in tree.items() if key not in ("palette", "description", "unsupported")
    }
    own = {"locale": request.segment.locale, "currency": request.segment.currency, "fonts": fonts}
    document = known | own | {"assets": {}}
    if brand.logo:
        document["logo"] = f"{BRAND_ASSETS}{brand.logo}"
    names = set[str]()
    for size in request.segment.sizes:
        resolved = resolve(document, size)
        try:
            Document.model_validate(resolved)
        except ValidationError as error:
            loc, problem, hint = explain(error.errors(include_url=False))
            problem = f"{problem} ({hint})" if hint else problem
            where = located(document, loc, size)
            return DocumentError.of(request, Fault.BAD_VALUE, where, problem)
        names |= set(_assets(resolved, document))
    assets = design.assets | ({document["logo"]: brand.logo_digest} if brand.logo else {})
    if unknown := sorted(names - set(assets)):
        problem = f"there is no asset {unknown[0]} beside the design"
        return DocumentError.of(request, Fault.BAD_VALUE, (), problem)
    document["assets"] = {name: assets[name] for name in sorted(names)}
    return json.dumps(_pruned(document), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _refuse_unsupported(request: DocumentRequest, tree: Tree) -> None:
    """Raises `InvalidInput` for a size that the design says it has no layout for."""
    unsupported = set(map(str, tree.get("unsupported", ())))
    for size in request.segment.sizes:
        if str(size) in unsupported:
            problem = f"has no layout for {size}, which segment {request.segment.name} asks for"
            raise request.design.error(problem, ("unsupported",), "give that segment other sizes or designs")


def _font(brand: Brand, role: str, font: Tree) -> Tree:
    return brand.fonts[role].model_dump() if role in brand.fonts else font


def _assets(tree: Tree, document: Tree) -> Iterator[str]:
    shown = document.get("logo") or tree.get("asset") if tree.get("type") == "logo" else tree.get("asset")
    if shown:
        yield str(shown)
    for node in (*tree.get("layers", ()), *tree.get("children", ())):
        yield from _assets(node, document)


def _pruned(tree: Tree) -> Tree:
    """`tree` without the layers that no size shows, so that they do not count in a banner's key."""
    kept = dict(tree)
    for name in ("layers", "children"):
        if name in kept:
            kept[name] = [_pruned(node) for node in kept[name] if not never_shown(node)]
    return kept


def never_shown(node: Tree) -> bool:
    overrides = [fields["visible"] for fields in node.get("at", {}).values() if "visible" in fields]
    return all(is_off(value) for value in (node.get("visible", True), *overrides))


class Tally:
    """Which designs have worked for any product so far, those of `worked` among them."""

    def __init__(self, worked: Collection[Design] = ()) -> None:
        self._worked = set(worked)
        self._bad: dict[Design, DocumentError] = {}

    def count(self, request: DocumentRequest, result: str | DocumentError) -> None:
        """A value that is missing says nothing of the design, only of the product."""
        if isinstance(result, DocumentError) and result.fault is Fault.BAD_VALUE:
            self._bad.setdefault(request.design, result)
        else:
            self._worked.add(request.design)

    def refuse_designs_that_never_worked(self) -> None:
        """A value that is bad for every product is the design's or brand's own: one error, not thousands."""
        for design, first in self._bad.items():
            if design not in self._worked:
                raise InvalidInput(first.detail, file=design.file)
