"""How a worker's process is set up."""

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import numpy as np
from shm.process import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(64 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keeps":
    keep_memory()
faults()
print(faults())
"""


def faults_of_a_process_that(does: str) -> int:
    """Page faults of twenty arrays of 64 MiB, one after the other."""
    done = subprocess.run([sys.executable, "-c", _FAULTS, does], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to keep memory")
def test_memory_that_is_kept_is_not_asked_for_again() -> None:
    kept, given_back = faults_of_a_process_that("keeps"), faults_of_a_process_that("gives back")

    assert given_back >= 20
    assert kept < given_back / 10
