"""The network in actors that hold a GPU, and how a worker without one asks them.

A photo that kills such an actor takes the answers of its neighbours with it. So every worker that was waiting
for that answer says `WorkerLost`, and the pool tries all of them again, the unlucky ones at last alone: only
the photo that is to blame loses its worker then as well. Who finds the actor gone before handing over a photo
says so `blameless`ly, and waits for another one in peace.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from pipeline.cutout import Predictor
from pipeline.errors import WorkerLost
from pipeline.types import Pixels
from shm.matter import Prediction

_ANSWER_SECONDS = 10.0
"""An actor that does not say within this time that it is ready is starting, or behind a hanging photo."""


class GpuMatter:
    """The actor that holds a GPU. Loads again by itself after a restart; ends itself where a photo hangs."""

    def __init__(self, load: Callable[[], Predictor], photo_seconds: float) -> None:
        self._load, self._photo_seconds = load, photo_seconds
        self._matter: Predictor | None = None
        self._busy = 0.0

    def load(self) -> None:
        """Load the network now, so that what is wrong with it is told before the first photo."""
        self._matter = self._matter or self._load()

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `shm.matter.Matter.predict`, of photos that one worker has at hand."""
        self.load()
        assert self._matter is not None
        started = time.perf_counter()
        # A hanging kernel cannot be stopped from inside, only with its process.
        watchdog = threading.Timer(self._photo_seconds * len(photos), os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._matter.predict(photos)
        finally:
            watchdog.cancel()
            self._busy += time.perf_counter() - started

    def busy(self) -> float:
        """Seconds that the network worked since the actor started."""
        return self._busy


class RemoteMatter:
    """`Predictor` for a worker without a GPU: hands checked arrays to an actor that has one.

    `actors` all there are, the worker's own first; the others stand in while that one restarts. `patience`
    in seconds for any of them to be ready.
    """

    def __init__(self, actors: Sequence[Any], patience: float) -> None:
        self._actors, self._patience = actors, patience

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `shm.matter.Matter.predict`. Raises `WorkerLost` where the actor died over it."""
        actor = self._ready()
        try:
            predictions: list[Prediction] = call(actor.predict.remote(photos))
        except RayError as error:
            raise WorkerLost(f"the worker on the GPU was lost: {type(error).__name__}") from error
        return predictions

    def _ready(self) -> Any:
        until = time.monotonic() + self._patience
        while True:
            for actor in self._actors:
                try:
                    call(actor.load.remote(), _ANSWER_SECONDS)
                except RayError:
                    continue
                return actor
            if time.monotonic() > until:
                raise WorkerLost("no worker on a GPU is ready", blameless=True)
            time.sleep(0.5)


def idle_share(actors: Sequence[Any], seconds: float) -> float | None:
    """The share of `seconds` in which the actors' GPUs had nothing to do, in [0, 1]; None where nobody knows.

    What an actor did before it was lost counts as idle.
    """
    try:
        busy = [call(actor.busy.remote(), _ANSWER_SECONDS) for actor in actors]
    except RayError:
        return None
    return max(0.0, 1 - sum(busy) / (len(busy) * seconds)) if busy else None


def call(reference: Any, seconds: float | None = None) -> Any:
    """`ray.get` that raises what the actor raised, not Ray's account of it."""
    try:
        return ray.get(reference, timeout=seconds)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
