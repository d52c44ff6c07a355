"""A stand-in for the network that counts what it is asked, and that a photo can kill. For `faults.py`.

Run as a program it is `banners run` with this network: `python benchmarks/faulty_network.py COUNTS SECONDS
DEVICE CAMPAIGN [options of banners run]`. COUNTS is a file that gets a byte for each photo, SECONDS the time
limit of one photo, DEVICE `cpu` or `cuda` (the cluster's pretended GPUs).
"""

import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from pipeline.standin import StandIn
from pipeline.types import Pixels
from shm.matter import OutOfMemory, Prediction

DEADLY, ENDLESS, HUGE = (255, 0, 0), (0, 0, 255), (255, 0, 255)
"""Backdrops, in RGB, of photos that kill the process, never end, or do not fit into memory."""


class Counted(StandIn):
    """`pipeline.standin.StandIn` with faults."""

    def __init__(self, counts: str) -> None:
        self._counts = counts

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `StandIn.predict`."""
        backdrop = tuple(int(value) for value in photos[0][0, 0])
        if backdrop == DEADLY:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.kill(os.getpid(), signal.SIGSEGV)
        if backdrop == ENDLESS:
            time.sleep(3600)
        if backdrop == HUGE:
            raise OutOfMemory("no room for 1 photos")
        predictions = super().predict(photos)
        with open(self._counts, "ab", buffering=0) as file:
            file.write(b"." * len(photos))
        return predictions


def main() -> None:
    """`banners run` with this network."""
    import faulty_network  # under this name the workers find it too

    import jobs.commands_run
    import jobs.nightly
    from jobs.cli import app
    from jobs.network import Network
    from shm.engine import Engine

    counts, seconds, device, *words = sys.argv[1:]
    load = partial(faulty_network.Counted, counts)
    network = Network("5" * 64, "3" * 64, Engine(device, "fp32"), load)
    run: Any = jobs.commands_run
    run.choose_network = lambda *_, **__: network
    nightly: Any = jobs.nightly
    nightly.RayWorkers = partial(nightly.RayWorkers, photo_seconds=float(seconds))
    sys.argv = ["banners", "run", *words]
    app()


if __name__ == "__main__":
    main()
