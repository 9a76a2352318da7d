import ctypes
import resource
import subprocess
import sys

import pytest

from eyebright.training import memory

FAULTS = """
import resource, sys
import numpy as np
if sys.argv[1] == "keep":
    from eyebright.training.memory import keep_freed_memory
    assert keep_freed_memory()
for _ in range(3):
    np.full(8 * 2**20, 1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.full(8 * 2**20, 1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_freed_memory_is_handed_out_again_without_page_faults():
    faults = {
        mode: int(
            subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True).stdout
        )
        for mode in ("keep", "return")
    }
    pages = 8 * 2**20 * 8 // resource.getpagesize()
    assert faults["keep"] < pages / 10


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("touched the C library"))
    assert memory.keep_freed_memory() is False


def test_a_c_library_without_the_call_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False
