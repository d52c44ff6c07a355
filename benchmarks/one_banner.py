"""The smallest campaign: one segment, one design, one size, a product for each photo."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.campaign import Campaign, load_campaign

CAMPAIGN = """\
name: one-banner
photos: photos
output: out
catalogue: catalogue.csv
segments: segments.yaml
designs: [catalogue-card]
sizes: [300x250]
timezone: UTC
"""
SEGMENTS = """\
- name: everybody
  locale: en
  currency: USD
  rule: stock > 0
  columns: {name: name}
  copy: {headline: Half price, subline: Only today, cta: Shop now}
"""


def write_campaign(folder: Path, photos: Sequence[str]) -> Campaign:
    """The campaign in `folder`, with a product for each of `photos`, files that are still to be written."""
    (folder / "photos").mkdir()
    (folder / "campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (folder / "segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    rows = (f"P-{n},Coat {n},100,{n % 90 + 1},5,{photo}" for n, photo in enumerate(photos))
    table = "\n".join(["id,name,list_price,price,stock,photos", *rows])
    (folder / "catalogue.csv").write_text(table + "\n", encoding="utf-8")
    return load_campaign(folder / "campaign.yaml")
