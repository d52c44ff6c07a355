"""How a process that works beside others is set up: one thread, and memory that it keeps."""

import ctypes

import cv2

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
_NEVER = 2**31 - 1


def single_thread() -> None:
    """One thread for torch and OpenCV in this process. Each worker calls it first: two processes of two
    threads on two cores spend most of their time waiting for each other (measured: six times the CPU time).
    """
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def keep_memory() -> None:
    """Have the C library keep what is freed instead of giving it back to the kernel, for good.

    A photo takes and frees large pieces, each of which the kernel would hand out anew, zeroed page by page:
    52,000 page faults and a seventh of a photo's time (measured), more where processes fault side by side.
    What is kept is what the largest photo needed. Nothing is done where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _NEVER)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
