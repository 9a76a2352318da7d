"""This machine: its cores, memory and processor, the installed versions, and two settings that speed up training.

The settings are made without torch: its threads do not keep a core busy while they wait (`yield_when_waiting`), and
freed memory is used again (`keep_freed_memory`).
"""

import ctypes
import functools
import io
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_V2 = "memory.max", "memory.current", "inactive_file"
_V1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
_SS_DISABLE = 2  # signal.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4  # malloc.h


class _SignalStack(ctypes.Structure):
    """`stack_t` of Linux."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Let no library replace the stack on which this thread handles signals.

    OpenVINO sets one for each plugin that it loads. When plugins are deleted in the order in which they were loaded,
    the last one puts back a stack that is freed already: Ctrl-C would end the process with a segmentation fault.
    """
    if sys.platform != "linux":
        yield
        return
    libc, before = ctypes.CDLL(None), _SignalStack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        before.flags &= _SS_DISABLE
        libc.sigaltstack(ctypes.byref(before), None)


@contextmanager
def chatter_discarded() -> Iterator[None]:
    """Discard warnings and what is written to the standard error, also by libraries that write past Python."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory_bytes() -> int:
    """Memory that this process can still use: the free memory of the machine or, if less, of its control group.

    Memory that only caches files counts as free. Where the system gives no number, the result is `sys.maxsize`.
    """
    available = [line for line in _lines(_PROC / "meminfo") if line.startswith("MemAvailable:")]
    found = [sys.maxsize, *(1024 * int(line.split()[1]) for line in available)]
    for line in _lines(_PROC / "self" / "cgroup"):
        _, controllers, group = line.split(":", 2)
        if controllers in ("", "memory"):
            root, *names = (_CGROUP, *_V2) if not controllers else (_CGROUP / "memory", *_V1)
            inner = root / group.lstrip("/")
            found += [_left(folder, *names) for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    return min(found)


def _left(group: Path, limit: str, used: str, files: str) -> int:
    """Free memory of a control group, given the names of its files; `sys.maxsize` without a limit."""
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
    """Name of the processor, or its architecture if the system does not give a name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def has_nvidia_driver() -> bool:
    """Whether the driver of NVIDIA's GPUs is installed: answered without torch, which takes seconds to import."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def versions(*others: str) -> dict[str, str]:
    """Versions of eyebright, Python and the installed packages that affect the results, and of other packages."""
    names = ("eyebright", "torch", "openvino", "onnx", "numpy", "pillow", *others)
    found = {name: _version(name) for name in names}
    return {"python": platform.python_version()} | {name: version for name, version in found.items() if version}


@functools.cache
def _version(package: str) -> str:
    """The installed version, or "". It is read once: a package's metadata contain its whole README."""
    from importlib import metadata  # slow to import

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def yield_when_waiting() -> None:
    """Let torch's threads sleep while they wait for each other; to be called before torch is imported.

    By default they spin. This is no faster on an idle machine. On a busy one it makes training many times slower: a
    spinning thread holds the core that the thread it waits for needs. An OMP_WAIT_POLICY of the user is kept.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_freed_memory(most_bytes: int | None = None) -> bool:
    """Make glibc keep freed memory for the next allocation; other C libraries are not changed.

    Each training step needs the same large buffers. glibc returns buffers of this size to the kernel when they are
    freed, and the kernel provides them again page by page, filled with zeros: for the flower network at 180x180 this
    takes a quarter of the whole step. The same goes for small images that are decoded one after the other.

    Args:
        most_bytes: Larger buffers are still returned; none unless given.

    Returns:
        Whether the settings were made.

    Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has no mallopt
        return False
    returned = (_M_MMAP_MAX, 0) if most_bytes is None else (_M_MMAP_THRESHOLD, most_bytes)
    return all(
        mallopt(option, value) for option, value in (returned, (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 * 2**20))
    )
