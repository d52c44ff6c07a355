"""`banners matte`: cut-outs alone, from files, folders or a bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from jobs.options import Device, DeviceOption, WeightsFile
from pipeline import cutout
from pipeline.decoder import Decoder
from pipeline.errors import PhotoRejected, StoreError, Transient
from pipeline.fetch import fetch_photo
from pipeline.store import DirStore, ObjectStore, open_store
from pipeline.types import Listed, Photo
from pipeline.words import photo_words
from shm.matter import Matter
from shm.presence import judge

SOME_BAD = 3
_COMPRESSION = 3
"""zlib level: higher ones take several times as long for a few percent."""


@dataclass(frozen=True, slots=True)
class _Source:
    """One photo, and the key of the PNG that it becomes."""

    store: ObjectStore
    listed: Listed

    @property
    def name(self) -> str:
        return self.store.url(self.listed.key)

    @property
    def target(self) -> str:
        return str(PurePosixPath(self.listed.key).with_suffix(".png"))


def matte(
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO|DIR|s3://…", help="Files, folders, buckets.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where the PNGs go.")],
    alpha_only: Annotated[
        bool, typer.Option("--alpha-only", help="The alpha as 8-bit grey, no colours.")
    ] = False,
    device: DeviceOption = Device.AUTO,
    weights: WeightsFile = None,
) -> None:
    """Cut the people out of photos: one PNG per photo, of the same stem and size, in colours of their own.

    What lies in folders of a folder stays in such folders. Exit codes: 0 every photo is done; 1 it could not
    run; 3 some files were left out, a line each says why.
    """
    sources = [source for where in photos for source in _sources(where)]
    if not sources:
        raise StoreError(f"{', '.join(photos)}: there are no photos here")
    matter = Matter.load(weights, device.value)
    decoder = Decoder()
    into = DirStore(output)
    made: dict[str, str] = {}
    for source in sources:
        if source.target in made:
            print(f"left out {source.name}: {made[source.target]} is {source.target} already; rename one")
            continue
        try:
            into.replace(source.target, _png(source, matter, decoder, alpha_only=alpha_only), "image/png")
        except PhotoRejected as refusal:
            print(
                f"left out {source.name}: {photo_words(refusal.reason)} ({refusal.reason}: {refusal.detail})"
            )
        except Transient as error:
            print(f"left out {source.name}: {error}")
        else:
            made[source.target] = source.name
    print(f"{len(made)} of {len(sources)} photos cut out, in {output}")
    if len(made) < len(sources):
        raise typer.Exit(SOME_BAD)


def _sources(where: str) -> Iterator[_Source]:
    """A file, everything in a folder or below an s3:// prefix, or one s3:// object."""
    if not where.startswith("s3://") and Path(where).is_file():
        path = Path(where)
        yield _Source(DirStore(path.parent), Listed(path.name, "", path.stat().st_size))
        return
    store = open_store(where, must_exist=True)
    found = [_Source(store, listed) for listed in store.list() if not listed.key.endswith("/")]
    if not found and where.startswith("s3://"):
        parent, _, name = where.rpartition("/")
        if parent != "s3:/" and name:
            store = open_store(parent)
            found = [_Source(store, listed) for listed in store.list(name) if listed.key == name]
    yield from found


def _png(source: _Source, matter: Matter, decoder: Decoder, *, alpha_only: bool) -> bytes:
    """Raises what `fetch_photo`, `Decoder.decode` and `cutout.matte` raise."""
    ref, data = fetch_photo(source.store, source.listed)
    found = cutout.matte(Photo(ref, decoder.decode(data)), matter)
    presence = judge(found.alpha)
    if not presence.anybody:
        print(f"note: {source.name}: nobody in the picture ({presence.why})")
    pixels: NDArray[np.uint8] = cutout.grey(found) if alpha_only else _bgra(cutout.rgba(found))
    _, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    return encoded.tobytes()


def _bgra(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8)
