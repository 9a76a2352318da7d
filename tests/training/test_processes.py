import os
import signal
from collections.abc import Iterator

import pytest

from eyebright.training import processes
from eyebright.training.processes import ProcessPlace


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Presses Ctrl-C; the handler of the tests returns at the end."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(processes, "_interrupt", processes._Interrupt())
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


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


def test_rank_0_is_interrupted_once(ctrl_c):
    processes.interrupt_only_rank_0()
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()
    ctrl_c()
    assert not processes.interrupted()


def test_a_deferred_interrupt_is_reported_once(ctrl_c):
    processes.interrupt_only_rank_0()
    with processes.interrupt_deferred():
        assert not processes.interrupted()
        ctrl_c()
        ctrl_c()
        assert processes.interrupted()
        assert not processes.interrupted()


def test_a_deferred_interrupt_that_nobody_asked_for_is_raised_at_the_end(ctrl_c):
    processes.interrupt_only_rank_0()
    reached = False
    with pytest.raises(KeyboardInterrupt), processes.interrupt_deferred():
        ctrl_c()
        reached = True
    assert reached and not processes.interrupted()


def test_other_ranks_ignore_an_interrupt(ctrl_c):
    with processes.joined(ProcessPlace(1, 2, 2)):
        processes.interrupt_only_rank_0()
        ctrl_c()
    assert not processes.interrupted()


def test_before_the_processes_join_an_interrupt_ends_each_of_them(ctrl_c):
    processes.interrupt_ends_the_process()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
