"""Two processes on this machine, as `torchrun` starts them, compared with one process.

Nothing here depends on time: the processes wait for each other, and the tests for their exit codes. A process ends when
its standard input is closed, so that none outlives the tests, whatever becomes of them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributed import TCPStore

from eyebright.training.torch.distributed import ALONE, Group, group

LAST_RESORT_S = 300
SCRIPT = """
import json, os, signal, sys, threading
from contextlib import contextmanager, suppress
import numpy as np
from pathlib import Path
from eyebright.data.dataset import Dataset
from eyebright.data.pictures import Preparation
from eyebright.data.prepare import split
from eyebright.network import initial_weights, zoo
from eyebright.system import interrupts
from eyebright.system.errors import SettingsError
from eyebright.training import processes, trainer
from eyebright.training.events.event import StepDone
from eyebright.training.events.fitting import EpochEnded
from eyebright.training.settings import Settings
from eyebright.training.torch.distributed import Group
from eyebright.training.torch.learner import Learner

threading.Thread(target=lambda: (os.read(0, 1), os._exit(9)), daemon=True).start()
PICTURES, FOLDER, CHANGES = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
RANK = processes.launched().rank
RECIPE = {"accumulation": 2, "clip_norm": 1.0, "class_weights": "balanced", "ema": 0.9, "threads": 1, "batch_size": 8}

def train(emit=lambda event: None, folder=None, **changes):
    dataset = Dataset.from_folder(PICTURES)
    pack, fitting = dataset.pack(Preparation(width=16, height=16)), trainer()
    sides = split(dataset, pack)
    material = fitting.Material(pack, dataset.labels, np.flatnonzero(sides == 0), np.flatnonzero(sides == 1))
    network = zoo.flowers_cnn(3, input_size=16, dropout=CHANGES.get("dropout", 0))
    settings = Settings(epochs=3, precision="float32", seed=5, keep_start_if_better=True).changed(RECIPE | changes)
    resume = folder is not None and folder.exists()
    return fitting.fit(network, initial_weights(network, 5), material, settings, emit=emit,
                       checkpoint_folder=folder, resume=resume)

def curve_of(**changes):
    curve = []
    def emit(event):
        if isinstance(event, StepDone):
            curve.append(event.loss)
        elif isinstance(event, EpochEnded):
            curve.append(event.validation_loss)
    reason = train(emit, **changes).reason
    return [reason, *curve]

def write(result):
    (FOLDER / "result.json").write_text(json.dumps(result))

@contextmanager
def nth_call(owner, name, number, act):
    # calls `act` before the call of this number, counted from 1
    plain, calls = getattr(owner, name), []
    def counted(*arguments, **options):
        calls.append(1)
        if len(calls) == number:
            act()
        return plain(*arguments, **options)
    setattr(owner, name, counted)
    yield
    setattr(owner, name, plain)

def ctrl_c():
    for _ in range(3):  # from the terminal, and from the launcher
        os.kill(os.getpid(), signal.SIGINT)
