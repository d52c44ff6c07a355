"""What the banners of one document are made from, cut-outs apart, in one digest: known before it is rendered.

A night that renders, checks and hashes a hundred thousand documents to find that they are yesterday's takes
minutes. A row notes the brief that its banner was made by; where tonight's is the same, so is the banner.
Whatever decides a document or how it is drawn has to be in here: what is forgotten stays as it was for ever.
"""

import hashlib
import json
from collections.abc import Container
from importlib.metadata import version
from typing import Any

from pipeline.rendered import DocumentRequest
from pipeline.template_names import named_in
from pipeline.values import pick, values_of

_VERSIONS_OF = ("jinja2", "babel")
"""Libraries that a document's words come from; our own part has `pipeline.recipe.RENDER_VERSION`."""

_BYTES = 16


class Briefs:
    """The briefs of tonight's documents, and those that earlier nights made banners by.

    `press` as `pipeline.units.Press.digest`, of what draws every document.
    """

    def __init__(self, press: str, noted: Container[str] = ()) -> None:
        self.noted = noted
        self._always = [press, *map(version, _VERSIONS_OF)]
        self._looks: dict[tuple[str, str, str], str] = {}

    def of(self, request: DocumentRequest) -> str:
        """The brief (hex) of the banners that `request` asks for.

        Of the product and of the night only what the design names: a stock that falls, or a new day, changes
        nothing on a banner that shows neither.
        """
        values = values_of(request)
        shown = [pick(values, name) for name in named_in(request.design)]
        return _digest([self._look(request), request.product.id, shown])

    def _look(self, request: DocumentRequest) -> str:
        """What all products of a segment share in one design."""
        design, segment = request.design, request.segment
        place = (segment.name, segment.variant, design.name)
        if place not in self._looks:
            sizes = [str(size) for size in segment.sizes]
            drawn_by = [design.name, design.digest, request.brand.model_dump(mode="json")]
            shown_to = [segment.name, segment.locale, segment.currency]
            self._looks[place] = _digest([*self._always, drawn_by, shown_to, sizes])
        return self._looks[place]


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=_BYTES).hexdigest()
