"""What the steps hand to each other beside the shared types, and the tools that a worker holds for them.

A kit is what a worker is told, wherever it runs: small and picklable. It opens into tools once per process.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from pipeline import compose, cutout
from pipeline.decoder import Decoder
from pipeline.encode import EncodeLimits
from pipeline.fonts import FontBook
from pipeline.manifest import RunId
from pipeline.patience import Patience
from pipeline.store import ObjectStore
from pipeline.trace import Trace
from pipeline.types import Cutout, Photo, PhotoRef, Size, Unit
from shm.process import keep_memory

MOST_PEOPLE = 2
"""Cut-outs on one banner."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo's bytes as they came; nobody has looked at them yet."""

    ref: PhotoRef
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A photo and the person cut out of it."""

    photo: Photo
    cutout: Cutout


@dataclass(frozen=True, slots=True)
class Loaded:
    """A planned banner with its cut-outs at hand."""

    unit: Unit
    cutout: Cutout
    second: Cutout | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A planned banner, painted: `rendered.pixels` uint8 (H, W, 3) sRGB, and what the gates measured."""

    unit: Unit
    rendered: compose.Rendered


@dataclass(frozen=True, slots=True)
class PhotoTools:
    """What a photo worker holds. `recipe` is `cutout.recipe_of` of the engine and weights of `matter`."""

    photos: ObjectStore
    output: ObjectStore
    matter: cutout.Predictor
    recipe: str
    patience: Patience = field(default_factory=Patience)
    decoder: Decoder = field(default_factory=Decoder)
    trace: Trace = field(default_factory=Trace)


class CutoutShelf:
    """Stored cut-outs, unpacked; keeps those of one banner, because banners come grouped by cut-outs."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._last: dict[str, Cutout] = {}

    def take(self, key: str) -> Cutout:
        """The cut-out under `key`. Raises what the store raises, and ValueError for a damaged object."""
        found = self._last.pop(key, None) or cutout.unpack(self._store.get(key))
        self._last[key] = found
        if len(self._last) > MOST_PEOPLE:
            del self._last[next(iter(self._last))]
        return found


@dataclass(frozen=True, slots=True)
class BannerTools:
    """What a banner worker holds. `folders` are the campaign's own templates, beside the packaged ones."""

    output: ObjectStore
    cutouts: CutoutShelf
    fonts: FontBook
    limits: Mapping[Size, EncodeLimits]
    run: RunId
    folders: tuple[Path, ...] = ()
    patience: Patience = field(default_factory=Patience)
    trace: Trace = field(default_factory=Trace)


@dataclass(frozen=True, slots=True)
class PhotoKit:
    """How to cut out photos. `load_matter` is called once in each process that needs the network."""

    photos: ObjectStore
    output: ObjectStore
    load_matter: Callable[[], cutout.Predictor]
    recipe: str

    def open(self, matter: cutout.Predictor | None = None) -> PhotoTools:
        """The tools, with the network loaded here unless `matter` is given."""
        _beside_others()
        return PhotoTools(self.photos, self.output, matter or self.load_matter(), self.recipe)


@dataclass(frozen=True, slots=True)
class BannerKit:
    """How to make banners."""

    output: ObjectStore
    run: RunId
    limits: Mapping[Size, EncodeLimits]
    folders: tuple[Path, ...]

    def open(self) -> BannerTools:
        """The tools, with the fonts loaded."""
        _beside_others()
        shelf = CutoutShelf(self.output)
        return BannerTools(
            self.output, shelf, FontBook.load(self.folders), self.limits, self.run, self.folders
        )


def _beside_others() -> None:
    """Set this process up as one of many: there is a worker for each processor already, and OpenCV would
    start a thread for each of them in every worker.
    """
    cv2.setNumThreads(1)
    keep_memory()
