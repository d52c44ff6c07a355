"""A price as rich text: currency small, decimals raised, the former price struck, in the order of the locale.

Paint it like any text: `fit(price_spans("39.95", "EUR", "de"), style, width, height, fonts)`.
"""

from pipeline.money import money, price
from pipeline.spans import Rgba, Span

SMALL = 0.5
RAISED = 0.36
"""Half-size signs whose tops end where those of the figures do: 0.73 em of cap height less the half of it."""

FORMER = 0.5
"""The former price's size beside the price's."""


def price_spans(
    value: object,
    currency: str,
    locale: str,
    *,
    former: object = None,
    colour: Rgba | None = None,
    former_colour: Rgba | None = None,
) -> tuple[Span, ...]:
    """NT$ and 1,280; 39 and a raised 95 and €; then, struck, the `former` price.

    Raised decimals need no decimal sign. Raises ValueError for values that are no number and unknown locales.
    """
    parts = price(value, currency, locale)
    symbol = Span(parts.symbol, scale=SMALL, rise=RAISED, colour=colour)
    gap = [Span(parts.gap, scale=SMALL)] if parts.gap else []
    figures = [Span(parts.whole, colour=colour)]
    if parts.decimals:
        figures.append(Span(parts.decimals, scale=SMALL, rise=RAISED, colour=colour))
    spans = [symbol, *gap, *figures] if parts.symbol_first else [*figures, *gap, symbol]
    if former is not None:
        struck = money(former, currency, locale)
        spans += [Span(" "), Span(struck, scale=FORMER, strike=True, colour=former_colour)]
    return tuple(spans)
