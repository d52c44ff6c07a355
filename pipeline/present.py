"""Which photos are in the bucket, for whoever has to know whether those that a banner shows still are."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from pipeline.ledger import Ledger
from pipeline.photo_plan import PhotoPlan, pages
from pipeline.store import ObjectStore
from pipeline.types import BannerRow, Listed, PhotoRow


@dataclass(frozen=True, slots=True)
class Present:
    """`contents` sha256 (hex) of the photos that somebody has read; `unread` the keys of those that came, or
    were touched, since anybody did.
    """

    contents: Collection[str]
    unread: Collection[str] = ()

    def shows(self, row: BannerRow) -> bool:
        """Whether every photo of the banner is there. Content, not key: a photo that was renamed is the same
        photo, one that was replaced is not.
        """
        return all(content in self.contents for content, _ in row.photo_places)

    def may_show(self, row: BannerRow) -> bool:
        """As `shows`, as far as it can be told: an unread photo may be the one that its name was before."""
        return all(content in self.contents or key in self.unread for content, key in row.photo_places)


NOBODY = Present(())
"""An empty bucket."""


def planned(plan: PhotoPlan) -> Present:
    """The photos of a night that has looked at none of them yet."""
    waiting = (*plan.todo, *plan.waiting)
    contents = {row.content for row in plan.known} | {ref.content for ref in waiting if ref.content}
    return Present(contents, {ref.key for ref in waiting if not ref.content})


def look_up(photos: ObjectStore, ledger: Ledger, seen: Callable[[], Iterable[PhotoRow]]) -> Present:
    """What is in the bucket, as the ledger knows it or, should that have been lost, the rows that `seen` gets
    of the last run. Reads no photo.
    """
    contents, unknown = set[str](), list[Listed]()
    for page in pages(photos.list()):
        for listed, content in zip(page, ledger.contents(page), strict=True):
            if content:
                contents.add(content)
            else:
                unknown.append(listed)
    places = {(row.key, row.etag, row.size): row.content for row in seen()} if unknown else {}
    contents |= {places.get(_place(listed), "") for listed in unknown} - {""}
    return Present(contents, dict.fromkeys(each.key for each in unknown if _place(each) not in places))


def _place(listed: Listed) -> tuple[str, str, int]:
    return listed.key, listed.etag, listed.size
