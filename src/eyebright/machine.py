"""What this machine has, and what it is called in a report."""

import os
import platform
from importlib import metadata
from pathlib import Path


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
