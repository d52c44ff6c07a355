"""A price as shops set it: currency small, figures large, decimals raised, in the locale's order."""

from pipeline import document as schema
from pipeline.fonts import language, rtl
from pipeline.money import price
from pipeline.sizing import parse_length

GAP = 0.07
"""Between currency, figures and decimals, as a share of the figures' size."""


def price_parts(value: object, currency: str, locale: str) -> tuple[tuple[str, bool], ...]:
    """(text, whether it is small) from where reading begins: NT$ 1,280; $ 39 50; 39 95 €. Raises ValueError.

    Figures are written from left to right in every language, so where rows begin at the right, decimals come
    first.
    """
    written = price(value, currency, locale)
    figures = [(written.whole, False), (written.decimals, True)]
    if rtl(language(locale)):
        figures.reverse()
    symbol = [(written.symbol, True)]
    parts = symbol + figures if written.symbol_first else figures + symbol
    return tuple(part for part in parts if part[0])


def price_row(node: schema.PriceLayer, currency: str, locale: str) -> schema.StackLayer:
    """The texts that draw `node`, tops in line. Raises ValueError for a value that is no number."""
    texts = [
        schema.TextLayer(
            type="text",
            id=node.id,
            text=text,
            font=node.font,
            size=_share(node.size, node.mark if small else 1),
            min_size=_share(node.min_size, node.mark if small else 1),
            color=node.color,
            trim=True,
        )
        for text, small in price_parts(node.value, currency, locale)
    ]
    own = {name: getattr(node, name) for name in schema.Node.model_fields}
    if node.x == "stretch":
        own["x"] = "start"  # a row that is wider than its content would centre it
    return schema.StackLayer(
        **own,
        type="stack",
        direction="across",
        align="start",
        gap=_share(node.size, GAP),
        children=list(texts),
    )


def _share(length: float | str, share: float) -> float | str:
    number, unit = parse_length(length)
    return f"{number * share:g}{unit}" if unit else number * share
