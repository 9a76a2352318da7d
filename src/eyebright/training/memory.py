"""Keep freed memory for the next step instead of giving it back to the system.

Each training step needs the same large buffers. The C library's allocator returns buffers of this size to the kernel
when they are freed, and the kernel hands them out again page by page, zeroed: on the flower network at 180x180 that
costs a quarter of the whole step. Two settings of glibc stop it. Other C libraries are left alone.

Source of the names and numbers: mallopt(3), malloc.h.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed; returns whether it did."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has no mallopt
        return False
    return all(
        mallopt(option, value)
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 * 2**20))
    )
