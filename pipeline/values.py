"""What templates may name: the values of one segment and product."""

from datetime import date
from typing import Any

from pipeline import money
from pipeline.rendered import DocumentRequest
from pipeline.sizing import Tree

Name = tuple[str, ...]
"""`("product", "price")`; `("days_left",)`; `("product",)` for all of a product's values."""


def values_of(request: DocumentRequest) -> Tree:
    """What templates may name. Empty values are left out, so that `is defined` tells about them."""
    segment, product = request.segment, request.product
    columns = {name: product.fields.get(column) for name, column in segment.columns.items()}
    fields = {"id": product.id} | dict(product.fields) | columns
    off = money.discount_of(fields.get("list_price"), fields.get("price"))
    values: Tree = {
        "copy": _filled(segment.copy),
        "product": _filled(fields),
        "brand": request.design.tree.get("palette", {}) | request.brand.colours,
        "segment": {"name": segment.name},
        "locale": segment.locale,
        "currency": segment.currency,
    }
    if off is not None:
        values["discount"] = off
    if request.day is not None:
        values |= _days(request.day, request.last)
    return values


def pick(values: Tree, name: Name) -> Any:
    """The value that a template calls `name`; None where there is none."""
    value: Any = values
    for part in name:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _days(day: date, last: date | None) -> Tree:
    """The day that a banner is for, the offer's last one, and how many are left: 0 on the last day itself."""
    if last is None:
        return {"today": day.isoformat()}
    return {"today": day.isoformat(), "valid_to": last.isoformat(), "days_left": max(0, (last - day).days)}


def _filled(fields: Any) -> Tree:
    return {
        name: value if isinstance(value, str | int | float | bool) else str(value)
        for name, value in fields.items()
        if value is not None and value != ""
    }
