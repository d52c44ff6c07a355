"""What is live of a campaign, for those who show it: `feed.json`, `feed.csv`, a pointer for each banner.

All three say the same of every banner, field by field as `FeedItem` has them. The JSON holds values as they
are; in the CSV a text that a spreadsheet would run as a formula has an apostrophe before it. The same banners
give the same bytes.

`latest/<campaign>/<segment>/<size>/<product>/<design>.json` is a small pointer to the banner, not a copy of
it. A copy would be fetched and sent again for each banner whenever one goes live, would stay visible in
caches under a name that never changes, and would be one more place where a withdrawn person's picture lies.
The bytes under a banner's own key never change, so they can be cached for ever, and a pointer is replaced in
one step.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from pipeline.campaign import Campaign
from pipeline.catalogue import key_part
from pipeline.errors import StoreError
from pipeline.money import money, parse_locale
from pipeline.types import BannerRow, Product, Scalar, Segment

FEEDS = "feeds/"
LATEST = "latest/"

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that Excel, LibreOffice or Sheets may take for a formula; also in full width, which
Japanese and Chinese versions take for the same.
"""
_COLON = {"zh": "\uff1a", "ja": "\uff1a"}
_COMMA = {"zh": "\uff0c", "ja": "\u3001"}


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One live banner.

    `key` is the picture and `latest` its pointer in the output store; `width` and `height` in pixels; `alt`
    what a screen reader says, in the segment's locale; `link` "" where the shop gives none; `valid_from` and
    `valid_to` days in `timezone`, both included, None for no end; `variant` "" where the segment has none.
    """

    segment: str
    product: str
    design: str
    size: str
    locale: str
    key: str
    latest: str
    width: int
    height: int
    bytes: int
    alt: str
    link: str
    valid_from: date | None
    valid_to: date | None
    timezone: str
    variant: str

    def plain(self) -> dict[str, Any]:
        """The item as JSON has it: days as ISO dates, None as null."""
        values = ((name, getattr(self, name)) for name in _FIELDS)
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values}


_FIELDS = tuple(field.name for field in fields(FeedItem))


def json_key(campaign: str) -> str:
    """Where the JSON feed lies in the output store."""
    return f"{FEEDS}{campaign}/feed.json"


def csv_key(campaign: str) -> str:
    """Where the CSV feed lies in the output store."""
    return f"{FEEDS}{campaign}/feed.csv"


def latest_prefix(campaign: str) -> str:
    """Where a campaign's pointers lie in the output store."""
    return f"{LATEST}{campaign}/"


def feed_item(row: BannerRow, campaign: Campaign, segment: Segment, product: Product) -> FeedItem:
    """A banner as the feed shows it. `product` and `segment`, in its variant, are those that `row` names."""
    width, height = (int(side) for side in row.size.split("x"))
    place = f"{row.segment}/{row.size}/{key_part(row.product)}/{row.design}"
    starts = [day for day in (campaign.valid_from, segment.valid_from) if day]
    ends = [day for day in (campaign.valid_to, segment.valid_to) if day]
    return FeedItem(
        segment=row.segment,
        product=row.product,
        design=row.design,
        size=row.size,
        locale=row.locale,
        key=row.key,
        latest=f"{latest_prefix(campaign.name)}{place}.json",
        width=width,
        height=height,
        bytes=row.bytes,
        alt=alt_text(segment, product),
        link=str(_value(segment, product, "link") or ""),
        valid_from=max(starts, default=None),
        valid_to=min(ends, default=None),
        timezone=campaign.timezone,
        variant=row.variant,
    )


def alt_text(segment: Segment, product: Product) -> str:
    """What a banner says, for those who cannot see it: `Half price: Blue coat, $50`, on one line.

    Headline, name and price are the segment's own, so the text is in its language; the price is left out
    where it is no number that can be written, and the product's id stands in for a missing name.
    """
    language = parse_locale(segment.locale).language
    name = str(_value(segment, product, "name") or product.id)
    parts = [name]
    with suppress(ValueError):
        parts.append(money(_value(segment, product, "price"), segment.currency, segment.locale))
    told = _COMMA.get(language, ", ").join(parts)
    headline = segment.copy.get("headline")
    whole = f"{headline}{_COLON.get(language, ': ')}{told}" if headline else told
    return " ".join(whole.split())


def to_json(campaign: str, items: Sequence[FeedItem]) -> bytes:
    """The JSON feed, an item a line."""
    lines = ",\n".join(json.dumps(item.plain(), ensure_ascii=False) for item in items)
    head = json.dumps(campaign)
    return f'{{"campaign": {head}, "banners": [\n{lines}\n]}}\n'.encode()


def to_csv(items: Iterable[FeedItem]) -> bytes:
    """The CSV feed: UTF-8 without byte order mark, lines end in CR LF as RFC 4180 has it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_FIELDS)
    for item in items:
        writer.writerow(_cell(value) for value in item.plain().values())
    return text.getvalue().encode()


def to_pointer(item: FeedItem) -> bytes:
    """What a pointer under `latest/` holds."""
    return json.dumps(item.plain(), ensure_ascii=False, indent=1).encode()


def read_feed(data: bytes, url: str) -> dict[str, Mapping[str, Any]]:
    """The plain items of a JSON feed by their `latest`; raises `StoreError`, naming `url`."""
    try:
        return {
            str(item["latest"]): {**item, "key": str(item["key"])} for item in json.loads(data)["banners"]
        }
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{url}: no feed: {error}; move this file away and run again") from error


def _value(segment: Segment, product: Product, name: str) -> Scalar:
    return product.fields.get(segment.columns.get(name, name))


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_STARTS_FORMULA):
        return f"'{value}"
    return "" if value is None else value
