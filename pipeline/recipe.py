"""A banner's recipe: one digest of everything that is drawn, known before anything is drawn.

Only what this size shows counts: hidden layers and other sizes' overrides leave the digest as it was.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any

from pipeline.design import Design, walk
from pipeline.document_fields import is_template
from pipeline.sizing import Tree, resolve
from pipeline.types import Size

RENDER_VERSION = "2"
"""Raise it whenever the same document would come out as other pixels (layout, placing, painting, gates), or
the same values as another document.
"""


_WRITTEN = ("text", "price")
"""Layer types that are set in a font."""


def banner_recipe(
    document: str, size: Size, *, cutout_key: str, fonts: str, encoder: str, second_key: str | None = None
) -> str:
    """sha256 (hex) of a banner's ingredients.

    `document` the rendered layout document (it holds its assets' digests), `cutout_key` the cut-out,
    named by hash, `fonts` the fonts' digest, `encoder` from `EncodeLimits.describe`; `second_key` as
    `cutout_key`, of the second person where that is another one.
    """
    ingredients = {
        "version": RENDER_VERSION,
        "document": drawn(document, size),
        "size": str(size),
        "cutout": cutout_key,
        "fonts": fonts,
        "encoder": encoder,
    }
    if second_key is not None:  # never an empty field: it would give every banner of one person another key
        ingredients["second"] = second_key
    canonical = json.dumps(ingredients, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def shows_second(document: str, size: Size) -> bool:
    """Whether `size` shows a second person."""
    nodes = nodes_of(_resolved(document, size))
    return any(node.get("type") == "subject" and node.get("who") == "second" for node in nodes)


@lru_cache(maxsize=256)
def may_show_second(design: Design) -> bool:
    """Whether any document of `design` may show a second person in any size."""
    values = (value for where, value in walk(design.tree) if where and where[-1] == "who")
    return any(value == "second" or is_template(value) for value in values)


def font_uses(document: str, size: Size) -> tuple[tuple[str, int], ...]:
    """The (family, weight) pairs that are drawn at `size`, sorted; their digest belongs in the recipe."""
    tree = _resolved(document, size)
    roles = {node.get("font", "text") for node in nodes_of(tree) if node.get("type") in _WRITTEN}
    return tuple(sorted((f["family"], f.get("weight", 400)) for f in (tree["fonts"][role] for role in roles)))


def drawn(document: str, size: Size) -> Tree:
    """`document` as `size` draws it: fonts and assets that no visible layer uses are left out."""
    tree = dict(_resolved(document, size))
    nodes = nodes_of(tree)
    roles = {node.get("font", "text") for node in nodes if node.get("type") in _WRITTEN}
    types = {node.get("type") for node in nodes}
    assets = {str(node["asset"]) for node in nodes if "asset" in node} | {str(tree.get("logo", ""))}
    for name, type_ in (("currency", "price"), ("logo", "logo")):
        if type_ not in types:
            tree.pop(name, None)
    tree["fonts"] = {role: font for role, font in tree["fonts"].items() if role in roles}
    tree["assets"] = {name: digest for name, digest in tree.get("assets", {}).items() if name in assets}
    return tree


@lru_cache(maxsize=4)
def _resolved(document: str, size: Size) -> Tree:
    """Shared, so not to be changed. Planning asks for the same one twice, for a hundred thousand banners."""
    return resolve(_parsed(document), size)


@lru_cache(maxsize=2)
def _parsed(document: str) -> Tree:
    """Shared by its sizes, which come one after the other."""
    tree: Tree = json.loads(document)
    return tree


def nodes_of(tree: Tree) -> list[dict[str, Any]]:
    """Every layer of a resolved document, in no particular order."""
    found: list[dict[str, Any]] = []
    waiting = list(tree["layers"])
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += node.get("children", ())
    return found
