import os

import pytest

from eyebright.training import processes
from eyebright.training.processes import ProcessPlace


def test_the_cores_are_divided_among_the_processes_of_a_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes.machine, "cores", lambda: 7)
    for local_size, threads in ((1, 7), (2, 3), (9, 1)):
        with processes.joined(ProcessPlace(0, 9, local_size)):
            assert processes.threads() == threads


def test_only_a_process_that_joins_has_a_place(monkeypatch: pytest.MonkeyPatch):
    """A script that a launcher has started, and that does not know of this, trains alone."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert processes.launched() == (1, 4, 2)
    assert processes.place() == (0, 1, 1)
    with processes.joined(processes.launched()):
        assert processes.place() == (1, 4, 2)
    assert processes.place() == (0, 1, 1)


def test_without_a_launcher_a_process_is_alone(monkeypatch: pytest.MonkeyPatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    assert processes.launched() == ProcessPlace(0, 1, 1) and processes.restarts() == 0


def test_a_launch_is_identified_by_its_name_or_by_the_launching_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "this")
    assert processes.launch_id() == "this"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    first = processes.launch_id()
    assert f"process {os.getppid()}, started at " in first and processes.launch_id() == first


def test_only_rank_0_reacts_to_signals_and_only_once(monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    monkeypatch.setattr(processes.interrupts, "handle", lambda *, once: done.append(f"once {once}"))
    monkeypatch.setattr(processes.interrupts, "ignore", lambda: done.append("ignored"))
    for rank in (0, 1):
        with processes.joined(ProcessPlace(rank, 2, 2)):
            processes.interrupt_only_rank_0()
    assert done == ["once True", "ignored"]
