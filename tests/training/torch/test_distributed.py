"""Two processes on one machine, beside one process that does the same."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from eyebright.runs.train import train
from eyebright.system.errors import DataError, SettingsError
from eyebright.training import processes
from eyebright.training.events import EventLog, SharedOut
from eyebright.training.processes import Place
from eyebright.training.torch.feed import Feed
from eyebright.training.torch.following import Lead
from eyebright.training.torch.learner import Learner

SCRIPT = """
import sys
import numpy as np
from eyebright import codec, zoo
from eyebright.data.dataset import Dataset
from eyebright.network import initial_weights
from eyebright.data.pictures import Preparation
from eyebright.training import processes, trainer
from eyebright.training.events import EpochEnded, StepDone
from eyebright.training.settings import Settings
pictures, result = sys.argv[1:]

def work():
    dataset = Dataset.from_folder(pictures)
    pack, fitting = dataset.pack(Preparation(width=16, height=16)), trainer()
    sides = dataset.split(pack)
    material = fitting.Material(pack, dataset.labels, np.flatnonzero(sides == 0), np.flatnonzero(sides == 1))
    network = zoo.flowers_cnn(3, input_size=16, dropout=0)
    recipe = {"accumulation": 2, "clip_norm": 1.0, "class_weights": "balanced", "ema": 0.9, "threads": 1}
    settings = Settings(epochs=3, batch_size=8, precision="float32", seed=5, judge_start=True).changed(recipe)
    curve = []

    def emit(event):
        if isinstance(event, StepDone):
            curve.append(event.loss)
        elif isinstance(event, EpochEnded):
            curve.append(event.validation_loss)

    for _ in range(2):  # a command may train more than once
        fitting.fit(network, initial_weights(network, 5), material, settings, emit=emit)
    open(result, "w").write(codec.to_json(curve))

if processes.started().of == 1:
    work()
elif processes.is_first():
    with trainer().leading():
        work()
else:
    trainer().follow()
"""


CTRL_C = """
import os, signal
from eyebright.training import parallel
add_up, added = parallel.add_up, []

def interrupted(*parts):  # twice in the middle of a step, as by a terminal and a launcher
    added.append(1)
    if len(added) == 5:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    sums = add_up(*parts)
    if len(added) == 5:
        os.kill(os.getpid(), signal.SIGINT)
    return sums

parallel.add_up = interrupted
"""


def together_on_this_machine() -> list[dict[str, str]]:
    """What a launcher tells each of two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [group | {"RANK": rank} for rank in "01"]


def curve_of(pictures: Path, result: Path, ranks: Sequence[dict[str, str]], script: str = SCRIPT) -> list[float]:
    """Run one process for each of these environments; the losses, step by step."""
    command = [sys.executable, "-c", script, str(pictures), str(result)]
    started = [subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"} | rank) for rank in ranks]
    assert [process.wait(60) for process in started] == [0] * len(ranks)
    return json.loads(result.read_text())


def test_two_processes_learn_what_one_learns(make_folder: Callable[..., Path], tmp_path: Path):
    """33 pictures to train make steps of 16, 16 and 1: in the last, one process has nothing."""
    pictures = make_folder(count=17)
    alone = curve_of(pictures, tmp_path / "alone.json", [{}])
    together = curve_of(pictures, tmp_path / "together.json", together_on_this_machine())
    assert len(alone) == 2 * 3 * (3 + 1)
    assert together == pytest.approx(alone, abs=1e-3)
    assert min(alone) < 0.9 * alone[0]


def test_ctrl_c_ends_the_training_after_the_step_that_all_make(make_folder: Callable[..., Path], tmp_path: Path):
    """It reaches both in the fifth step, again and again; the script's second training then is made as ever."""
    curve = curve_of(make_folder(count=17), tmp_path / "curve.json", together_on_this_machine(), CTRL_C + SCRIPT)
    assert len(curve) == (3 + 1) + 1 + 3 * (3 + 1)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not list a process's threads")
def test_no_thread_outlives_the_group(make_folder: Callable[..., Path], tmp_path: Path):
    """A thread of gloo's that drops a tensor while the interpreter ends takes the process with it."""
    look = """
from pathlib import Path
names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
assert not [name for name in names if "gloo" in name], names
"""
    curve_of(make_folder(count=17), tmp_path / "curve.json", together_on_this_machine(), SCRIPT + look)


def test_each_process_reads_its_share_of_every_batch(job):
    whole = Feed(job.material, job.settings, 3)
    parts = []
    for rank in range(2):
        with processes.taking(Place(rank, 2, 2)):
            parts.append(Feed(job.material, job.settings, 3))
    for start in (0, 8):
        batches = [[labels.tolist() for _, labels in feed.batches(2, start)] for feed in (whole, *parts)]
        assert {len(feed) for feed in batches} == {len(batches[0])}
        for together, first, second in zip(*batches, strict=True):
            assert (first, second) == (together[::2], together[1::2])


def test_a_picture_is_augmented_alike_whoever_reads_it(job):
    whole = next(Feed(job.material, job.settings, 3).batches(1))[0]
    with processes.taking(Place(1, 2, 2)):
        part = next(Feed(job.material, job.settings, 3).batches(1))[0]
    np.testing.assert_array_equal(part.numpy(), whole[1::2].numpy())


def test_a_batch_that_cannot_be_shared_evenly_is_refused(job):
    with processes.taking(Place(0, 3, 3)), pytest.raises(SettingsError, match="a batch of 8 cannot be shared among 3"):
        Feed(job.material, job.settings, 3)


def test_pictures_that_are_opened_anew_cannot_be_shared(job):
    learner = Learner(job.network, job.weights, job.settings, job.material.labels)
    job.material.pack.streamed = True
    Lead(job.network, learner, job.material)  # one process may
    with processes.taking(Place(0, 2, 2)), pytest.raises(DataError, match="no room"):
        Lead(job.network, learner, job.material)


def test_the_cores_are_shared_among_the_processes_of_a_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes.machine, "cores", lambda: 7)
    for here, threads in ((1, 7), (2, 3), (9, 1)):
        with processes.taking(Place(0, 9, here)):
            assert processes.threads() == threads


def test_a_place_is_taken_only_by_who_asks_for_it(monkeypatch: pytest.MonkeyPatch):
    """A script that a launcher has started, and that knows nothing of eyebright's processes, trains alone."""
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert processes.started() == (1, 4, 2) and not processes.is_first()
    assert processes.place() == (0, 1, 1)


@pytest.mark.parametrize(
    ("restarts", "group", "ours"), [("0", "this", False), ("1", "this", True), ("2", "other", False)]
)
def test_only_a_group_that_was_started_again_goes_on_with_its_own_run(
    restarts, group, ours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "this")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", restarts)
    assert not train.is_ours(tmp_path)
    EventLog(tmp_path / "events.jsonl")(SharedOut(processes=2, batch_size=8, norms=False, group=group))
    assert train.is_ours(tmp_path) == ours


def test_a_launcher_without_a_name_is_told_by_its_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    first = processes.group()
    assert str(os.getppid()) in first and processes.group() == first
