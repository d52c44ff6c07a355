"""A child process limits itself as far as it may, also where a hard limit is set already."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Shop

ROOT = Path(__file__).parent.parent
GIB = 2**30


def after(hard: int, asked: int) -> tuple[int, ...]:
    """The limits on memory, soft and hard, of a process with that hard limit that `asked` for its own."""
    code = (
        "import resource; from pipeline.ceiling import lower; kind = resource.RLIMIT_AS;"
        f"resource.setrlimit(kind, ({hard}, {hard})); lower(kind, {asked}); print(*resource.getrlimit(kind))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split()))


@pytest.mark.parametrize(
    ("hard", "asked", "limits"),
    [
        (resource.RLIM_INFINITY, 2 * GIB, (2 * GIB, resource.RLIM_INFINITY)),
        (4 * GIB, 2 * GIB, (2 * GIB, 4 * GIB)),
        (4 * GIB, 4 * GIB + 1, (4 * GIB, 4 * GIB)),
    ],
)
def test_a_process_gets_what_it_asks_for_up_to_its_hard_limit(
    hard: int, asked: int, limits: tuple[int, int]
) -> None:
    assert after(hard, asked) == limits


def test_a_campaign_can_be_checked_under_hard_limits(shop: Shop) -> None:
    command = f"ulimit -v 6000000; ulimit -t 600; exec {sys.executable} -m jobs check {shop.campaign}"

    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
