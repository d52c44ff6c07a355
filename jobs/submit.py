"""One job for one thing to be done: refused while it runs and once it is done, continued where it broke off.

A job's id names what it does (`banners-<campaign>-<date>`), and Ray takes each id once: of two who submit at
the same time one is refused. A job that failed or was cancelled may be submitted again, as `<id>-2` and so
on.
"""

import time
from collections.abc import Callable, Iterable

from jobs.head import Head, Job, State
from jobs.package import Package
from pipeline.errors import JobError

ALREADY = 4
"""Exit code of `banners submit` where there is such a job."""
NEVER_ENDED = 5
"""Exit code of following a job that was cancelled, killed or lost with its machine."""
POLL_SECONDS = 2.0
AWAY_SECONDS = 600.0
"""How long following goes on asking a head that does not answer. One that lost its machine is back within
minutes, once another machine has started and pulled the image; nobody comes back after ten.
"""
FORGOTTEN = "the head does not know it any more"
"""What became of a job whose head came back empty: with its memory went the job itself, which ran there."""


class Already(JobError):
    """There is such a job; the message says how it stands and how to follow it."""

    def __init__(self, job: Job, address: str) -> None:
        ended = f" with exit code {job.exit_code}" if job.exit_code is not None else ""
        super().__init__(
            f"{job.id} was submitted before: {job.state}{ended}; follow it: {follow_words(job.id, address)}"
        )


def follow_words(job: str, address: str) -> str:
    """The command that shows a job's output."""
    return f"ray job logs --address {address} --follow {job}"


def submit(head: Head, name: str, entrypoint: str, package: Package, *, address: str) -> str:
    """Start the job of that `name`; its id. Raises `Already` where one runs, waits, or is done."""
    attempts = attempts_of(head.jobs(), name)
    last = attempts[-1] if attempts else None
    if last is not None and (not last.state.over or last.state is State.SUCCEEDED):
        raise Already(last, address)
    job = f"{name}-{len(attempts) + 1}" if attempts else name
    if not head.submit(job, entrypoint, package):  # somebody was quicker
        raise Already(attempts_of(head.jobs(), name)[-1], address)
    return job


def cancel(head: Head, name: str, *, seconds: float, sleep: Callable[[float], None] = time.sleep) -> Job:
    """Stop the job of that `name` and wait at most `seconds` until it is over. Raises `JobError`."""
    attempts = attempts_of(head.jobs(), name)
    if not attempts or attempts[-1].state.over:
        state = f"the last one is {attempts[-1].state}" if attempts else "it was never submitted"
        raise JobError(f"{name}: no such job is running: {state}")
    head.stop(attempts[-1].id)
    for _ in range(max(1, round(seconds / POLL_SECONDS))):
        job = attempts_of(head.jobs(), name)[-1]
        if job.state.over:
            return job
        sleep(POLL_SECONDS)
    raise JobError(f"{attempts[-1].id}: still running after {seconds:.0f} s; look at its log")


def follow(
    head: Head,
    job: str,
    write: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Job:
    """Pass on what it prints until it is over; how it ended. A lost connection ends only the printing.

    Raises `JobError` where the head then stays away for `AWAY_SECONDS`.
    """
    try:
        for chunk in head.tail(job):
            write(chunk)
    except JobError as error:
        write(f"the log is lost, the job is not: {error}\n")
    return _ended(head, job, sleep, clock)


def _ended(head: Head, job: str, sleep: Callable[[float], None], clock: Callable[[], float]) -> Job:
    """The job once it is over. Raises `JobError` where nobody answers for `AWAY_SECONDS`."""
    answered = clock()
    while True:
        try:
            found = next((each for each in head.jobs() if each.id == job), None)
        except JobError as error:
            # By the clock, not by tries: one try takes minutes where packets get lost.
            if clock() - answered >= AWAY_SECONDS:
                minutes = f"{AWAY_SECONDS / 60:.0f} minutes"
                raise JobError(f"{job}: nobody has answered for {minutes}: {error}") from error
        else:
            if found is None:
                return Job(job, State.FAILED, None, FORGOTTEN)
            if found.state.over:
                return found
            answered = clock()
        sleep(POLL_SECONDS)


def exit_code(job: Job) -> int:
    """What following it ends with: the job's own exit code, not that of whoever submitted it."""
    if job.state is State.STOPPED or job.exit_code is None or job.exit_code < 0:
        return 0 if job.state is State.SUCCEEDED else NEVER_ENDED
    return job.exit_code


def attempts_of(jobs: Iterable[Job], name: str) -> list[Job]:
    """The jobs of that name, in the order of their attempts."""
    found = {each.id: each for each in jobs}
    attempts = [found[name]] if name in found else []
    while (after := f"{name}-{len(attempts) + 1}") in found:
        attempts.append(found[after])
    return attempts
