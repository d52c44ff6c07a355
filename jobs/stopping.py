"""SIGTERM, as schedulers and spot machines send it: what is being made is finished and written down.

Nothing new is begun. A second signal, or `DRAIN_SECONDS`, ends the run where it is: spot machines leave two
minutes, Kubernetes 30 seconds unless told otherwise, and writing down takes some of it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DRAIN_SECONDS = 60.0


class Stop:
    """Whether the run was asked to stop; call it to know."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear SIGTERM, in the main thread; raises `KeyboardInterrupt` there when it takes too long."""
        before = signal.signal(signal.SIGTERM, self._on_term), signal.signal(signal.SIGALRM, _interrupt)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGTERM, before[0])
            signal.signal(signal.SIGALRM, before[1])

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            _interrupt(number, frame)
        self._asked = True
        signal.setitimer(signal.ITIMER_REAL, DRAIN_SECONDS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
