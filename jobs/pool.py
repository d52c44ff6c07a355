"""A pool of Ray actors that loses nothing when one of them dies.

Actors are fed keys in small groups, one group at a time each, so the driver always knows whose work a dead
actor was doing. (Ray Data would cost ten times as much a photo, and drops healthy rows beside a failing one.)
An item that keeps losing its actor is first tried by itself, then with nothing else running, then given up on
with a row that says so: a photo that crashes the decoder costs three actors, never the night.
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

from pipeline.errors import JobError

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_Row = TypeVar("_Row")

ALONE = 2
"""From so many losses on, an item runs with nothing beside it."""
GIVEN_UP = 3
START_SECONDS = 600.0
"""A cluster that starts no worker for so long is full or broken."""
_BAD_STARTS = 3


class Worker(Generic[_Item, _Row]):
    """The actor: opens its kit once, then runs groups of items."""

    def __init__(self, step: Callable[[_Item, Any], _Row]) -> None:
        self._step = step
        self._tools: Any = None

    def open(self, kit: Any) -> None:
        """Load what the work needs. Not in `__init__`, whose errors Ray reports as a dead actor."""
        self._tools = kit.open()

    def run(self, items: tuple[_Item, ...]) -> list[_Row]:
        """One row for each item."""
        return [self._step(item, self._tools) for item in items]


@dataclass(frozen=True, slots=True)
class _Group(Generic[_Item]):
    items: tuple[_Item, ...]
    losses: int = 0


@dataclass(frozen=True, slots=True)
class _Call(Generic[_Item]):
    """What an actor is doing; `group` None while it opens its kit. `deadline` on the monotonic clock."""

    actor: Any
    group: _Group[_Item] | None
    deadline: float


class Pool(Generic[_Item, _Row]):
    """`start` makes an actor, which gets the next of `kits` in turn; `item_seconds` is what one item may
    take; `give_up(item, timed_out)` makes the row of an item that cannot be run.
    """

    def __init__(
        self,
        start: Callable[[], Any],
        kits: Sequence[Any],
        *,
        size: int,
        item_seconds: float,
        give_up: Callable[[_Item, bool], _Row],
    ) -> None:
        self._start, self._size = start, size
        self._kits = cycle([ray.put(kit) for kit in kits])
        self._item_seconds, self._give_up = item_seconds, give_up
        self._queue: deque[_Group[_Item]] = deque()
        self._alone: deque[_Group[_Item]] = deque()
        self._calls: dict[Any, _Call[_Item]] = {}
        self._idle: list[Any] = []
        self._bad_starts = 0

    def run(self, groups: Iterable[tuple[_Item, ...]]) -> Iterator[_Row]:
        """A row for every item, in the order in which they are done. Raises `JobError`."""
        self._queue.extend(_Group(items) for items in groups)
        for _ in range(min(self._size, len(self._queue))):
            self._open_one()
        while self._queue or self._alone or self._working():
            self._hand_out()
            waited = max(
                0.05, min(1.0, min(call.deadline for call in self._calls.values()) - time.monotonic())
            )
            ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=waited)
            for reference in ready:
                yield from self._take(reference)
            yield from self._cut_off()

    def close(self) -> None:
        """Stop the actors, working or not."""
        for actor in [*self._idle, *(call.actor for call in self._calls.values())]:
            ray.kill(actor)
        self._idle.clear()
        self._calls.clear()

    def _working(self) -> bool:
        return any(call.group is not None for call in self._calls.values())

    def _open_one(self) -> None:
        actor = self._start()
        self._calls[actor.open.remote(next(self._kits))] = _Call(
            actor, None, time.monotonic() + START_SECONDS
        )

    def _hand_out(self) -> None:
        while self._idle and (group := self._next()) is not None:
            actor = self._idle.pop()
            deadline = time.monotonic() + self._item_seconds * len(group.items)
            self._calls[actor.run.remote(group.items)] = _Call(actor, group, deadline)

    def _next(self) -> _Group[_Item] | None:
        if self._queue:
            return self._queue.popleft()
        if self._alone and not self._working():
            return self._alone.popleft()
        return None

    def _take(self, reference: Any) -> Iterator[_Row]:
        call = self._calls.pop(reference)
        try:
            rows = ray.get(reference)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except RayError as error:
            yield from self._lost(call, f"{type(error).__name__}", timed_out=False)
            return
        self._idle.append(call.actor)
        self._bad_starts = 0
        yield from rows or ()

    def _cut_off(self) -> Iterator[_Row]:
        late = [at for at, call in self._calls.items() if call.deadline < time.monotonic()]
        for reference in late:
            call = self._calls.pop(reference)
            yield from self._lost(call, "it took too long", timed_out=True)

    def _lost(self, call: _Call[_Item], why: str, *, timed_out: bool) -> Iterator[_Row]:
        ray.kill(call.actor)
        _log.warning("a worker was lost (%s); its work is tried again", why)
        if call.group is None:
            self._bad_starts += 1
            if self._bad_starts >= _BAD_STARTS or timed_out:
                raise JobError(f"workers cannot be started: {why}")
        else:
            yield from self._try_again(call.group, timed_out)
        if self._queue or self._alone:
            self._open_one()

    def _try_again(self, group: _Group[_Item], timed_out: bool) -> Iterator[_Row]:
        losses = group.losses + (ALONE if timed_out else 1)
        if len(group.items) > 1:
            self._queue.extend(_Group((item,), 1) for item in group.items)
        elif losses >= GIVEN_UP:
            yield self._give_up(group.items[0], timed_out)
        elif losses >= ALONE:
            self._alone.append(_Group(group.items, losses))
        else:
            self._queue.append(_Group(group.items, losses))
