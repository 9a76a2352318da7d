import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from eyebright import machine


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_cores_are_those_that_the_process_may_use():
    code = (
        "import os; from eyebright import machine\n"
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
    ("told", "expected"),
    [
        ("processor\t: 0\nmodel name\t: Quick (R) CPU: 5\n", "Quick (R) CPU: 5"),
        ("processor\t: 0\n", platform.machine()),
    ],
)
def test_the_processor_is_called_what_the_system_calls_it(monkeypatch, told, expected):
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: told)
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
    assert machine.versions().keys() == {"python", "eyebright", "openvino", "onnx", "numpy", "pillow"}
