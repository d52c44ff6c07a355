"""Which of the values that templates may name a design's templates do name, read without rendering them."""

from collections.abc import Iterator
from functools import lru_cache

from jinja2 import Environment, TemplateSyntaxError, nodes

from pipeline.design import Design, walk
from pipeline.document_fields import is_template
from pipeline.values import Name


@lru_cache(maxsize=256)
def named_in(design: Design) -> tuple[Name, ...]:
    """Every name that a template of `design` uses, sorted; the names that it gives itself among them.

    A template that cannot be read names everything: whoever renders it says what is wrong with it.
    """
    environment = Environment(autoescape=False)  # nothing is rendered here
    found = set[Name]()
    for _, text in walk(design.tree):
        if is_template(text):
            try:
                found |= set(_names(environment.parse(text)))
            except TemplateSyntaxError:
                found.add(())
    return tuple(sorted(found))


def _names(node: nodes.Node) -> Iterator[Name]:
    if isinstance(node, nodes.Name):
        yield (node.name,)
    elif isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        yield node.node.name, node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and _says(node.arg):
        yield node.node.name, str(node.arg.as_const())
    else:
        for child in node.iter_child_nodes():
            yield from _names(child)


def _says(index: nodes.Node) -> bool:
    """Whether it is a name in quotes, as in `product["price"]`; what is worked out may be any name."""
    return isinstance(index, nodes.Const) and isinstance(index.value, str)
