"""What a rehearsal saw, put together: each fault told once, with the field to mend and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import Fault
from pipeline.origin import Origin
from pipeline.types import Segment, Size
from pipeline.wanted import Wanted
from pipeline.words import banner_words

MOST_NAMES = 3
ADVICE = {
    Fault.MISSING_VALUE: "fill it in, or let the rule leave such products out",
    Fault.BAD_VALUE: "correct it",
    Fault.MISSING_GLYPH: "write it with other characters",
    Fault.TEXT_OVERFLOW: "shorten it, or give its layer more room or a smaller min_size in the design",
    Fault.OUT_OF_SAFE_AREA: "move the layer in the design, or shorten the text",
    Fault.LOW_CONTRAST: "choose colours that differ more, in the design or the brand kit",
    Fault.TEXT_OVER_HEAD: "give the text or the person another place in the design",
    Fault.HEAD_CLIPPED: "give the person a region inside the banner, or open its frame",
}
"""What to do about every fault that shows without a photo."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One fault on one planned banner. `told` says more of it; `size` None: at all of the segment's sizes."""

    fault: Fault
    origin: Origin
    wanted: Wanted
    size: Size | None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One fault in one field, wherever it shows."""

    fault: Fault
    origin: Origin
    told: str
    segments: tuple[str, ...]
    designs: tuple[str, ...]
    sizes: tuple[str, ...]
    products: tuple[str, ...]

    def __str__(self) -> str:
        told = f" ({self.fault}: {self.told})" if self.told else f" ({self.fault})"
        shown = (
            f"segment {_some(self.segments)}; design {_some(self.designs)}; size {_some(self.sizes)}; "
            f"product {_some(self.products)}"
        )
        return f"{self.origin}: {banner_words(self.fault)}{told}: {ADVICE[self.fault]}. Seen in {shown}"


def flaws_of(sightings: Iterable[Sighting]) -> tuple[Flaw, ...]:
    """The flaws behind `sightings`, in the order of the files' names and lines.

    In a catalogue one flaw stands for all its products: its line is that of the first.
    """
    groups: dict[tuple[object, ...], list[Sighting]] = {}
    for seen in sightings:
        clue = seen.told if seen.fault is not Fault.TEXT_OVERFLOW else ""
        groups.setdefault((seen.fault, seen.origin.file, seen.origin.field, clue), []).append(seen)
    flaws = [_flaw(same) for same in groups.values()]
    return tuple(sorted(flaws, key=lambda flaw: (flaw.origin.file, flaw.origin.line, flaw.origin.field)))


def _flaw(same: Sequence[Sighting]) -> Flaw:
    first = min(same, key=lambda seen: seen.origin.line)
    sizes = {size for seen in same for size in ((seen.size,) if seen.size else seen.wanted.segment.sizes)}
    return Flaw(
        first.fault,
        first.origin,
        first.told,
        _each(_called(seen.wanted.segment) for seen in same),
        _each(seen.wanted.design for seen in same),
        tuple(map(str, sorted(sizes))),
        _each(seen.wanted.product.id for seen in same),
    )


def _called(segment: Segment) -> str:
    return f"{segment.name} (variant {segment.variant})" if segment.variant else segment.name


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _some(names: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"
