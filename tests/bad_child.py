"""A decoding process as hostile bytes might make it: what a photo's bytes say is what becomes of it."""

import os
import signal
import sys
import time

import numpy as np

from pipeline import decode_child
from pipeline.decode import Room
from pipeline.errors import PhotoRejected, Reason
from pipeline.types import Pixels

_served: list[bytes] = []


def child(shared_file: int, cpu_seconds: float) -> None:
    """As `pipeline.decode_child.child`, with its limits, but another decoder."""
    decode_child.decode = misbehave
    decode_child.child(shared_file, cpu_seconds)


def misbehave(data: bytes, room: Room) -> Pixels:
    """One pixel, of the value of the last byte; unless the bytes say otherwise."""
    _served.append(data)
    match data:
        case b"die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"die unless first" if len(_served) > 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"leave":
            os._exit(7)
        case b"spin":
            while True:
                pass
        case b"sleep":
            time.sleep(600)
        case b"eat":
            np.ones(2**30)
        case b"print":
            print('{"height": 5, "width": 5}', flush=True)
        case b"slow":
            time.sleep(2)
        case b"tell":
            raise PhotoRejected(Reason.DAMAGED, f"{dict(os.environ)}")
        case b"pid":
            raise PhotoRejected(Reason.DAMAGED, f"{os.getpid()}")
        case _ if data.startswith(b"lie "):
            os.write(int(max(os.listdir("/proc/self/fd"), key=_answers)), data[4:] + b"\n")
            time.sleep(600)
    pixels = room(1, 1)
    pixels[:] = data[-1]
    return pixels


def _answers(name: str) -> int:
    """The descriptor to which answers go is the second pipe, after standard input."""
    try:
        pipe = os.readlink(f"/proc/self/fd/{name}").startswith("pipe:")
    except OSError:
        return -1
    return int(name) if pipe and name not in sys.argv else -1
