"""The process in which untrusted bytes are parsed: it may die or hang, and nothing else does.

It gets the bytes and leaves the pixels in memory that it shares with `pipeline.decoder`; a number on its
standard input says how many bytes, a line of JSON on its standard output what came of them. It has no
credentials, no network of its own making, and limits on memory, processor time and what it may write.
"""

import json
import mmap
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any

import numpy as np

from pipeline.decode import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS, decode
from pipeline.errors import PhotoRejected, Transient
from pipeline.types import Pixels

SHARED_BYTES = max(MAX_PHOTO_BYTES, 3 * MAX_PHOTO_PIXELS)

MEMORY_BYTES = 896 * 2**20
"""How far the child may grow beyond its size after start. A WebP of 50 megapixels needs 780 MiB and three
times its bytes: libwebp holds its canvas twice, Pillow twice more. Resident it stays below 1 GiB."""

WRITTEN_BYTES = 2**20
"""Into files; it has only its complaints to write."""


def child(shared_file: int, cpu_seconds: float) -> None:
    """Decode photos until standard input ends. `shared_file` is a descriptor of `SHARED_BYTES` bytes."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not pass for an answer
    shared = mmap.mmap(shared_file, SHARED_BYTES)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which may want to finish
    _limit()
    _tell(answers, {"ready": True})
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)  # its signal ends the process, also amid C code
        answer = _answer(shared, int(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _tell(answers, answer)


def _answer(shared: mmap.mmap, size: int) -> dict[str, Any]:
    def room(height: int, width: int) -> Pixels:
        return np.frombuffer(shared, np.uint8, 3 * height * width).reshape(height, width, 3)

    try:
        height, width, _ = decode(shared[:size], room).shape
    except PhotoRejected as refusal:
        return {"reason": refusal.reason, "detail": refusal.detail}
    except (Transient, MemoryError):
        return {"no_memory": True}
    return {"height": height, "width": width}


def _limit() -> None:
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, size + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_BYTES, WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where the machine runs out, this process goes, not the one with the network


def _tell(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()
