"""SIGTERM: first a wish, then an order."""

import os
import signal
import time

import pytest

from jobs import stopping
from jobs.stopping import Stop


def test_the_first_signal_is_a_wish() -> None:
    stop = Stop()

    with stop.listening():
        before = stop()
        os.kill(os.getpid(), signal.SIGTERM)

    assert (before, stop()) == (False, True)


def test_the_second_signal_is_an_order() -> None:
    stop = Stop()

    with stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "DRAIN_SECONDS", 0.01)

    with Stop().listening():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(60)


def test_whoever_handled_the_signal_before_does_so_again() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)

    with Stop().listening():
        pass

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGALRM)) == before
