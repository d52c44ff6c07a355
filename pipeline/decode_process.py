"""The parent's side of one decoding process: starting, asking, stopping it, and the memory shared with it.

Bytes and pixels change hands in shared memory: a photo of 2 megapixels costs 1 ms more than without a child.
"""

import fcntl
import mmap
import os
import select
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import weakref
from typing import IO

import numpy as np

from pipeline.decode_child import SHARED_BYTES
from pipeline.errors import JobError, Reason, Transient
from pipeline.types import Pixels

CHILD = "pipeline.decode_child"
START_SECONDS = 120.0
"""For starting Python on a busy machine."""

_ANSWER_BYTES = 16_384
_KEPT_BYTES = 32 * 2**20
"""Shared memory that stays in use between photos: what one of 11 megapixels needs."""


class Lost(Exception):
    """A photo lost its process: what to refuse the photo with, should that happen again."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Process:
    """A running `pipeline.decode_child`. Of no use after `Lost` or an interrupted `ask`: stop it then.

    Raises `Transient` where the machine has no room for a process, and `JobError` where it cannot work.
    """

    def __init__(self, cpu_seconds: float) -> None:
        with tempfile.TemporaryFile() as complaints:
            shared_file = _shared_file()
            try:
                self._shared = mmap.mmap(shared_file, SHARED_BYTES)
                self._process = _start(shared_file, cpu_seconds, complaints)
            except OSError as error:
                raise Transient(f"the process that decodes photos cannot be started: {error}") from error
            finally:
                os.close(shared_file)
            self._stop = weakref.finalize(self, _stop, self._process)
            self._wait_until_ready(complaints)

    def ask(self, data: bytes, wall_seconds: float) -> bytes:
        """The child's line on `data`, at most 40 MB of them. Raises `Lost`."""
        self._shared[: len(data)] = data
        deadline = time.monotonic() + wall_seconds
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(b"%d\n" % len(data))
        except BrokenPipeError:
            raise self._lost() from None
        answer = self._answer(deadline)
        if not answer and time.monotonic() >= deadline:
            raise Lost(Reason.TIMED_OUT, f"it was not decoded within {wall_seconds:g} s")
        if not answer:
            raise self._lost()
        return answer

    def pixels(self, height: int, width: int) -> Pixels:
        """A copy of what the child left: uint8 (height, width, 3)."""
        size = 3 * height * width
        pixels = np.frombuffer(self._shared, np.uint8, size).reshape(height, width, 3).copy()
        if size > _KEPT_BYTES:
            self._shared.madvise(mmap.MADV_REMOVE)
        return pixels

    def stop(self) -> None:
        """Kill it. Safe to call twice."""
        self._stop()

    def _wait_until_ready(self, complaints: IO[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        if self._answer(deadline):
            return
        self.stop()
        if time.monotonic() >= deadline:
            raise Transient(f"the process that decodes photos did not start within {START_SECONDS:g} s")
        raise JobError(f"the process that decodes photos cannot be started: {_last_line(complaints)}")

    def _answer(self, deadline: float) -> bytes:
        """A line of at most `_ANSWER_BYTES`; empty if there was none in time or the child is gone."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        line = b""
        while not line.endswith(b"\n") and len(line) < _ANSWER_BYTES:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return b""
            part = os.read(pipe, _ANSWER_BYTES)
            if not part:
                return b""
            line += part
        return line

    def _lost(self) -> Lost:
        """Why the child is gone."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return Lost(Reason.KILLED_WORKER, "the decoder stopped answering each time")
        if code == -signal.SIGPROF:
            return Lost(Reason.TIMED_OUT, "it takes too much processor time to decode")
        how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return Lost(Reason.KILLED_WORKER, f"the decoder died of it each time ({how})")


def _shared_file() -> int:
    """A descriptor of memory that nobody can shrink: touching what is gone would kill the parent."""
    shared_file = os.memfd_create("photo", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(shared_file, SHARED_BYTES)
    fcntl.fcntl(shared_file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return shared_file


def _start(shared_file: int, cpu_seconds: float, complaints: IO[bytes]) -> "subprocess.Popen[bytes]":
    call = f"from {CHILD} import child; child({shared_file}, {cpu_seconds})"
    start = f"import sys; sys.path[:] = {sys.path!r}; {call}"
    # No variable of this process: the bucket's credentials are among them. Python may need its own library.
    environment = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR")), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", start],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        pass_fds=(shared_file,),
        env=environment,
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read().decode(errors="replace").strip().rsplit("\n", 1)[-1] or "it died at once"
