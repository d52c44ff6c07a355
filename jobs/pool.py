"""A pool of Ray actors that loses nothing when one of them dies.

Actors are fed keys in small groups, one group at a time each, so the driver always knows whose work a dead
actor was doing. (Ray Data would cost ten times as much a photo, and drops healthy rows beside a failing one.)
The pool grows and shrinks with the cluster: an actor that died with its machine is replaced wherever there
is room, and machines that join get work.

An item that keeps losing its actor is first tried by itself, then twice with nothing else running, then given
up on with a row that says so: a photo that crashes the decoder costs four actors, never the night, and a
healthy one that only stood beside it, or was hit by chance, is cleared. One that takes too long needs no such
proof, as nothing but itself uses its time: it gets one more try among the others. An item that lost an actor
before is handed to one that has just answered: those that died at rest are nobody's fault.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from pipeline.errors import JobError, WorkerLost
from pipeline.trace import Again

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_Row = TypeVar("_Row")

ALONE = 2
"""From so many losses on, an item runs with nothing beside it."""
GIVEN_UP = 4
"""Losses; a kill that comes by chance hardly hits the same item so often."""
TOO_LATE = 2
"""So many times an item may take too long."""
START_SECONDS = 600.0
"""A cluster that starts no worker for so long, while none is at work, is full or broken."""
_BAD_STARTS = 5
"""Workers that die while they start, with none that lives between them. One machine may well be broken."""
ANSWER_SECONDS = 5.0
"""An idle actor that does not answer for so long is gone, or as good as gone."""
_LOOK_SECONDS = 10.0
"""How often the pool looks whether the cluster has grown or shrunk."""
_REPORT_SECONDS = 1.0


class Worker(Generic[_Item, _Row]):
    """The actor: opens its kit once, then runs groups of items."""

    def __init__(self, step: Callable[[_Item, Any], _Row]) -> None:
        self._step = step
        self._tools: Any = None

    def open(self, kit: Any) -> None:
        """Load what the work needs. Not in `__init__`, whose errors Ray reports as a dead actor."""
        self._tools = kit.open()

    def here(self) -> None:
        """Does nothing: who answers is alive."""

    def run(self, items: tuple[_Item, ...]) -> list[_Row]:
        """One row for each item."""
        return [self._step(item, self._tools) for item in items]


@dataclass(frozen=True, slots=True)
class _Group(Generic[_Item]):
    items: tuple[_Item, ...]
    losses: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class _Call(Generic[_Item]):
    """What an actor is doing; `group` None while it opens its kit. `deadline` on the monotonic clock."""

    actor: Any
    group: _Group[_Item] | None
    deadline: float


class Pool(Generic[_Item, _Row]):
    """`start` makes an actor, which gets the next of `kits` in turn; `size` says how many the cluster has
    room for now; `item_seconds` is what one item may take; `give_up(item, timed_out)` makes the row of an
    item that cannot be run. Once `stop` says so, what is being made is finished and nothing is begun. `note`
    is called for each item that is tried again, with why and what is known of it; for None where a worker
    could not be started. `report` is told every second how many items are being worked on.
    """

    def __init__(
        self,
        start: Callable[[], Any],
        kits: Sequence[Any],
        *,
        size: Callable[[], int],
        item_seconds: float,
        give_up: Callable[[_Item, bool], _Row],
        stop: Callable[[], bool],
        note: Callable[[_Item | None, Again, str], None],
        report: Callable[[int], None],
    ) -> None:
        self._start, self._size, self._stop = start, size, stop
        self._note, self._report, self._reported = note, report, float("-inf")
        self._kits = cycle([ray.put(kit) for kit in kits])
        self._item_seconds, self._give_up = item_seconds, give_up
        self._waiting: Iterator[_Group[_Item]] = iter(())
        self._again: deque[_Group[_Item]] = deque()
        self._alone: deque[_Group[_Item]] = deque()
        self._calls: dict[Any, _Call[_Item]] = {}
        self._idle: list[Any] = []
        self._room, self._looked = 0, float("-inf")
        self._bad_starts, self._succeeded = 0, time.monotonic()
        self._times_nobody = 0

    def run(self, groups: Iterable[tuple[_Item, ...]]) -> Iterator[_Row]:
        """A row for every item, in the order in which they are done.

        Raises `JobError`, and `KeyboardInterrupt` after the last row where `stop` ended it early.
        """
        self._waiting = (_Group(items) for items in groups)
        self._refill()
        while self._working() or (self._left() and not self._stop()):
            self._hire()
            self._hand_out()
            self._tell_how_busy()
            yield from self._wait()
            yield from self._cut_off()
        if self._left():
            raise KeyboardInterrupt

    def close(self) -> None:
        """Stop the actors, working or not."""
        for actor in [*self._idle, *(call.actor for call in self._calls.values())]:
            ray.kill(actor)
        self._idle.clear()
        self._calls.clear()

    def _left(self) -> bool:
        """Whether anything waits for an actor."""
        return bool(self._again or self._alone)

    def _working(self) -> int:
        return sum(call.group is not None for call in self._calls.values())

    def _tell_how_busy(self) -> None:
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = time.monotonic()
            self._report(sum(len(call.group.items) for call in self._calls.values() if call.group))

    def _hire(self) -> None:
        """Start actors up to the cluster's room, but no more than there are groups."""
        if self._stop():
            return
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._room, self._looked = max(1, self._size()), time.monotonic()
        self._refill()
        wanted = min(self._room, len(self._again) + len(self._alone) + self._working())
        for _ in range(wanted - len(self._idle) - len(self._calls)):
            actor = self._start()
            deadline = time.monotonic() + START_SECONDS
            self._calls[actor.open.remote(next(self._kits))] = _Call(actor, None, deadline)

    def _refill(self) -> None:
        """As many groups at hand as there may be actors: keys of a million photos need not all lie here."""
        while len(self._again) <= self._room and (group := next(self._waiting, None)) is not None:
            self._again.append(group)

    def _hand_out(self) -> None:
        while self._idle and not self._stop() and (group := self._next()) is not None:
            if group.losses and not self._anybody_answers():
                self._queue_of(group).appendleft(group)
                return
            actor = self._idle.pop()
            deadline = time.monotonic() + self._item_seconds * len(group.items)
            self._calls[actor.run.remote(group.items)] = _Call(actor, group, deadline)

    def _anybody_answers(self) -> bool:
        """Drop the idle actors that are gone; whether any is left."""
        asked = {actor.here.remote(): actor for actor in self._idle}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
        self._idle = [asked.pop(reference) for reference in answered if _is_good(reference)]
        for gone in asked.values():
            ray.kill(gone)
        # While anybody works, starts may go on failing: there may be one bad machine among good ones.
        self._times_nobody += not self._idle and not self._working()
        if self._times_nobody >= _BAD_STARTS:
            raise JobError("workers die as soon as they have started, whatever they are given")
        return bool(self._idle)

    def _next(self) -> _Group[_Item] | None:
        self._refill()
        if self._again:
            return self._again.popleft()
        if self._alone and not self._working():
            return self._alone.popleft()
        return None

    def _wait(self) -> Iterator[_Row]:
        if not self._calls:
            return
        first = min(call.deadline for call in self._calls.values())
        seconds = max(0.05, min(1.0, first - time.monotonic()))
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=seconds)
        for reference in ready:
            yield from self._take(reference)

    def _take(self, reference: Any) -> Iterator[_Row]:
        call = self._calls.pop(reference)
        try:
            rows = ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, WorkerLost):
                yield from self._lost_beside(call, error.cause)
                return
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except RayError as error:
            yield from self._lost(call, type(error).__name__, Again.KILLED_WORKER)
            return
        self._idle.append(call.actor)
        self._bad_starts, self._succeeded = 0, time.monotonic()
        if call.group is not None:
            self._times_nobody = 0
        yield from rows or ()

    def _cut_off(self) -> Iterator[_Row]:
        late = [at for at, call in self._calls.items() if call.deadline < time.monotonic()]
        for reference in late:
            yield from self._lost(self._calls.pop(reference), "it took too long", Again.TIMED_OUT)

    def _lost(self, call: _Call[_Item], what: str, why: Again) -> Iterator[_Row]:
        """The actor is gone, or has to go."""
        ray.kill(call.actor)
        if call.group is not None:
            yield from self._try_again(call.group, what, why)
            return
        _log.warning("a worker could not be started (%s)", what)
        self._note(None, Again.NOT_STARTED, what)
        timed_out = why is Again.TIMED_OUT
        self._bad_starts += not timed_out
        nobody = not self._working() and not self._idle
        if self._bad_starts >= _BAD_STARTS or (timed_out and nobody):
            raise JobError(f"workers cannot be started: {what}")

    def _lost_beside(self, call: _Call[_Item], error: WorkerLost) -> Iterator[_Row]:
        """The actor lives, but another process that it needed is gone."""
        self._idle.append(call.actor)
        if call.group is None or time.monotonic() - self._succeeded > START_SECONDS:
            raise JobError(f"{error}, and nothing has worked since for {START_SECONDS / 60:.0f} minutes")
        if error.blameless:
            self._queue(self._again, call.group, Again.NO_GPU_READY, error.problem)
        else:
            yield from self._try_again(call.group, error.problem, Again.GPU_LOST)

    def _try_again(self, group: _Group[_Item], what: str, why: Again) -> Iterator[_Row]:
        first = getattr(group.items[0], "key", "")
        _log.warning("a worker was lost (%s) at %s; its work is tried again", what, first)
        timed_out = why is Again.TIMED_OUT
        losses, late = group.losses + (not timed_out), group.late + timed_out
        if len(group.items) > 1:
            for item in group.items:
                self._queue(self._again, _Group((item,), losses, late), why, what)
        elif losses >= GIVEN_UP or late >= TOO_LATE:
            yield self._give_up(group.items[0], timed_out)
        else:
            suspect = _Group(group.items, losses, late)
            self._queue(self._queue_of(suspect), suspect, why, what)

    def _queue_of(self, group: _Group[_Item]) -> deque[_Group[_Item]]:
        return self._alone if group.losses >= ALONE else self._again

    def _queue(self, queue: deque[_Group[_Item]], group: _Group[_Item], why: Again, what: str) -> None:
        queue.append(group)
        for item in group.items:
            self._note(item, why, what)


def _is_good(reference: Any) -> bool:
    """Whether an answer that has come is one, and not an error."""
    try:
        ray.get(reference)
    except RayError:
        return False
    return True
