"""The shop's catalogue: CSV, JSON lines or Parquet in, products out. Checked once, row by row.

The columns `id` and `photos` have to be there; every other column is the shop's own and becomes a field.
Values stay what they are: `=1+1`, `<b>` and `{{7*7}}` are text. `photos` holds one or more keys of the photo
bucket, separated by `;` (a list in JSON lines and Parquet). Columns called `price…` and `list_price…` have to
be numbers of 0 or more and below `PRICE_LIMIT`, `stock` a whole number of 0 or more, columns called `link` or
`link_…` addresses on the web: feeds pass them on to pages that people click on. An empty cell is None,
whatever its column.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import InvalidInput, UnsafeKey
from pipeline.keys import check_key
from pipeline.tables import Row, read_table
from pipeline.textfile import control_character
from pipeline.types import Product, Scalar
from pipeline.yamlfile import did_you_mean

MAX_ID_CHARACTERS = 200
MAX_PRODUCTS = 1_000_000
PRICE_LIMIT = 1e15
"""No shop asks so much in any currency; what is longer than 28 figures could not be written."""
MAX_LINK_CHARACTERS = 2_000
"""What browsers and shop systems agree to take."""
REQUIRED = ("id", "photos")

_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PRICE = re.compile(r"(list_)?price(_.*)?", re.IGNORECASE)
_LINK = re.compile(r"link(_.*)?", re.IGNORECASE)
_NOT_IN_LINKS = re.compile(r"[\s<>\"\\^`{|}\x00-\x20]")
"""What RFC 3986 never allows in an address, so that none can end an attribute or begin markup."""


@dataclass(frozen=True, slots=True)
class PhotoGaps:
    """Where catalogue and bucket do not meet; each in its own order.

    `without_photos` ids of products that name no photo, or none that is in the bucket; `missing` (product id,
    key) of photos that are named but not there; `unused` keys in the bucket that no product names.
    """

    without_photos: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]


def load_catalogue(path: Path) -> tuple[Product, ...]:
    """The products in the file's order; raises `InvalidInput` with the line (in Parquet the row, from 1)."""
    columns, rows = read_table(path, is_number=_is_number)
    _check_columns(path, columns)
    products = []
    first: dict[str, int] = {}
    for row in rows:
        product = _product(path, columns, row)
        if product.id in first:
            raise InvalidInput(
                f"{product.id} is the id of line {first[product.id]} too",
                file=path,
                line=row.line,
                field="id",
            )
        first[product.id] = row.line
        products.append(product)
    if not products:
        raise InvalidInput("has no products", file=path)
    if len(products) > MAX_PRODUCTS:
        raise InvalidInput(f"has more than {MAX_PRODUCTS:,} products", file=path)
    return tuple(products)


def key_part(product_id: str) -> str:
    """A product's id as a part of object keys and file names: 1 to 64 of A-Z, a-z, 0-9, dot, _ and -.

    An id that is one already stays as it is. Any other keeps its safe characters and gets 10 digits of its
    sha256, so that two ids never share a key and the same id has the same key every night.
    """
    if _PLAIN_ID.fullmatch(product_id):
        return product_id
    safe = re.sub(r"[^A-Za-z0-9]+", "-", product_id).strip("-")[:50]
    digest = hashlib.sha256(product_id.encode()).hexdigest()[:10]
    return f"{safe}-{digest}" if safe else digest


def is_link_column(name: str) -> bool:
    """Whether a column's values are checked to be web addresses."""
    return bool(_LINK.fullmatch(name))


def compare_photos(products: Sequence[Product], keys: Iterable[str]) -> PhotoGaps:
    """What the catalogue names and the bucket does not have, and the other way round."""
    present = list(keys)
    there = set(present)
    named = {key for product in products for key in product.photos}
    return PhotoGaps(
        without_photos=tuple(product.id for product in products if there.isdisjoint(product.photos)),
        missing=tuple(
            (product.id, key) for product in products for key in product.photos if key not in there
        ),
        unused=tuple(key for key in present if key not in named),
    )


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in columns:
        if not name.strip() or name != name.strip() or control_character(name) or "\n" in name:
            raise InvalidInput(
                f"the column name {name!r} is empty or has blanks around it", file=path, line=1
            )
        if name.lower() in seen:
            # Rules are SQL, where STOCK and stock are one column.
            raise InvalidInput(
                f"has the columns {seen[name.lower()]} and {name}", file=path, line=1, field=name
            )
        seen[name.lower()] = name
    for name in REQUIRED:
        if name not in columns:
            hint = did_you_mean(name, columns, "columns")
            raise InvalidInput(f"has no column {name}", file=path, line=1, field=name, hint=hint)


def _product(path: Path, columns: Sequence[str], row: Row) -> Product:
    fields: dict[str, Scalar] = {}
    for name, value in zip(columns, row.values, strict=True):
        if isinstance(value, str) and (control := control_character(value)):
            raise InvalidInput(f"has the control character {control}", file=path, line=row.line, field=name)
        if name == "id":
            fields[name] = _id(path, row.line, value)
        elif name != "photos":
            _check_number(path, row.line, name, value)
            _check_link(path, row.line, name, value)
            fields[name] = value
    return Product(id=str(fields["id"]), photos=_photos(path, row), fields=fields, line=row.line)


def _id(path: Path, line: int, value: Scalar) -> str:
    text = "" if value is None else str(value).strip()
    if not text:
        raise InvalidInput("is missing", file=path, line=line, field="id")
    if len(text) > MAX_ID_CHARACTERS:
        raise InvalidInput(f"is longer than {MAX_ID_CHARACTERS} characters", file=path, line=line, field="id")
    if "\n" in text or "\t" in text:
        raise InvalidInput("has a line end or tab", file=path, line=line, field="id")
    return text


def _is_number(column: str) -> bool:
    return bool(_PRICE.fullmatch(column)) or column.lower() == "stock"


def _check_number(path: Path, line: int, name: str, value: Scalar) -> None:
    if not _is_number(name) or not isinstance(value, int | float):
        return
    if value < 0:
        raise InvalidInput(f"{value} is less than 0", file=path, line=line, field=name)
    if value >= PRICE_LIMIT and _PRICE.fullmatch(name):
        raise InvalidInput(f"{value} is too large for a price", file=path, line=line, field=name)
    # 5.0 passes: tools that know no missing whole numbers write them so.
    if name.lower() == "stock" and value != int(value):
        raise InvalidInput(f"{value} is no whole number", file=path, line=line, field=name)


def _check_link(path: Path, line: int, name: str, value: Scalar) -> None:
    if value is None or not is_link_column(name):
        return
    text = str(value)
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # such as http://[::1, an address in brackets that do not close
        good = False
    if not good or _NOT_IN_LINKS.search(text) or len(text) > MAX_LINK_CHARACTERS:
        # javascript: and data: addresses would run where a page shows the feed.
        raise InvalidInput(
            f"{text[:80]} is no web address", file=path, line=line, field=name, hint="write https://…"
        )


def _photos(path: Path, row: Row) -> tuple[str, ...]:
    keys = [key.strip() for key in row.photos]
    for key in keys:
        if not key:
            continue  # a separator at the end of the cell
        try:
            check_key(key)
        except UnsafeKey as error:
            raise InvalidInput(
                f"{key[:40]} cannot be a photo's key: {error.detail}",
                file=path,
                line=row.line,
                field="photos",
                hint="write the key as the bucket lists it, such as shirts/blue.jpg",
            ) from error
    return tuple(dict.fromkeys(key for key in keys if key))