"""
MAIN = """
trainer().run_together(work) if processes.launched().size > 1 else work()
"""


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., tuple[list[int], list[str]]]]:
    """Runs a script on several ranks; gives exit codes and error output. What it started ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(pictures: Path, work: str, *, ranks: int = 2, restarts: int = 0, folder: Path = tmp_path,
            changes: Mapping[str, object] | None = None) -> tuple[list[int], list[str]]:  # fmt: skip
        arguments = [str(pictures), str(folder), json.dumps(changes or {})]
        command = [sys.executable, "-c", SCRIPT + work + MAIN, *arguments]
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # as torchrun has one; any free port
        launcher = {
            "WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port),
            "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": str(restarts), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        for rank in range(ranks):
            process = subprocess.Popen(
                command, env=os.environ | launcher | {"RANK": str(rank)},
                stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append(process)
        running = started[-ranks:]
        codes = [process.wait(LAST_RESORT_S) for process in running]
        errors = [process.stderr.read() if process.stderr else "" for process in running]
        del store
        return codes, errors

    yield run
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                stream.close()


def result_of(launched: tuple[list[int], list[str]], folder: Path) -> list[list[object]]:
    codes, errors = launched
    assert not any(codes), "\n".join(errors)
    return json.loads((folder / "result.json").read_text())


TWICE = """
def work():  # a command may train more than once
    write([curve_of(), curve_of()])
"""


def test_two_processes_learn_what_one_learns(launch, make_folder: Callable[..., Path], tmp_path: Path):
    """34 training images make steps of 16, 16 and 2: in the last one, a process has no image. No thread is left."""
    pictures = make_folder(count=18)
    last = """
import atexit
def threads():
    names = [(task / "comm").read_text() for task in Path("/proc/self/task").glob("*")]
    if any("gloo" in name for name in names):  # one that drops a tensor while Python ends would crash it
        os._exit(8)
atexit.register(threads)
"""
    alone = result_of(launch(pictures, TWICE, ranks=1), tmp_path)
    together = result_of(launch(pictures, TWICE + last), tmp_path)
    for one, two in zip(alone, together, strict=True):
        assert one[0] == two[0] == "finished"
        assert len(one) == 1 + 3 * (3 + 1)
        assert two[1:] == pytest.approx(one[1:], abs=1e-3)
        assert min(one[1:]) < 0.9 * one[1]


INTERRUPTED = """
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

def work():
    results = []
    with suppress(KeyboardInterrupt), nth_call(Group, "add_up", 1, ctrl_c):
        results.append(curve_of(keep_start_if_better=False))
    results.append(curve_of())
    for owner, name, number in ((Group, "add_up", 5), (Learner, "validate", 2)):
        interrupts.handle(once=True)  # as in a new process
        with nth_call(owner, name, number, ctrl_c):
            results.append(curve_of())
    try:
        curve_of(optimizer="sgd", weight_decay=0.0, learning_rate=100.0, warmup_epochs=0.0, clip_norm=0.0, epochs=30)
    except SettingsError as problem:
        write([*results, str(problem), curve_of()])
"""


def test_all_ranks_end_a_training_at_the_same_step_and_wait_for_the_next(launch, make_folder, tmp_path: Path):
    """Rank 0 gets Ctrl-C before it adds up: the next step is the last. Only the first Ctrl-C counts."""
    complete, in_step, in_validation, problem, last = result_of(
        launch(make_folder(count=18), INTERRUPTED), tmp_path
    )  # the very first one, interrupted in its first epoch, has no result
    assert complete[0] == last[0] == "finished" and len(complete) == len(last) == 1 + 3 * (3 + 1)
    assert in_step[0] == "interrupted" and in_step[1:] == complete[1 : 1 + (3 + 1) + 3]
    assert in_validation[0] == "interrupted" and in_validation[1:] == complete[1 : 1 + (3 + 1)]
    assert "became nan in epoch" in problem or "became inf in epoch" in problem


CONTINUED = """
def work():
    outcome = train(folder=FOLDER / "checkpoint", checkpoint_s=0, norm_statistics="kept")
    np.savez(FOLDER / "weights.npz", **outcome.weights)

if CHANGES.get("dies") == RANK:
    dying = nth_call(Group, "add_up", 5, lambda: os._exit(7))
    dying.__enter__()
"""


def test_a_group_that_lost_a_process_continues_to_the_same_weights(launch, make_folder, tmp_path: Path):
    pictures, changes = make_folder(count=18), {"dropout": 0.3}
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    assert launch(pictures, CONTINUED, folder=folders[0], changes=changes)[0] == [0, 0]
    codes, errors = launch(pictures, CONTINUED, folder=folders[1], changes=changes | {"dies": 1})
    assert codes == [1, 7]
    assert "another of the processes that train together has ended; torchrun --max-restarts 3" in errors[0]
    assert launch(pictures, CONTINUED, folder=folders[1], changes=changes, restarts=1)[0] == [0, 0]
    whole, continued = (np.load(folder / "weights.npz") for folder in folders)
    assert all(np.array_equal(whole[name], continued[name]) for name in whole.files)


FAILING = """
def work():
    def fail(event):
        if isinstance(event, StepDone) and event.pictures == 32:
            raise OSError("the disk is gone")
    train(fail)
"""


def test_an_error_of_one_rank_ends_the_others(launch, make_folder):
    codes, errors = launch(make_folder(count=18), FAILING)
    assert codes == [1, 1]
    assert "the disk is gone" in errors[0] and "another of the processes" in errors[1]


def test_a_process_alone_decides_and_adds_up_by_itself():
    parameter = torch.nn.Parameter(torch.zeros(3))
    assert ALONE.agree(lambda: "decided") == "decided"
    assert ALONE.add_up([parameter], [1.5, 2]) == [1.5, 2]
    assert parameter.grad is None
    ALONE.send("nobody listens")
    ALONE.leave()
    assert not ALONE.connected
    assert group() == ALONE == Group(0, 1, 1)
