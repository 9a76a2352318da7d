import ctypes
import os
import platform
import resource
import subprocess
import sys
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from eyebright.system import machine


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_cores_are_those_that_the_process_may_use():
    code = (
        "import os; from eyebright.system import machine\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(machine.cores())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize(("chosen", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_somebody_chose_otherwise(monkeypatch, chosen, expected):
    monkeypatch.setenv("OMP_WAIT_POLICY", chosen or "")
    if chosen is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    machine.yield_when_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("processor\t: 0\nmodel name\t: Quick (R) CPU: 5\n", "Quick (R) CPU: 5"),
        ("processor\t: 0\n", platform.machine()),
    ],
)
def test_the_processor_is_called_what_the_system_calls_it(monkeypatch, found, expected):
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: found)
    assert machine.processor() == expected


def test_versions_are_those_of_the_parts():
    found = machine.versions()
    assert (found["python"], found["numpy"]) == (platform.python_version(), np.__version__)
    assert {"eyebright", "torch", "openvino", "onnx", "pillow"} <= found.keys()


def test_parts_that_are_not_installed_are_left_out(monkeypatch):
    installed = metadata.version

    def version(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(machine, "_version", machine._version.__wrapped__)
    assert machine.versions().keys() == {"python", "eyebright", "openvino", "onnx", "numpy", "pillow"}


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/a/b", {}, 8 * GB),
        ("0::/a/b", {"a/b/memory.max": "max", "a/b/memory.current": str(GB)}, 8 * GB),
        ("0::/a/b", {"a/b/memory.max": str(3 * GB), "a/b/memory.current": str(2 * GB)}, GB),
        ("0::/a/b", {"a/memory.max": str(3 * GB), "a/memory.current": str(2 * GB)}, GB),
        ("0::/", {"memory.max": str(3 * GB), "memory.current": str(2 * GB),
                  "memory.stat": f"anon 7\ninactive_file {GB // 2}\n"}, GB + GB // 2),
        ("4:memory:/a", {"memory/a/memory.limit_in_bytes": str(3 * GB), "memory/a/memory.usage_in_bytes": str(2 * GB)},
         GB),
        ("4:pids:/a", {"pids/a/memory.max": "1", "pids/a/memory.current": "0"}, 8 * GB),
        ("0::/a", {"a/memory.max": str(GB), "a/memory.current": str(2 * GB)}, 0),
    ],
)  # fmt: skip
def test_free_memory_is_that_of_the_narrowest(group, files, expected, tmp_path, monkeypatch):
    def write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    monkeypatch.setattr(machine, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path / "groups")
    assert machine.free_memory_bytes() == sys.maxsize
    write(tmp_path / "proc" / "meminfo", f"MemTotal: 1 kB\nMemAvailable:    {8 * GB // 1024} kB\n")
    write(tmp_path / "proc" / "self" / "cgroup", group + "\n")
    for name, text in files.items():
        write(tmp_path / "groups" / name, text)
    assert machine.free_memory_bytes() == expected


FAULTS = """
import resource, sys
import numpy as np
if sys.argv[1] != "return":
    from eyebright.system.machine import keep_freed_memory
    assert keep_freed_memory(*(2**20 * int(most) for most in sys.argv[2:]))
for _ in range(3):
    np.full(8 * 2**20, 1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.full(8 * 2**20, 1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_freed_memory_is_handed_out_again_without_page_faults():
    def faults(*mode: str) -> int:
        command = [sys.executable, "-c", FAULTS, *mode]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    pages = 8 * 2**20 * 8 // resource.getpagesize()
    assert faults("keep") < pages / 10
    assert faults("keep", "128") < pages / 10
    assert faults("keep", "32") > 100  # these arrays have 64 MB, which are at least 32 pages


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("touched the C library"))
    assert machine.keep_freed_memory() is False


def test_a_c_library_without_the_call_is_left_alone(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert machine.keep_freed_memory() is False


@pytest.mark.skipif(sys.platform != "linux", reason="the stack of signals is set as on Linux")
def test_the_stack_of_signals_is_kept():
    libc, now = ctypes.CDLL(None), machine._SignalStack()
    content = ctypes.create_string_buffer(65_536)
    libc.sigaltstack(None, ctypes.byref(now))
    before = (now.start, now.flags, now.size)
    with machine.signal_stack_kept():
        other = machine._SignalStack(ctypes.addressof(content), 0, len(content))
        assert libc.sigaltstack(ctypes.byref(other), None) == 0
    libc.sigaltstack(None, ctypes.byref(now))
    assert (now.start, now.flags, now.size) == before


def test_what_libraries_write_is_discarded_and_only_then(capfd):
    with machine.chatter_discarded():
        os.write(2, b"a delegate was made\n")
        sys.stderr.write("100%")
        warnings.warn("experimental", stacklevel=1)
    os.write(2, b"an error\n")
    assert capfd.readouterr() == ("", "an error\n")
