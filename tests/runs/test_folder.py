import csv
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import eyebright as eb
from eyebright.data.prepare import prepare
from eyebright.data.split_file import read_split
from eyebright.model.card import Seen
from eyebright.network import initial_weights
from eyebright.network.weight_files import load_weights
from eyebright.runs.folder import Run
from eyebright.runs.request import Request
from eyebright.system import files
from eyebright.system.errors import OutputError, SettingsError
from eyebright.training.events.fitting import Stopped
from eyebright.training.events.results import ModelSaved, VerdictReached
from eyebright.training.events.starting import Extended, Resumed
from eyebright.training.receivers import EventLog
from eyebright.training.settings import Settings

NETWORK = eb.zoo.mlp(3, input_size=8)
REQUEST = Request(pictures="p", network="mlp", size=8, excluded=("a",), training=Settings(epochs=4, ema=0.9))


@pytest.fixture
def run(tmp_path) -> Run:
    """A run that was created, and not trained yet."""
    run = Run(tmp_path / "run")
    run.create(REQUEST, NETWORK, overwrite=False)
    return run


def with_model(run: Run) -> Run:
    """The same run with a model, which only a file stands for."""
    run.model.mkdir()
    (run.model / "model.json").write_text("the model")
    return run


def test_what_is_created_is_read_again(tmp_path):
    run, seen, weights = Run(tmp_path / "far" / "run"), Seen().union([b"1" * 16]), initial_weights(NETWORK, seed=5)
    run.create(REQUEST, NETWORK, overwrite=False, seen=seen, start=weights)
    assert run.read() == (REQUEST, NETWORK)
    assert run.read_seen() == seen
    stored = load_weights(run.start)
    assert all(np.array_equal(stored[name], value) for name, value in weights.items())
    names = {"config.toml", "network.json", "seen.json", "start.safetensors"}
    assert {path.name for path in run.path.iterdir()} == names


def test_only_what_is_needed_is_written(run):
    assert {path.name for path in run.path.iterdir()} == {"config.toml", "network.json"}
    assert run.read_seen() == Seen() and run.read_events() == [] and not run.has_checkpoint and not run.is_complete


@pytest.mark.parametrize("missing", ["config.toml", "network.json"])
def test_a_folder_without_a_request_or_a_network_is_not_a_run(missing, run):
    (run.path / missing).unlink()
    with pytest.raises(SettingsError, match=r"run is not a run: it has no config\.toml and network\.json"):
        run.read()


def test_a_run_that_exists_is_replaced_only_if_that_is_asked_for(run):
    with pytest.raises(OutputError, match=r"run already exists: .*--overwrite"):
        run.create(REQUEST, NETWORK, overwrite=False)
    other = REQUEST.changed(pictures="q")
    run.create(other, NETWORK, overwrite=True)
    assert run.read()[0] == other


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_not_a_run_is_never_replaced(overwrite, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "config.toml").write_text("title = 'mine'")
    with pytest.raises(OutputError, match="site"):
        Run(tmp_path / "site").create(REQUEST, NETWORK, overwrite=overwrite)
    assert (tmp_path / "site" / "config.toml").read_text() == "title = 'mine'"


def test_the_last_run_with_a_model_stays_until_there_is_a_new_model(run):
    with_model(run)
    for _ in range(2):  # the second time, the run that is replaced has no model
        run.create(REQUEST, NETWORK, overwrite=True)
        assert not run.model.exists()
        assert (files.aside_of(run.path) / "model" / "model.json").read_text() == "the model"
    (with_model(run).model / "model.json").write_text("the new model")
    run.create(REQUEST, NETWORK, overwrite=True)  # what a crash left aside is older than this model
    assert (files.aside_of(run.path) / "model" / "model.json").read_text() == "the new model"


def test_a_full_disk_leaves_no_half_run_and_brings_the_former_back(run, tmp_path, monkeypatch):
    with_model(run)
    write = files.write_file

    def full(path: Path, content: bytes) -> None:
        if path.name == "config.toml":
            raise OutputError(f"{path} cannot be written: No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write_file", full)
    with pytest.raises(OutputError, match="No space left"):
        run.create(REQUEST.changed(pictures="q"), NETWORK, overwrite=True)
    assert run.model.exists() and run.read()[0] == REQUEST
    with pytest.raises(OutputError, match="No space left"):
        Run(tmp_path / "other").create(REQUEST, NETWORK, overwrite=False)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


