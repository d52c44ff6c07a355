"""A network that counts what it is asked, and that a photo can kill. For `faults.py`.

Run as a program it is `banners run` with this network: `python benchmarks/faulty_network.py COUNTS SECONDS
DEVICE KIND CAMPAIGN [options of banners run]`. COUNTS is a file that gets a byte for each photo, SECONDS the
time limit of one photo, DEVICE `cpu` or `cuda` (the cluster's pretended GPUs), KIND `standin` or `real`.
"""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from jobs.stopping import Stop
from pipeline.cutout import Predictor
from pipeline.runner import Deferred, Workers
from pipeline.standin import StandIn
from pipeline.trace import Tell
from pipeline.types import Pixels
from shm.matter import OutOfMemory, Prediction

DEADLY, ENDLESS, HUGE = (255, 0, 0), (0, 0, 255), (255, 0, 255)
"""Backdrops, in RGB, of photos that kill the process, never end, or do not fit into memory."""

FULL, NOT_A_NUMBER = (0, 255, 0), (255, 255, 0)
"""First pixels of photos of which the network keeps everything, or says nothing that is a number."""
_EVERYWHERE = {FULL: 1.0, NOT_A_NUMBER: float("nan")}


class Counted:
    """A `Predictor` with faults in front of another one, which `load` makes."""

    def __init__(self, counts: str, load: Callable[[], Predictor]) -> None:
        self._counts, self._network = counts, load()

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As the network behind it."""
        backdrop: tuple[int, ...] = tuple(int(value) for value in photos[0][0, 0])
        if backdrop == DEADLY:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.kill(os.getpid(), signal.SIGSEGV)
        if backdrop == ENDLESS:
            time.sleep(3600)
        if backdrop == HUGE:
            raise OutOfMemory("no room for 1 photos")
        predictions = self._network.predict(photos)
        if backdrop in _EVERYWHERE:
            value = _EVERYWHERE[backdrop]
            predictions = [replace(each, alpha=np.full_like(each.alpha, value)) for each in predictions]
        with open(self._counts, "ab", buffering=0) as file:
            file.write(b"." * len(photos))
        return predictions


def main() -> None:
    """`banners run` with this network."""
    import faulty_network  # under this name the workers find it too

    import jobs.commands_run
    from jobs.cli import app
    from jobs.network import Network, choose_network
    from shm.engine import Engine

    counts, seconds, device, kind, *words = sys.argv[1:]
    behind = choose_network(None, "cpu").load if kind == "real" else StandIn
    load = partial(faulty_network.Counted, counts, behind)
    network = Network("5" * 64, "3" * 64, Engine(device, "fp32"), load)
    run: Any = jobs.commands_run
    run.choose_network = lambda *_, **__: network
    run._workers = partial(_workers, float(seconds))
    sys.argv = ["banners", "run", *words]
    app()


def _workers(
    photo_seconds: float, runner: object, address: str | None, on_gpus: bool, stop: Stop, tell: Tell
) -> Workers:
    """As the command's own, and like them without Ray until there is work: row 29 is timed."""

    def start() -> Workers:
        from jobs.nightly import RayWorkers

        return RayWorkers(address=address, on_gpus=on_gpus, photo_seconds=photo_seconds, stop=stop, tell=tell)

    return Deferred(start)


if __name__ == "__main__":
    main()
