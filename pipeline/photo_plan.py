"""Which photos have to be cut out tonight.

Every photo of the bucket is, named by a product or not: a damaged file is reported on the night it arrives,
not on the night a campaign first needs it, and the cut-outs are ready when one does. Planning reads listings
and tables, never a picture; on an unchanged bucket it finds nothing to do.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from pipeline.digests import KeySet
from pipeline.errors import Reason
from pipeline.keys import is_safe_key
from pipeline.known import KnownPhotos
from pipeline.ledger import Ledger
from pipeline.rows import photo_row
from pipeline.store import ObjectStore
from pipeline.types import Listed, PhotoRef, PhotoRow, Status

CUTOUTS = "cutouts/"
"""Where cut-outs lie in the output store."""
_PAGE = 4096
"""Objects of a listing that are looked up together."""


@dataclass(frozen=True, slots=True)
class PhotoPlan:
    """`known` rows of photos that need no work; `todo` photos to be cut out, in the bucket's order; `waiting`
    photos that are to be cut out another night.
    """

    known: Collection[PhotoRow]
    todo: tuple[PhotoRef, ...]
    waiting: tuple[PhotoRef, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no photo in the bucket at all."""
        return not (self.known or self.todo or self.waiting)


def plan_photos(
    photos: ObjectStore,
    output: ObjectStore,
    ledger: Ledger,
    recipe: str,
    *,
    earlier: Sequence[str] = (),
    most_new: int | None = None,
) -> PhotoPlan:
    """Join the bucket's listing with the ledger. A cut-out that has disappeared is made again.

    With `most_new` at most so many photos are to be cut out, those first that have no cut-out at all. The
    others wait for another night, or keep what one of the `earlier` recipes made of them, the last first.
    """
    cutouts = KeySet(listed.key for listed in output.list(CUTOUTS))
    known, todo, older = KnownPhotos(ledger), list[PhotoRef](), list[tuple[int, Listed]]()
    for page in pages(photos.list()):
        for listed in page:
            if not is_safe_key(listed.key):
                known.add(_unsafe(listed, recipe))
        safe = [listed for listed in page if is_safe_key(listed.key)]
        rows = ledger.find_usable(safe, recipe, cutouts)
        known.keep(rows, safe)
        new = [listed for listed, row in zip(safe, rows, strict=True) if row < 0]
        old = ledger.find_first_usable(new, earlier if most_new is not None else (), cutouts)
        older += [(int(row), listed) for row, listed in zip(old, new, strict=True) if row >= 0]
        todo += _refs([listed for listed, row in zip(new, old, strict=True) if row < 0], ledger)
    if most_new is None:
        return PhotoPlan(known, tuple(todo))
    again = max(0, most_new - len(todo))
    for row, listed in older[again:]:
        known.keep(np.array([row]), [listed])
    todo[most_new:], waiting = [], todo[most_new:]
    return PhotoPlan(known, (*todo, *_refs([listed for _, listed in older[:again]], ledger)), tuple(waiting))


def pages(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    """A listing in handy pieces, without the marks of folders."""
    objects = (listed for listed in listing if not _is_folder(listed))
    while page := list(islice(objects, _PAGE)):
        yield page


def _is_folder(listed: Listed) -> bool:
    """Whether this is only the mark of a folder: S3's web console makes such empty objects."""
    return listed.size == 0 and listed.key.endswith("/")


def _refs(page: Sequence[Listed], ledger: Ledger) -> list[PhotoRef]:
    contents = ledger.contents(page)
    return [PhotoRef(each.key, each.etag, each.size, c) for each, c in zip(page, contents, strict=True)]


def _unsafe(listed: Listed, recipe: str) -> PhotoRow:
    ref = PhotoRef(listed.key, listed.etag, listed.size)
    problem = "this name could lead out of the bucket, or cannot be written down"
    return photo_row(ref, recipe, Status.REJECTED, reason=Reason.UNSAFE_KEY, detail=problem)
