"""What this machine has, and what it is called in a report.

Keep freed memory for the next step instead of giving it back to the system.

Each training step needs the same large buffers. The C library's allocator returns buffers of this size to the kernel
when they are freed, and the kernel hands them out again page by page, zeroed: on the flower network at 180x180 that
costs a quarter of the whole step. Two settings of glibc stop it. Other C libraries are left alone.

Source of the names and numbers: mallopt(3), malloc.h.
"""

import ctypes
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_V2 = "memory.max", "memory.current", "inactive_file"
_V1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory_bytes() -> int:
    """Memory that this process may still take: what the machine has left, or its control group, if that is less.

    What holds files that could be read again counts as free. Where the system tells nothing, there is no end to it.
    """
    told = [line for line in _lines(_PROC / "meminfo") if line.startswith("MemAvailable:")]
    found = [sys.maxsize, *(1024 * int(line.split()[1]) for line in told)]
    for line in _lines(_PROC / "self" / "cgroup"):
        _, controllers, group = line.split(":", 2)
        if controllers in ("", "memory"):
            root, *names = (_CGROUP, *_V2) if not controllers else (_CGROUP / "memory", *_V1)
            inner = root / group.lstrip("/")
            found += [_left(folder, *names) for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    return min(found)


def _left(group: Path, limit: str, used: str, files: str) -> int:
    """What a control group has left, by the names of its files; without a limit there is no end to it."""
    most, taken = (next(iter(_lines(group / name)), "") for name in (limit, used))
    if not (most.isdecimal() and taken.isdecimal()):
        return sys.maxsize
    statistics = dict(line.split() for line in _lines(group / "memory.stat"))
    return max(int(most) - int(taken) + int(statistics.get(files, 0)), 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def yield_when_waiting() -> None:
    """Let torch's threads sleep while they wait for each other; to be called before torch is imported.

    By default they spin, which is no faster on an idle machine, and on one with other work slows training many times:
    a thread that spins holds the core that the one it waits for needs. A choice made outside is respected.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def versions() -> dict[str, str]:
    """Versions of eyebright, of Python, and of the parts that decide about numbers."""
    found = {"python": platform.python_version()}
    for name in ("eyebright", "torch", "openvino", "onnx", "numpy", "pillow"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


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
