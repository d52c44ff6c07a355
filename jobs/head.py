"""The seam to a Ray cluster's head: jobs are listed, submitted, stopped and followed there."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from jobs.package import Package
from pipeline.errors import JobError

WAITS = (2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before each further try while a head that has just started has nobody yet to run a job."""
_NOT_YET = "No available agent"


class State(StrEnum):
    """Of a job, in Ray's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def over(self) -> bool:
        """Whether it stays so."""
        return self not in (State.PENDING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """A submitted job. `exit_code` of its own process, None while it runs and where it never ended by itself;
    `message` Ray's.
    """

    id: str
    state: State
    exit_code: int | None
    message: str


class Head(Protocol):
    """Every method raises `JobError` where the head cannot be spoken to."""

    def jobs(self) -> list[Job]:
        """All that the cluster remembers."""

    def submit(self, job: str, entrypoint: str, package: Package) -> bool:
        """Start it; False if there is a job of that id already."""

    def stop(self, job: str) -> None:
        """Ask it to stop: SIGTERM, and after some seconds SIGKILL."""

    def tail(self, job: str) -> Iterator[str]:
        """What it prints, from its beginning until it is over."""


class RayHead:
    """A head by its dashboard's address, such as http://head:8265. Raises `JobError` for another address."""

    def __init__(self, address: str) -> None:
        # Ray takes `head:8265` for a cluster to join, and asks there for half a minute.
        if not address.startswith(("http://", "https://")):
            raise JobError(f"{address}: this is no dashboard's address; write it as http://HEAD:8265")
        from ray.job_submission import JobSubmissionClient

        self._address = address
        with self._told():
            self._client: Any = JobSubmissionClient(address)

    def jobs(self) -> list[Job]:
        """All that were submitted; drivers that joined the cluster by themselves are none."""
        with self._told():
            found = self._client.list_jobs()
        return [
            Job(each.submission_id, State(each.status.value), each.driver_exit_code, each.message or "")
            for each in found
            if each.submission_id
        ]

    def submit(self, job: str, entrypoint: str, package: Package) -> bool:
        """Start `entrypoint` in the package's code. Ray refuses an id that it has seen before."""
        env = {"working_dir": str(package.code), "py_modules": [str(package.templates)]}
        with self._told():
            for wait in (*WAITS, None):
                try:
                    self._client.submit_job(entrypoint=entrypoint, submission_id=job, runtime_env=env)
                    return True
                except RuntimeError as error:
                    if any(each.id == job for each in self.jobs()):
                        return False
                    if wait is None or _NOT_YET not in str(error):
                        raise
                    time.sleep(wait)
        return False

    def stop(self, job: str) -> None:
        """Ask it to stop."""
        with self._told():
            self._client.stop_job(job)

    def tail(self, job: str) -> Iterator[str]:
        """What it prints, as it comes."""
        loop, chunks = asyncio.new_event_loop(), self._client.tail_job_logs(job)
        try:
            with self._told():
                while True:
                    try:
                        chunk = loop.run_until_complete(anext(chunks))
                    except StopAsyncIteration:
                        return
                    yield chunk
        finally:
            loop.run_until_complete(chunks.aclose())
            loop.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the client raises into one line."""
        import aiohttp
        import requests
        from ray.exceptions import AuthenticationError, RayError

        # What Ray's client raises, and what it lets through.
        unreachable = (
            RuntimeError,
            RayError,
            ConnectionError,
            requests.RequestException,
            aiohttp.ClientError,
        )
        try:
            yield
        except AuthenticationError as error:
            first = str(error).partition("\n")[0]
            raise JobError(
                f"{self._address}: {first}; set RAY_AUTH_MODE=token and give the cluster's token"
            ) from error
        except unreachable as error:
            first = str(error).partition("\n")[0]
            raise JobError(
                f"{self._address}: {first}; is this the Ray dashboard's address, and is the head running?"
            ) from error