@pytest.mark.parametrize("before", ["nothing", "a run", "a run with a model", "two runs"])
def test_a_kill_at_any_moment_of_the_creation_leaves_a_run_or_a_free_place(before, tmp_path, kill_at):
    """`--resume` and the same command lead on; the last model stays, in the run or aside, until there is a new one."""
    for changes in range(100):
        run = Run(tmp_path / str(changes) / "run")
        if before != "nothing":
            run.create(REQUEST, NETWORK, overwrite=False)
        if before in ("a run with a model", "two runs"):
            with_model(run)
        if before == "two runs":  # one that is set aside, for one that has no model yet
            run.create(REQUEST, NETWORK, overwrite=True)
        other = REQUEST.changed(pictures="q")
        weights = initial_weights(NETWORK, seed=5)
        create = partial(run.create, other, NETWORK, overwrite=True, start=weights)
        made = kill_at(run.path.parent, changes, create)
        if run.path.exists() or files.aside_of(run.path).exists():
            assert run.read()[0] in (REQUEST, other)
        if before in ("a run with a model", "two runs"):
            assert (run.model / "model.json").exists() or (files.aside_of(run.path) / "model" / "model.json").exists()
        again = Run(run.path)
        again.create(other, NETWORK, overwrite=True, start=weights)
        assert again.read() == (other, NETWORK) and load_weights(again.start).keys() == weights.keys()
        if made is not None:
            break
    assert made == changes > 8


def test_a_run_that_was_moved_to_a_name_that_is_not_utf8_is_refused(run):
    """safetensors and the log could not name it: this is found before the training goes on."""
    place = run.path.with_name("o\udcff")
    run.path.rename(place)
    with pytest.raises(SettingsError, match=r"o\\udcff, is not valid UTF-8: rename it"):
        Run(place).read()


def test_a_run_that_was_stopped_says_how_to_continue(run):
    with pytest.raises(OutputError, match=r"is a run that was stopped. To continue it: eyebright train --resume .*run"):
        run.require_free(overwrite=False)
    run.require_free(overwrite=True)


@pytest.mark.parametrize("begun", [False, True])
def test_a_run_that_is_refused_before_its_first_checkpoint_leaves_no_folder(begun, run):
    (run.path / "old").write_text("of the run before")
    run.create(REQUEST, NETWORK, overwrite=True)
    with pytest.raises(SettingsError, match="too short"), run.removed_if_refused():
        if begun:
            (run.checkpoint / "100").mkdir(parents=True)
        raise SettingsError("minutes = 2 is too short")
    assert (run.path / "old").exists() != begun == run.has_checkpoint


def test_a_run_in_which_another_process_trains_is_neither_trained_nor_replaced(run):
    with Run(run.path).locked():
        with pytest.raises(SettingsError, match=r"another process is training in .*run: wait"), run.locked():
            pass
        with pytest.raises(SettingsError, match="another process is training"):
            run.create(REQUEST, NETWORK, overwrite=True)
    with run.locked():
        pass


FINISHED, SAVED = Stopped(reason="finished", epoch=3, best_epoch=2), ModelSaved(path="m", weights_sha256="")


@pytest.mark.parametrize(
    ("events", "complete"),
    [
        ([FINISHED, SAVED], True),
        ([Stopped(reason="patience", epoch=3, best_epoch=2), SAVED], True),
        ([Stopped(reason="budget", epoch=3, best_epoch=2), SAVED], True),
        ([Stopped(reason="interrupted", epoch=3, best_epoch=2), SAVED], False),
        ([FINISHED], False),
        ([SAVED], False),
        ([FINISHED, SAVED, Extended(planned=3, epochs=5, learning_rate=1e-4)], False),
        ([FINISHED, SAVED, Resumed(epoch=3)], False),
        ([FINISHED, SAVED, VerdictReached(kind="sound", text="", advice="")], True),
        ([FINISHED, SAVED, Resumed(epoch=3), FINISHED, SAVED], True),
    ],
)
def test_a_run_is_complete_when_its_last_training_ended_and_its_model_is_saved(events, complete, run):
    log = EventLog(run.events)
    for event in events:
        log(event)
    assert not run.is_complete  # there is no model
    with_model(run)
    assert run.is_complete == complete


def test_a_checkpoint_is_a_folder_with_the_number_of_its_step(run):
    (run.checkpoint / "unfinished").mkdir(parents=True)
    assert not run.has_checkpoint
    (run.checkpoint / "000000004").mkdir()
    assert run.has_checkpoint


def test_the_split_is_written_so_that_another_run_can_use_it(run, pictures):
    prepared = prepare(eb.Dataset.open(pictures), eb.Preparation(width=8, height=8))
    run.write_split(prepared)
    again = read_split(run.split).sides(prepared.dataset.source.names, list(prepared.pack.digests))
    np.testing.assert_array_equal(again, prepared.sides)


def test_images_without_a_split_are_listed_under_their_exact_names(run):
    names = [os.fsdecode(b"bad \xff.png"), "a, b\n.png", "前 🌸.JPG"]
    run.write_left_out([(name, "empty file") for name in names])
    with run.left_out.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        assert [tuple(row) for row in csv.reader(file)] == [
            ("name", "reason"),
            *((name, "empty file") for name in names),
        ]
