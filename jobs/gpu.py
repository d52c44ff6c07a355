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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from pipeline.cutout import Predictor
from pipeline.errors import WorkerLost
from pipeline.types import Pixels
from shm.matter import Prediction

_ANSWER_SECONDS = 10.0
"""An actor that does not say within this time that it is ready is starting, or behind a hanging photo."""
AT_THE_DOOR = 64
"""Calls that an actor takes in to wait for their turn; more of them wait outside, uncounted."""
STATE = "state"
"""The thread of an actor in which it says how it stands, whatever the others do."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """`waiting` photos at an actor's door; `busy` seconds that the network worked since the actor started."""

    waiting: int
    busy: float


class GpuMatter:
    """The actor that holds a GPU. Loads again by itself after a restart; ends itself where a photo hangs."""

    def __init__(self, load: Callable[[], Predictor], photo_seconds: float) -> None:
        self._load, self._photo_seconds = load, photo_seconds
        self._matter: Predictor | None = None
        # What waits is taken in turn, and always by the same thread: each thread that ever used CUDA keeps
        # memory of the GPU to itself.
        self._thread = ThreadPoolExecutor(1)
        self._counting = threading.Lock()
        self._waiting, self._busy = 0, 0.0
        self._since: float | None = None

    def load(self) -> None:
        """Load the network now, so that what is wrong with it is told before the first photo."""
        self._thread.submit(self._loaded).result()

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        """As `shm.matter.Matter.predict`, of photos that one worker has at hand."""
        with self._counting:
            self._waiting += len(photos)
        return self._thread.submit(self._predict, photos).result()

    @ray.method(concurrency_group=STATE)
    def state(self) -> GpuState:
        """How it stands; the photo at work counts up to now."""
        with self._counting:
            running = time.perf_counter() - self._since if self._since is not None else 0.0
            return GpuState(self._waiting, self._busy + running)

    def _loaded(self) -> Predictor:
        self._matter = self._matter or self._load()
        return self._matter

    def _predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        with self._counting:
            self._waiting -= len(photos)
        matter = self._loaded()
        # A hanging kernel cannot be stopped from inside, only with its process.
        watchdog = threading.Timer(self._photo_seconds * len(photos), os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        self._since = time.perf_counter()
        try:
            return matter.predict(photos)
        finally:
            watchdog.cancel()
            with self._counting:
                self._busy += time.perf_counter() - self._since
                self._since = None


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


class GpuWatch:
    """What the actors say of themselves, asked now and then without waiting for them. What one did before it
    was lost, and had told, stays counted.
    """

    def __init__(self, actors: Sequence[Any], now: Callable[[], float] = time.monotonic) -> None:
        self._actors, self._now, self._began = actors, now, now()
        self._asked: dict[Any, int] = {}
        self._said = [GpuState(0, 0.0)] * len(actors)
        self._earlier = [0.0] * len(actors)

    @property
    def waiting(self) -> int:
        """Photos that wait for a GPU, when last heard of."""
        return sum(state.waiting for state in self._said)

    @property
    def idle(self) -> float | None:
        """The share of the time since the watch began in which the GPUs had nothing to do, in [0, 1]; None
        where there are none.
        """
        seconds = len(self._actors) * (self._now() - self._began)
        if not seconds:
            return None
        busy = sum(self._earlier) + sum(state.busy for state in self._said)
        return min(1.0, max(0.0, 1 - busy / seconds))

    def look(self) -> None:
        """Take in what was answered, and ask again."""
        self._take(0.0)
        for number in set(range(len(self._actors))) - set(self._asked.values()):
            self._asked[self._actors[number].state.remote()] = number

    def wait(self) -> None:
        """As `look`, and wait for the answers for some seconds."""
        self.look()
        self._take(_ANSWER_SECONDS)

    def _take(self, seconds: float) -> None:
        if not self._asked:
            return
        ready, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=seconds)
        for reference in ready:
            number = self._asked.pop(reference)
            try:
                said: GpuState = ray.get(reference)
            except RayError:  # it died, and whoever was at its door went; it is started again
                said = GpuState(0, self._said[number].busy)
            if said.busy < self._said[number].busy:
                self._earlier[number] += self._said[number].busy
            self._said[number] = said


def call(reference: Any, seconds: float | None = None) -> Any:
    """`ray.get` that raises what the actor raised, not Ray's account of it."""
    try:
        return ray.get(reference, timeout=seconds)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
