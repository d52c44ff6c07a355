"""The pool's bookkeeping, on a Ray that is only played: who is tried again, given up on, or spared."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError

from jobs import pool as pool_module
from jobs.pool import GIVEN_UP, START_SECONDS, TOO_LATE, Pool
from pipeline.errors import JobError, StoreError, WorkerLost
from pipeline.runner import never

ITEM_SECONDS = 10.0


@dataclass
class Play:
    """A cluster of actors that do what their items say, on a clock of its own.

    An item is a word: `deadly` kills its actor, `shaky` the first two, `endless` never answers, `unlucky` and
    `blameless` lose another process that the actor needs, `broken` stops everything. `lives` says how an
    actor starts; a `short` one dies right after that.
    """

    room: int = 2
    lives: Callable[[int], str] = lambda number: "fine"
    now: float = 0.0
    started: int = 0
    runs: list[tuple[str, ...]] = field(default_factory=list)
    again: list[tuple[str | None, str]] = field(default_factory=list)
    reports: list[tuple[float, int]] = field(default_factory=list)
    actors: list[Any] = field(default_factory=list)

    def start(self) -> Any:
        self.started += 1
        actor = SimpleNamespace(end=self.lives(self.started))
        actor.open = SimpleNamespace(remote=lambda kit: self.open(actor))
        actor.run = SimpleNamespace(remote=lambda items: self.run(actor, items))
        actor.here = SimpleNamespace(remote=lambda: Answer(actor, ()))
        self.actors.append(actor)
        return actor

    def open(self, actor: Any) -> "Answer":
        if actor.end == "short":
            actor.end = "dead"
            return Answer(SimpleNamespace(end="fine"), ())
        return Answer(actor, ())

    def run(self, actor: Any, items: tuple[str, ...]) -> "Answer":
        self.runs.append(items)
        if items == ("shaky",) and self.runs.count(items) <= 2:
            actor.end = "dead"
        return Answer(actor, items)

    def monotonic(self) -> float:
        return self.now

    def wait(
        self, answers: list["Answer"], *, num_returns: int, timeout: float
    ) -> tuple[list[Any], list[Any]]:
        ready = [answer for answer in answers if not answer.hangs()][:num_returns]
        self.now += 0.1 if ready else timeout
        return ready, []

    def get(self, answer: "Answer") -> list[str] | None:
        return answer.value()


@dataclass(eq=False)
class Answer:
    actor: Any
    items: tuple[str, ...]

    def hangs(self) -> bool:
        return self.actor.end == "pending" or any(item.startswith("endless") for item in self.items)

    def value(self) -> list[str] | None:
        if self.actor.end == "dead" or any(item.startswith("deadly") for item in self.items):
            raise ActorDiedError()
        for item in self.items:
            cause = self._cause(item)
            if cause is not None:
                raise RayTaskError("run", "", cause)
        return [f"{item} done" for item in self.items] or None

    def _cause(self, item: str) -> Exception | None:
        causes = {
            "unlucky": WorkerLost("the GPU was lost"),
            "blameless": WorkerLost("no GPU is ready", blameless=True),
            "broken": StoreError("no such bucket"),
        }
        return causes.get(item)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    made = Play()
    played = SimpleNamespace(put=lambda kit: kit, wait=made.wait, get=made.get, kill=lambda actor: None)
    monkeypatch.setattr(pool_module, "ray", played)
    monkeypatch.setattr(pool_module, "time", made)
    return made


def run(play: Play, groups: Iterable[tuple[str, ...]], stop: Callable[[], bool] = never) -> Iterator[str]:
    pool: Pool[str, str] = Pool(
        play.start,
        ["kit"],
        size=lambda: play.room,
        item_seconds=ITEM_SECONDS,
        give_up=lambda item, timed_out: f"{item} {'late' if timed_out else 'lost'}",
        stop=stop,
        note=lambda item, why, detail: play.again.append((item, str(why))),
        report=lambda at_work: play.reports.append((play.now, at_work)),
    )
    return pool.run(groups)


def test_every_item_gets_one_row(play: Play) -> None:
    assert sorted(run(play, [("a", "b"), ("c",), ("d",)])) == ["a done", "b done", "c done", "d done"]


def test_a_deadly_item_is_given_up_and_its_group_is_not(play: Play) -> None:
    rows = sorted(run(play, [("a", "deadly", "b"), ("c",)]))

    assert rows == ["a done", "b done", "c done", "deadly lost"]
    assert sum("deadly" in items for items in play.runs) == GIVEN_UP


def test_a_suspect_is_at_last_tried_with_nothing_beside_it(play: Play) -> None:
    list(run(play, [("deadly",), ("a",), ("b",), ("c",)]))

    assert play.runs[-2:] == [("deadly",), ("deadly",)]


def test_two_deadly_items_cost_nobody_else_anything(play: Play) -> None:
    rows = sorted(run(play, [("deadly 1",), ("deadly 2",), ("a",)]))

    assert rows == ["a done", "deadly 1 lost", "deadly 2 lost"]


def test_actors_that_died_at_rest_are_held_against_nobody(play: Play) -> None:
    play.room = 6
    rows = run(play, [(name,) for name in ("shaky", "a", "b", "c", "d", "e")])
    others = [next(rows) for _ in range(5)]

    for actor in play.actors:
        actor.end = "dead"

    assert sorted(others) == ["a done", "b done", "c done", "d done", "e done"]
    assert list(rows) == ["shaky done"]
    assert play.runs.count(("shaky",)) == 3


def test_workers_that_do_not_outlive_their_start_stop_the_run(play: Play) -> None:
    play.lives = lambda number: "fine" if number == 1 else "short"

    with pytest.raises(JobError, match="workers die as soon as they have started"):
        list(run(play, [("shaky",)]))


def test_workers_that_do_not_outlive_their_start_stop_nobody_who_works(play: Play) -> None:
    play.lives = lambda number: "short" if 3 <= number <= 9 else "fine"

    rows = run(play, [("endless",), ("shaky",)])

    assert sorted(rows) == ["endless late", "shaky done"]


def test_an_endless_item_is_cut_off_at_its_time_and_tried_once_more(play: Play) -> None:
    rows = sorted(run(play, [("endless",), ("a",)]))

    assert rows == ["a done", "endless late"]
    assert play.runs.count(("endless",)) == TOO_LATE
    assert play.now < (TOO_LATE + 1) * ITEM_SECONDS


def test_endless_items_do_not_wait_for_each_other(play: Play) -> None:
    play.room = 4

    list(run(play, [(f"endless {n}",) for n in range(4)]))

    assert play.now < (TOO_LATE + 1) * ITEM_SECONDS


def test_an_item_that_loses_another_process_each_time_is_given_up(play: Play) -> None:
    assert sorted(run(play, [("unlucky",), ("a",)])) == ["a done", "unlucky lost"]


def test_an_item_that_never_got_there_is_not_blamed(play: Play) -> None:
    with pytest.raises(JobError, match="no GPU is ready"):
        list(run(play, [("blameless",)]))
    assert len(play.runs) > GIVEN_UP
    assert play.now >= START_SECONDS


def test_what_stops_everything_is_raised_as_it_is(play: Play) -> None:
    with pytest.raises(StoreError, match=r"^no such bucket$"):
        list(run(play, [("broken",)]))


def test_workers_that_die_as_they_start_are_replaced(play: Play) -> None:
    play.lives = lambda number: "dead" if number in (1, 3) else "fine"

    assert sorted(run(play, [("a",), ("b",), ("c",)])) == ["a done", "b done", "c done"]


def test_a_cluster_on_which_no_worker_starts_stops_the_run(play: Play) -> None:
    play.lives = lambda number: "dead"

    with pytest.raises(JobError, match="workers cannot be started"):
        list(run(play, [("a",)]))


def test_a_cluster_without_room_stops_the_run_after_a_while(play: Play) -> None:
    play.lives = lambda number: "pending"

    with pytest.raises(JobError, match="it took too long"):
        list(run(play, [("a",)]))


def test_a_worker_that_finds_no_room_stops_nobody_who_has_some(play: Play) -> None:
    play.lives = lambda number: "fine" if number == 1 else "pending"

    rows = list(run(play, ((f"{n}",) for n in range(round(START_SECONDS * 12)))))

    assert len(rows) == round(START_SECONDS * 12)
    assert play.now > START_SECONDS


def test_the_pool_grows_with_the_cluster(play: Play) -> None:
    play.room = 1
    rows = run(play, ((f"{n}",) for n in range(500)))
    next(rows)
    alone = play.started

    play.room = 3
    list(rows)

    assert (alone, play.started) == (1, 3)


def test_no_more_workers_than_groups_are_started(play: Play) -> None:
    play.room = 8

    list(run(play, [("a",), ("b",)]))

    assert play.started == 2


def test_groups_are_taken_as_they_are_needed(play: Play) -> None:
    taken: list[int] = []

    def groups() -> Iterator[tuple[str, ...]]:
        for number in range(1000):
            taken.append(number)
            yield (str(number),)

    next(run(play, groups()))

    assert len(taken) < 10


def test_asked_to_stop_it_finishes_what_it_has_begun(play: Play) -> None:
    asked = False
    rows = run(play, [("a",), ("b",), ("c",), ("d",)], lambda: asked)
    first = next(rows)

    asked = True
    begun = len(play.runs)
    with pytest.raises(KeyboardInterrupt):
        list(collected := _collect(rows))

    assert first == "a done"
    assert len(play.runs) == begun < 4
    assert collected.rows == [f"{items[0]} done" for items in play.runs[1:]]


class _collect(Iterator[str]):
    """Keeps what came before an exception."""

    def __init__(self, rows: Iterator[str]) -> None:
        self._from, self.rows = rows, []

    def __next__(self) -> str:
        self.rows.append(next(self._from))
        return self.rows[-1]


@pytest.mark.parametrize(
    ("item", "why", "times"),
    [
        ("deadly", "killed_worker", GIVEN_UP - 1),
        ("endless", "timed_out", TOO_LATE - 1),
        ("unlucky", "gpu_lost", GIVEN_UP - 1),
    ],
)
def test_each_further_try_is_told_with_its_reason(play: Play, item: str, why: str, times: int) -> None:
    list(run(play, [(item,), ("a",)]))

    assert play.again == [(item, why)] * times


def test_a_group_that_is_tried_again_is_told_item_by_item(play: Play) -> None:
    list(run(play, [("a", "deadly")]))

    assert play.again[:2] == [("a", "killed_worker"), ("deadly", "killed_worker")]


def test_an_item_that_waits_for_a_gpu_is_told_as_that(play: Play) -> None:
    with pytest.raises(JobError):
        list(run(play, [("blameless",)]))

    assert set(play.again) == {("blameless", "no_gpu_ready")}


def test_a_worker_that_did_not_start_is_told_without_an_item(play: Play) -> None:
    play.lives = lambda number: "dead" if number == 1 else "fine"

    list(run(play, [("a",)]))

    assert play.again == [(None, "not_started")]


def test_it_says_how_much_is_worked_on_also_while_nothing_ends(play: Play) -> None:
    list(run(play, [("endless",), ("a", "b")]))

    times = [at for at, _ in play.reports]
    assert {at_work for _, at_work in play.reports} >= {0, 1}
    assert max(at_work for _, at_work in play.reports) <= 3
    assert all(1.0 <= later - earlier < 2.2 for earlier, later in pairwise(times))


def test_asked_to_stop_after_the_last_item_it_is_done(play: Play) -> None:
    assert list(run(play, [], stop=lambda: True)) == []
