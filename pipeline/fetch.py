"""One photo's bytes out of the bucket, with the hash that names everything made from it."""

import hashlib

from pipeline.decode import MAX_PHOTO_BYTES
from pipeline.errors import ObjectError, PhotoRejected
from pipeline.store import ObjectStore
from pipeline.types import Listed, PhotoRef


def fetch_photo(store: ObjectStore, listed: Listed | PhotoRef) -> tuple[PhotoRef, bytes]:
    """The photo's reference with its content hash, and its bytes, at most `MAX_PHOTO_BYTES` of them.

    The reference carries the etag of the bytes that were read: the object may have been replaced since it
    was listed, and the ledger must not tie new content to the old etag.
    Raises `PhotoRejected` (source_gone, access_denied, too_large, unsafe_key), `Transient` or `StoreError`.
    """
    try:
        found, data = store.read(listed.key, max_bytes=MAX_PHOTO_BYTES)
    except ObjectError as error:
        raise PhotoRejected(error.reason, error.detail) from error
    return PhotoRef(found.key, found.etag, found.size, hashlib.sha256(data).hexdigest()), data
