"""Why a gate held a banner: what it measured, what it asks, and what somebody can do about it.

The figures come from the row's `detail`, where the night wrote them (`contrast 0.82, fringe 0.1`), the limits
from the gates themselves, so that the sheet never explains a limit that no longer holds.
"""

import re
from collections.abc import Mapping

from pipeline.errors import Fault
from pipeline.quality import LIMITS, Limit
from pipeline.types import BannerRow
from pipeline.words import banner_words, reasons_of

MEASURED: Mapping[str, str] = {
    "text_overflow": "{value:.0f} of its texts do not fit",
    "contrast": "{value:.0%} of the contrast that WCAG AA asks for",
    "text_over_head": "text covers {value:.0%} of the head; {limit:.0%} is allowed",
    "text_covered": "the person hides {value:.0%} of a text; {limit:.0%} is allowed",
    "head_clipped": "{value:.0%} of the head is not to be seen; {limit:.0%} is allowed",
    "logo_crowded": "{value:.0%} of the logo's clear space is taken",
    "outside_safe_area": "{value:.0f} pixels outside; {limit:.0f} is allowed",
    "fringe": "a rim of {value:.2f}; {limit:.2f} is allowed",
    "upscale": "enlarged {value:.2f} times; {limit:.2f} is allowed",
    "size_reached": "{value:.0%} of the height that the design asks for; {limit:.0%} is needed",
    "confidence": "{value:.1%} sure; {limit:.1%} is needed",
    "weight": "{value:.0%} of its weight limit",
}
"""What each figure means beside its limit, by its name in `LIMITS`."""

HELP: Mapping[str, str] = {
    Fault.TEXT_OVERFLOW: "Shorter words fit, or another design.",
    Fault.LOW_CONTRAST: "Look whether every word can be read; a ground behind the text helps.",
    Fault.TEXT_OVER_HEAD: "Look whether face and words can be seen; another photo or design helps.",
    Fault.HEAD_CLIPPED: "Another photo of the product may leave more room.",
    Fault.LOGO_CROWDED: "Fewer words, or another design for this size.",
    Fault.FRINGE: "Look at the edges of hair and clothes on the cut-out.",
    Fault.OUT_OF_SAFE_AREA: "An app may cover what lies there.",
    Fault.UPSCALED: "Look whether the person is sharp; a larger photo helps.",
    Fault.UNSURE_MATTE: "Look at the cut-out: nothing may be missing, and nothing of the ground left.",
    Fault.TOO_HEAVY: "Channels may refuse a file of this weight.",
    Fault.NEAR_DUPLICATE: "The details name the other one; approve this one only if both are meant.",
}
"""What to look at, or what helps, by fault."""

_FIGURE = re.compile(r"([a-z_]+) (-?[\d.]+(?:e[-+]\d+)?)(?:, |$)")


def explain(row: BannerRow) -> list[str]:
    """One sentence or two for each gate that held the banner; empty where none did."""
    figures = {name: float(value) for name, value in _FIGURE.findall(row.detail)}
    return [_explain(reason, figures) for reason in reasons_of(row.reason)]


def _explain(reason: str, figures: Mapping[str, float]) -> str:
    beyond = [
        _measured(name, figures[name], limit)
        for name, limit in LIMITS.items()
        if limit.fault == reason and name in figures and not limit.least <= figures[name] <= limit.most
    ]
    told = f"{banner_words(reason)}: {' and '.join(beyond)}." if beyond else f"{banner_words(reason)}."
    return f"{told} {HELP[reason]}" if reason in HELP else told


def _measured(name: str, value: float, limit: Limit) -> str:
    bound = limit.least if value < limit.least else limit.most
    told = MEASURED.get(name, "{name} {value:.3g}, the limit is {limit:.3g}")
    return told.format(name=name.replace("_", " "), value=value, limit=bound)
