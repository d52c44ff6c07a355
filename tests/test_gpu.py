"""The actor that holds a GPU: one photo after the other, how many wait, how long it had nothing to do."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ray.exceptions import ActorDiedError

import jobs.gpu
from jobs.gpu import GpuMatter, GpuState, GpuWatch
from pipeline.errors import StoreError, Transient
from pipeline.standin import StandIn
from pipeline.types import Pixels
from shm.matter import Prediction

PHOTO = np.full((40, 30, 3), 200, np.uint8)


class Gate(StandIn):
    """A network that waits until it is told to go on, and keeps who asked it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.threads: set[int] = set()
        self.seen: list[int] = []

    def predict(self, photos: Sequence[Pixels]) -> list[Prediction]:
        self.threads.add(threading.get_ident())
        self.seen.append(int(photos[0][0, 0, 0]))
        self.open.wait()
        return super().predict(photos)


@pytest.fixture
def gate() -> Iterator[Gate]:
    network = Gate()
    yield network
    network.open.set()


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


def until(truth: Callable[[], bool]) -> None:
    """Wait for what other threads bring about, at most some seconds."""
    end = time.monotonic() + 20
    while not truth() and time.monotonic() < end:
        time.sleep(0.01)
    assert truth()


def ask(
    actor: GpuMatter, gate: Gate, workers: ThreadPoolExecutor, *shades: int
) -> list[Future[list[Prediction]]]:
    """A call for each shade of grey, in their order."""
    calls = []
    for shade in shades:
        calls.append(workers.submit(actor.predict, [np.full_like(PHOTO, shade)]))
        until(lambda: (len(gate.seen), actor.state().waiting) == (1, len(calls) - 1))
    return calls


def test_what_comes_while_a_photo_is_at_work_waits_in_its_order(
    gate: Gate, workers: ThreadPoolExecutor
) -> None:
    actor = GpuMatter(lambda: gate, 60.0)

    calls = ask(actor, gate, workers, 1, 2, 3)
    waiting = actor.state().waiting
    gate.open.set()
    answers = [call.result() for call in calls]

    assert (waiting, actor.state().waiting) == (2, 0)
    assert gate.seen == [1, 2, 3]
    assert [len(each) for each in answers] == [1, 1, 1]


def test_one_thread_alone_touches_the_network(gate: Gate, workers: ThreadPoolExecutor) -> None:
    gate.open.set()
    actor = GpuMatter(lambda: gate, 60.0)

    for call in [workers.submit(actor.predict, [PHOTO]) for _ in range(6)]:
        call.result()

    assert len(gate.threads) == 1


def test_a_photo_at_work_counts_as_busy_before_it_ends(gate: Gate, workers: ThreadPoolExecutor) -> None:
    actor = GpuMatter(lambda: gate, 60.0)
    assert actor.state() == GpuState(0, 0.0)

    ask(actor, gate, workers, 1)

    until(lambda: actor.state().busy > 0.05)
    gate.open.set()


def test_busy_stands_still_while_nothing_is_asked(gate: Gate) -> None:
    gate.open.set()
    actor = GpuMatter(lambda: gate, 60.0)

    actor.predict([PHOTO])

    assert actor.state() == actor.state()
    assert actor.state().busy > 0


def test_what_is_wrong_with_the_network_is_told_as_it_is() -> None:
    def broken() -> Any:
        raise StoreError("weights.bin: cannot be read")

    with pytest.raises(StoreError, match=r"^weights\.bin: cannot be read$"):
        GpuMatter(broken, 60.0).load()


def test_a_photo_that_failed_leaves_nothing_behind() -> None:
    def fail(photos: Sequence[Pixels]) -> list[Prediction]:
        raise Transient("busy")

    actor = GpuMatter(lambda: SimpleNamespace(predict=fail), 60.0)  # type: ignore[arg-type, return-value]

    with pytest.raises(Transient):
        actor.predict([PHOTO])

    assert actor.state().waiting == 0
    assert actor.state() == actor.state()


# ── watching them ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Played:
    """A Ray whose actors answer what is put into `says`: a state, an error, or nothing yet."""

    says: list[GpuState | Exception | None]
    now: float = 0.0
    asked: int = 0
    actors: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(len(self.says)):
            ask = SimpleNamespace(remote=lambda number=number: self._ask(number))
            self.actors.append(SimpleNamespace(state=ask))

    def _ask(self, number: int) -> tuple[int, int]:
        self.asked += 1
        return number, self.asked

    def wait(self, asked: list[Any], *, num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return [each for each in asked if self.says[each[0]] is not None], []

    def get(self, reference: tuple[int, int]) -> GpuState:
        said = self.says[reference[0]]
        if isinstance(said, Exception):
            raise said
        assert said is not None
        return said


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Played, GpuWatch]]:
    def start(*says: GpuState | Exception | None) -> tuple[Played, GpuWatch]:
        played = Played(list(says))
        monkeypatch.setattr(jobs.gpu, "ray", played)
        return played, GpuWatch(played.actors, now=lambda: played.now)

    return start


def look(watch: GpuWatch) -> None:
    """Once to ask, once to hear."""
    watch.look()
    watch.look()


def test_the_idle_share_is_of_all_gpus_and_all_the_time(play: Any) -> None:
    played, watch = play(GpuState(1, 6.0), GpuState(2, 2.0))
    played.now = 10.0

    look(watch)

    assert watch.idle == pytest.approx(0.6)
    assert watch.waiting == 3


def test_without_gpus_nobody_is_idle(play: Any) -> None:
    played, watch = play()
    played.now = 10.0

    watch.wait()

    assert (watch.idle, watch.waiting, played.asked) == (None, 0, 0)


def test_an_actor_that_does_not_answer_is_not_asked_twice(play: Any) -> None:
    played, watch = play(None)
    played.now = 10.0

    for _ in range(5):
        look(watch)

    assert played.asked == 1
    assert watch.idle == 1.0


def test_what_an_actor_did_before_it_was_lost_stays_counted(play: Any) -> None:
    played, watch = play(GpuState(4, 5.0))
    look(watch)
    played.says[0] = ActorDiedError()
    look(watch)
    at_its_door = watch.waiting

    played.says[0] = GpuState(0, 1.0)
    look(watch)

    played.now = 10.0
    assert at_its_door == 0
    assert watch.idle == pytest.approx(0.4)
