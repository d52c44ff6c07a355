"""Photos decoded in a child process, so that hostile bytes can kill or stop no more than that.

`Decoder.decode` gives the same pixels and refuses for the same reasons as `pipeline.decode.decode`. The child
starts with the first photo and serves all that follow; a dead or hanging one is replaced. What the child says
is not trusted either.
"""

import json
import threading
from typing import Any

from pipeline.decode import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS
from pipeline.decode_process import Lost, Process
from pipeline.errors import PhotoRejected, Reason
from pipeline.types import Pixels

CPU_SECONDS = 4.5
"""Processor time for one photo. 50 megapixels take 1 to 2 s, and 4 s as a progressive JPEG of CMYK with a
profile, of which nearly all is decoding and colour conversion; 2 megapixels take 0.05 s."""
WALL_SECONDS = 120.0
"""For a child that waits instead of working, and for machines on which many share a processor."""
TRIES = 2

_DETAIL_LENGTH = 300


class Decoder:
    """Decodes photos in a child of this process, one at a time; threads may share it."""

    def __init__(self, *, cpu_seconds: float = CPU_SECONDS, wall_seconds: float = WALL_SECONDS) -> None:
        self._cpu_seconds, self._wall_seconds = cpu_seconds, wall_seconds
        self._lock = threading.Lock()
        self._process: Process | None = None

    def decode(self, data: bytes) -> Pixels:
        """The picture in `data`: uint8 (H, W, 3), sRGB, upright, contiguous, writable.

        Raises `PhotoRejected` with too_large, too_many_pixels, unsupported_format, animated, damaged,
        timed_out or killed_worker; `Transient` or `JobError` if no child can be started.
        """
        if len(data) > MAX_PHOTO_BYTES:
            raise PhotoRejected(Reason.TOO_LARGE, f"{len(data):,} bytes, more than {MAX_PHOTO_BYTES:,}")
        with self._lock:
            return self._decode(data)

    def close(self) -> None:
        """Stop the child, if there is one. Decoding again starts another."""
        with self._lock:
            self._drop()

    def _decode(self, data: bytes) -> Pixels:
        for tries_left in reversed(range(TRIES)):
            try:
                return self._ask(data)
            except PhotoRejected:
                raise
            except Lost as lost:
                self._drop()
                # The first child may have died of what other photos left behind; a slow photo stays slow.
                if not tries_left or lost.reason is Reason.TIMED_OUT:
                    raise PhotoRejected(lost.reason, lost.detail) from None
            except BaseException:
                self._drop()  # an answer that nobody waited for must not pass for the next photo's
                raise
        raise AssertionError("unreachable")

    def _ask(self, data: bytes) -> Pixels:
        self._process = self._process or Process(self._cpu_seconds)
        answer = read_answer(self._process.ask(data, self._wall_seconds))
        if "height" in answer:
            return self._process.pixels(answer["height"], answer["width"])
        raise PhotoRejected(answer["reason"], answer["detail"])

    def _drop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


def read_answer(line: bytes) -> dict[str, Any]:
    """What the child may say, and nothing else. Raises `Lost`."""
    try:
        match json.loads(line):
            case {"no_memory": True}:
                raise Lost(Reason.TOO_LARGE, "it takes more memory to decode than a photo may")
            case {"height": int(height), "width": int(width)} if (
                0 < height * width <= MAX_PHOTO_PIXELS and height > 0
            ):
                return {"height": height, "width": width}
            case {"reason": str(reason), "detail": str(detail)}:
                return {"reason": Reason(reason), "detail": detail[:_DETAIL_LENGTH]}
    except (ValueError, RecursionError):
        pass
    raise Lost(Reason.KILLED_WORKER, "the decoder gave a senseless answer each time")
