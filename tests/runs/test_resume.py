"""Continuing a run: for more epochs, after kills, on a full disk, with damaged files, and with images that changed."""

import csv
import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.model.card import Seen
from eyebright.network import Weights, initial_weights
from eyebright.network.weight_files import save_weights
from eyebright.runs.folder import Run
from eyebright.runs.resume import resume
from eyebright.system import files, machine
from eyebright.system.errors import DataError, NetworkError, OutputError, SettingsError
from eyebright.training import memory
from eyebright.training.budget import Deadline, Plan
from eyebright.training.events.event import Event, StepDone
from eyebright.training.events.fitting import EpochEnded, Stopped
from eyebright.training.events.results import Evaluated, ModelSaved, VerdictReached
from eyebright.training.events.starting import Extended, PicturesGone
from eyebright.training.receivers import EventLog, read_events
from eyebright.training.torch import checkpoint

KILLS = 3


def train(pictures: Path, place: Path, callbacks=(), **settings) -> eb.Classifier:
    given = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "seed": 3} | settings
    network = eb.zoo.mlp(3, input_size=8)
    return eb.train(pictures, place, network=network, settings=eb.Settings(**given), callbacks=callbacks).classifier


def same(one: eb.Classifier, other: eb.Classifier) -> bool:
    first, second = one.get_weights(), other.get_weights()
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


class After:
    """Raises after so many steps: a kill, or a Ctrl-C."""

    def __init__(self, steps: int, error: type[BaseException] = RuntimeError) -> None:
        self.left, self.error = steps, error

    def __call__(self, event: Event) -> None:
        self.left -= isinstance(event, StepDone)
        if self.left < 0 and isinstance(event, StepDone):
            self.left = 1_000_000
            raise self.error("stopped")


def killed(work: Callable[[After], object], steps: int) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        work(After(steps))


@pytest.mark.parametrize(
    ("planned", "stop"),
    [({}, None), ({"learning_rate": 1e-9, "patience": 1, "epochs": 20}, None), ({}, After(7, KeyboardInterrupt))],
    ids=["finished", "out of patience", "interrupted"],
)
def test_more_epochs_give_the_weights_of_a_training_with_as_many_planned_epochs(make_folder, tmp_path, planned, stop):
    pictures = make_folder()
    train(pictures, tmp_path / "run", [stop] if stop else [], **planned)
    split = (tmp_path / "run" / "split.csv").read_bytes()
    first = planned.get("epochs", 3)
    done = [event for event in read_events(tmp_path / "run" / "events.jsonl") if isinstance(event, Stopped)][-1]
    assert (done.epoch < first) == bool(planned or stop)
    extended = resume(tmp_path / "run", epochs=first + 4).classifier
    whole = train(pictures, tmp_path / "whole", **planned | {"epochs": first + 4, "extended_at": (first,)})
    assert len(whole.history.loss) > done.epoch
    assert same(extended, whole)
    assert extended.history.loss == whole.history.loss
    assert (tmp_path / "run" / "split.csv").read_bytes() == split
    assert Run(tmp_path / "run").read()[0].training == Run(tmp_path / "whole").read()[0].training


def lead_on(command: Callable[[], object]) -> None:
    """The same command, then those that the messages name, until it is done."""
    for _ in range(3):
        try:
            command()
        except (OutputError, SettingsError) as problem:
            if "is complete" in str(problem):
                return
            named = re.search(r"eyebright train --resume (\S+/run)", str(problem))
            if named is None:
                raise
            command = partial(resume, named[1])
        else:
            return


@pytest.mark.parametrize("what", ["train", "overwrite", "resume", "more epochs", "heal"])
def test_after_a_kill_the_same_command_or_the_one_that_it_names_leads_on(what, make_folder, tmp_path, kill_at):
    """At a few of the changes that a command makes on the disk, evenly chosen; the weights are those without a kill."""
    pictures, small, start = make_folder(), {"epochs": 2, "batch_size": 32}, tmp_path / "start"

    def command(run: Path) -> object:
        if what in ("train", "overwrite"):
            settings = eb.Settings(**small, learning_rate=3e-3, seed=3)
            return eb.train(pictures, run, network=eb.zoo.mlp(3, input_size=8), settings=settings,
                            overwrite=what == "overwrite")  # fmt: skip
        return eb.heal(run) if what == "heal" else resume(run, epochs=4 if what == "more epochs" else None)

    if what == "train":
        start.mkdir()
    else:
        train(pictures, start / "run", [After(3, KeyboardInterrupt)] if what == "resume" else [], **small)
    if what == "heal":
        advice = VerdictReached(kind="overfitting", text="", advice="", remedy={"rotation": 0.05})
        EventLog(start / "run" / "events.jsonl")(advice)
    shutil.copytree(start, tmp_path / "whole")
    made = kill_at(tmp_path / "whole", 10_000, lambda: command(tmp_path / "whole" / "run"))
    second = "run/healed" if what == "heal" else "run"
    for changes in np.linspace(0, made - 1, KILLS).astype(int):
        run = tmp_path / str(changes) / "run"
        shutil.copytree(start, run.parent)
        assert kill_at(run.parent, changes, partial(command, run)) is None
        lead_on(partial(command, run))
        assert Run(run.parent / second).is_complete, changes
        assert same(eb.load(run.parent / second), eb.load(tmp_path / "whole" / second)), changes


def test_a_budget_continues_at_the_same_learning_rates(make_folder, tmp_path, monkeypatch):
    """Twenty steps fit into it on any machine."""
    pictures, made = make_folder(), [0]
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 20 - made[0])

    def count(event: Event) -> None:
        made[0] += isinstance(event, StepDone)

    def rates(run: Path) -> dict[int, float]:
        return {e.epoch: e.learning_rate for e in read_events(run / "events.jsonl") if isinstance(e, EpochEnded)}

    given = {"minutes": 5, "epochs": 0, "checkpoint_s": 0, "warmup_epochs": 0}
    train(pictures, tmp_path / "whole", [count], **given)
    made[0] = 0
    killed(lambda stop: train(pictures, tmp_path / "run", [count, stop], **given), 12)
    made[0] = 12
    resume(tmp_path / "run", callbacks=[count])
    assert rates(tmp_path / "run") == pytest.approx(rates(tmp_path / "whole"))
    assert len(rates(tmp_path / "run")) == 4


def test_a_budget_that_is_used_up_when_it_continues_keeps_the_best_weights(make_folder, tmp_path, monkeypatch):
    made = [0]
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 20 - made[0])

    def count(event: Event) -> None:
        made[0] += isinstance(event, StepDone)
        if isinstance(event, Stopped):
            raise RuntimeError("stopped")  # a kill during the evaluation

    with pytest.raises(RuntimeError, match="stopped"):
        train(make_folder(), tmp_path / "run", [count], minutes=5, epochs=0)
    monkeypatch.undo()
    monkeypatch.setattr(Deadline, "left_s", 0.5)
    resume(tmp_path / "run")
    assert [event.epoch for event in read_events(tmp_path / "run" / "events.jsonl") if isinstance(event, Stopped)][
        -1
    ] == 4


def test_extra_epochs_are_logged_and_the_learning_rate_falls_from_a_tenth(make_folder, tmp_path):
    train(make_folder(), tmp_path / "run", learning_rate=0.01)
    resume(tmp_path / "run", epochs=5)
    resume(tmp_path / "run", epochs=6)
    events = read_events(tmp_path / "run" / "events.jsonl")
    found = [(e.planned, e.epochs, e.learning_rate) for e in events if isinstance(e, Extended)]
    assert found == [(3, 5, 0.001), (5, 6, 0.001)]
    rates = {event.epoch: event.learning_rate for event in events if isinstance(event, EpochEnded)}
    steps = 5  # of an epoch: 36 images in batches of 8
    expected = [0.0005 * (1 + np.cos(np.pi * (epoch * steps - 1) / (2 * steps))) for epoch in (1, 2)]
    assert [rates[4], rates[5]] == pytest.approx(expected)
    assert rates[6] == pytest.approx(0.0005 * (1 + np.cos(np.pi * (steps - 1) / steps)))
    assert len([event for event in events if isinstance(event, Evaluated)]) == 3  # each evaluation on the test set


@pytest.mark.parametrize("steps", [0, 1, 6, 9])
def test_a_kill_in_the_extra_epochs_leads_to_the_same_weights(make_folder, tmp_path, steps):
    pictures = make_folder()
    train(pictures, tmp_path / "whole", checkpoint_s=0)
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    whole = resume(tmp_path / "whole", epochs=5).classifier
    killed(lambda stop: resume(tmp_path / "run", epochs=5, callbacks=[stop]), steps)
    assert same(resume(tmp_path / "run").classifier, whole)


def test_a_kill_between_the_log_and_the_config_loses_nothing(make_folder, tmp_path, monkeypatch):
    train(make_folder(), tmp_path / "run")

    def dies(self, config):
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_config", dies)
        with pytest.raises(RuntimeError, match="stopped"):
            resume(tmp_path / "run", epochs=5)
    assert len(resume(tmp_path / "run").classifier.history.loss) == 3
    assert len(resume(tmp_path / "run", epochs=5).classifier.history.loss) == 5


def test_fewer_epochs_are_refused_and_a_complete_run_says_how_to_train_for_more(make_folder, tmp_path):
    train(make_folder(), tmp_path / "run")
    for epochs in (2, 3):
        with pytest.raises(SettingsError, match=rf"run already has 3, so give more than that \(got {epochs}\)"):
            resume(tmp_path / "run", epochs=epochs)
    with pytest.raises(SettingsError, match=r"is complete.*3 epochs; .* --resume .*run --epochs 6"):
        resume(tmp_path / "run")


def test_a_run_without_its_checkpoint_is_not_trained_from_scratch(make_folder, tmp_path):
    train(make_folder(), tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoint")
    with pytest.raises(SettingsError, match=r"has no checkpoint, so .*run cannot continue; .*--from .*run -o NEW"):
        resume(tmp_path / "run", epochs=6)


def full_after(calls: int) -> Callable[[int], None]:
    """fsync on a disk that is full after so many calls."""
    left, sync = [calls], os.fsync

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    return full


def calls_of(work: Callable[[], object], patch: pytest.MonkeyPatch) -> int:
    """How often the work calls fsync."""
    count, sync = [0], os.fsync

    def counted(handle: int) -> None:
        count[0] += 1
        sync(handle)

    with patch.context() as here:
        here.setattr(os, "fsync", counted)
        work()
    return count[0]


def test_a_full_disk_stops_the_run_cleanly_and_it_continues_when_there_is_space(make_folder, tmp_path, monkeypatch):
    pictures = make_folder(count=8)
    settings = {"epochs": 2, "batch_size": 16, "checkpoint_s": 0}
    kept: list[eb.Classifier] = []
    train(pictures, tmp_path / "before", **settings)  # the images are prepared
    count = calls_of(lambda: kept.append(train(pictures, tmp_path / "whole", **settings)), monkeypatch)
    assert count > 30
    begun = 0
    for calls in range(0, count, 11):  # config, split, checkpoints, curves, model: everything that is written
        run = tmp_path / f"run {calls}"
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full_after(calls))
            with pytest.raises(OutputError, match="cannot be written: No space left on device"):
                train(pictures, run, **settings)
        assert not [path for path in run.rglob("*") if "unfinished" in path.name]
        if run.exists():
            begun += 1
            assert same(resume(run).classifier, kept[0])
    assert begun > 3


def test_a_disk_that_fills_while_weights_are_written_keeps_the_previous_checkpoint(make_folder, tmp_path, monkeypatch):
    pictures = make_folder()
    whole = train(pictures, tmp_path / "whole")
    save, left = checkpoint.save_file, [11]

    def full(tensors: Weights, place: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            place.write_bytes(b"half of")
            raise checkpoint.SafetensorError("I/O error: No space left on device (os error 28)")
        save(tensors, place)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        words = r"checkpoint cannot be written: .*No space left.* kept; .*: eyebright train --resume .*run"
        with pytest.raises(OutputError, match=words):
            train(pictures, tmp_path / "run", checkpoint_s=0)
    assert [path.name for path in sorted((tmp_path / "run" / "checkpoint").iterdir())] == ["000000004", "000000005"]
    assert same(resume(tmp_path / "run").classifier, whole)


def test_a_log_that_cannot_be_written_stops_the_run_and_half_a_line_is_ignored(make_folder, tmp_path, monkeypatch):
    pictures = make_folder()
    whole = train(pictures, tmp_path / "whole")
    write = EventLog.__call__

    def full(self: EventLog, event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 2:
            with self.path.open("ab") as file:
                file.write(b'{"event":"Epo')
            raise OutputError(f"{self.path} cannot be written: No space left on device")
        write(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(EventLog, "__call__", full)
        with pytest.raises(OutputError, match=r"events\.jsonl cannot be written.*--resume"):
            train(pictures, tmp_path / "run")
    resumed = resume(tmp_path / "run").classifier
    assert same(resumed, whole)
    assert len(resumed.history.loss) == 3


def test_a_clock_that_jumps_changes_nothing(make_folder, tmp_path, monkeypatch):
    pictures = make_folder()
    whole = train(pictures, tmp_path / "whole", checkpoint_s=0.05)
    now = iter(range(2_000_000_000, 0, -1_000_000))  # two weeks back each time that it is read
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: next(now))
        killed(lambda stop: train(pictures, tmp_path / "run", [stop], checkpoint_s=0.05), 12)
        resumed = resume(tmp_path / "run").classifier
    assert same(resumed, whole)
    events = read_events(tmp_path / "run" / "events.jsonl")
    assert all(0 < event.seconds < 100 for event in events if isinstance(event, EpochEnded))
    assert events[0].time_s > events[-1].time_s > 0


def test_the_checkpoint_of_another_run_is_refused(make_folder, tmp_path):
    pictures = make_folder()
    killed(lambda stop: train(pictures, tmp_path / "run", [stop]), 8)
    other = eb.zoo.mlp(3, input_size=12)
    settings = eb.Settings(epochs=2, batch_size=8)
    eb.train(pictures, tmp_path / "other", network=other, settings=settings)
    shutil.rmtree(tmp_path / "run" / "checkpoint")
    shutil.copytree(tmp_path / "other" / "checkpoint", tmp_path / "run" / "checkpoint")
    with pytest.raises(DataError, match=r"0000000\d\d belongs to another run, with another network: .*dense_1\.weight"):
        resume(tmp_path / "run")


def test_the_moments_of_another_optimizer_are_refused(make_folder, tmp_path):
    from safetensors.numpy import load_file, save_file

    killed(lambda stop: train(make_folder(), tmp_path / "run", [stop]), 8)
    for place in (tmp_path / "run" / "checkpoint").iterdir():
        moments = load_file(place / "optimizer.safetensors")
        save_file({f"7{name}": values for name, values in moments.items()}, place / "optimizer.safetensors")
        (place / "sha256.json").unlink()
    with pytest.raises(DataError, match=r"the optimizer state 7\d\.\w+ does not fit this network"):
        resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("file", "content", "error", "words"),
    [
        ("network.json", b"{", NetworkError, r"network\.json: the network cannot be read"),
        ("config.toml", b"epochs = ", SettingsError, r"config\.toml cannot be read: .*expected lines such as"),
        ("config.toml", b"\xff\xfe", SettingsError, r"config\.toml cannot be read"),
        ("config.toml", b"pictures = 'x'\nsize = 8\nepoch = 3", SettingsError, r"config\.toml.*epoch"),
        ("seen.json", b"[]", SettingsError, r"seen\.json cannot be read"),
        ("split.csv", b"name,class\na,b\n", DataError, r"split\.csv, line 2, is damaged"),
    ],
)
def test_damaged_files_of_a_run_are_named(make_folder, tmp_path, file, content, error, words):
    killed(lambda stop: train(make_folder(), tmp_path / "run", [stop]), 8)
    (tmp_path / "run" / file).write_bytes(content)
    with pytest.raises(error, match=words):
        resume(tmp_path / "run")


def test_nothing_is_computed_from_the_time_of_day():
    """Durations come from clocks that never jump; the time of day is only logged, and compared with that of files."""
    source = Path(eb.__file__).parent
    users = [path.relative_to(source) for path in source.rglob("*.py") if "time.time" in path.read_text("utf-8")]
    assert {str(path) for path in users} == {"training/events/event.py", "system/cache.py"}


def test_a_run_that_cannot_start_leaves_the_former_one(make_folder, tmp_path, monkeypatch):
    pictures = make_folder()
    train(pictures, tmp_path / "run", epochs=1)
    before = (tmp_path / "run" / "events.jsonl").read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OutputError(f"{path} cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_file", full)
        with pytest.raises(OutputError, match="No space left"):
            eb.train(pictures, tmp_path / "run", network="flowers_cnn", size=16, overwrite=True)
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before
    last = [
        event for event in read_events(tmp_path / "run" / "events.jsonl") if isinstance(event, Stopped | ModelSaved)
    ]
    assert isinstance(last[-1], ModelSaved)


def test_a_lowered_batch_size_is_kept_when_there_is_more_memory_later(make_folder, tmp_path, monkeypatch):
    pictures, network = make_folder(), eb.zoo.mlp(3, input_size=8)
    short = (memory.weight_bytes(network) + 5 * memory.picture_bytes(network)) / 0.7
    with monkeypatch.context() as patch:
        patch.setattr(machine, "free_memory_bytes", lambda: round(short))
        whole = train(pictures, tmp_path / "whole")
        killed(lambda kill: train(pictures, tmp_path / "run", [kill], checkpoint_s=0.0), 7)
    request, _ = Run(tmp_path / "run").read()
    assert (request.training.batch_size, request.training.accumulation) == (4, 2)
    assert request.training.precision == "float32"
    assert same(resume(tmp_path / "run").classifier, whole)
    again = eb.train(pictures, tmp_path / "again", network=network, settings=request.training).classifier
    assert same(again, whole)


def test_two_processes_cannot_continue_one_run_and_none_replaces_it_meanwhile(make_folder, tmp_path):
    pictures = make_folder()
    killed(lambda stop: train(pictures, tmp_path / "run", [stop]), 7)
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    with Run(tmp_path / "run").locked():
        with pytest.raises(SettingsError, match=r"another process is training in .*run: wait"):
            resume(tmp_path / "run")
        with pytest.raises(SettingsError, match="another process is training in"):
            eb.train(pictures, tmp_path / "run", network="lenet5", epochs=1, overwrite=True)
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before
    assert len(resume(tmp_path / "run").classifier.history.loss) == 3


@pytest.fixture
def run(pictures, train_mlp, killed, tmp_path) -> Path:
    """A run that was killed in its second epoch."""
    killed(train_mlp, pictures, tmp_path / "run")
    return tmp_path / "run"


def sides(run: Path) -> dict[str, list[str]]:
    """Names of the images in each set."""
    found: dict[str, list[str]] = {}
    with (run / "split.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["split"], []).append(row["name"])
    return found


def left_out(run: Path) -> dict[str, str]:
    with (run / "left_out.csv").open(newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}


def noise(path: Path, seed: int = 99) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 24, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def test_removed_images_are_logged_listed_and_left_out(run, pictures):
    before = sides(run)
    gone = [before["train"][0], before["train"][1], before["test"][0], before["validation"][0]]
    for name in gone:
        (pictures / name).unlink()
    result = resume(run)
    events = read_events(run / "events.jsonl")
    assert [set(event.names) for event in events if isinstance(event, PicturesGone)] == [set(gone)]
    assert left_out(run) == dict.fromkeys(gone, "removed since the run started")
    assert result.test.pictures == len(before["test"]) - 1
    assert sides(run) == before  # the split of every image stays in the file


def test_images_that_were_trained_on_before_they_were_removed_still_count_as_seen(run, pictures):
    before = sides(run)
    learned, tested = before["train"][0], before["test"][0]
    saved = {name: (pictures / name).read_bytes() for name in (learned, tested)}
    for name in saved:
        (pictures / name).unlink()
    seen = resume(run).classifier.seen
    with (run / "split.csv").open(newline="") as file:
        digests = {row["name"]: bytes.fromhex(row["digest"]) for row in csv.DictReader(file)}
    assert seen.contains([digests[learned], digests[tested]]).tolist() == [True, False]
    assert seen == Seen().union(digests[name] for name in before["train"] + before["validation"])


def test_removed_images_stay_out_when_they_come_back_and_are_logged_once(run, pictures):
    name = sides(run)["train"][0]
    content = (pictures / name).read_bytes()
    (pictures / name).unlink()
    resume(run)
    (pictures / name).write_bytes(content)
    (pictures / sides(run)["train"][1]).unlink()
    steps: list[int] = []
    resume(run, epochs=4, callbacks=[lambda event: steps.append(event.of) if isinstance(event, StepDone) else None])
    assert set(steps) == {len(sides(run)["train"]) - 2}
    found = [event.names for event in read_events(run / "events.jsonl") if isinstance(event, PicturesGone)]
    assert found == [(name,), (sides(run)["train"][1],)]


def test_the_weights_without_removed_images_do_not_depend_on_further_kills(run, pictures, killed, tmp_path):
    """The order of the remaining images comes from their contents, as always."""
    shutil.copytree(run, tmp_path / "twice")
    for name in sides(run)["train"][:3]:
        (pictures / name).unlink()
    once = resume(run).classifier.get_weights()
    killed(resume, tmp_path / "twice", at_epoch=3)
    twice = resume(tmp_path / "twice").classifier.get_weights()
    assert all(np.array_equal(once[name], twice[name]) for name in once)


def test_an_image_that_can_no_longer_be_opened_counts_as_removed(run, pictures):
    name = sides(run)["train"][0]
    (pictures / name).write_bytes(b"")
    resume(run)
    assert left_out(run) == {name: "empty file"}
    assert [event.names for event in read_events(run / "events.jsonl") if isinstance(event, PicturesGone)] == [(name,)]


def test_new_images_are_refused_with_the_ways_to_continue(run, pictures):
    noise(pictures / "red" / "zzz.png")
    with pytest.raises(
        DataError,
        match=r"1 image \(red/zzz\.png\).* are new since .*run started\. .*put the images back.*--from .*run -o NEW",
    ):
        resume(run)


def test_an_image_with_another_content_is_refused_with_the_ways_to_continue(run, pictures):
    name = sides(run)["train"][0]
    noise(pictures / name)
    with pytest.raises(DataError, match=rf"1 image \({re.escape(name)}\) .*changed after .*put the images back"):
        resume(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda place: (place / "red").rename(place / "violet"), r"new: violet; missing: red"),
        (
            lambda place: [path.unlink() for path in (place / "red").iterdir()] + [(place / "red").rmdir()],
            "missing: red",
        ),
        (lambda place: (place / "yellow").mkdir(), "new: yellow"),
    ],
)
def test_other_classes_are_refused_with_the_ways_to_continue(change, words, run, pictures):
    change(pictures)
    before = (run / "config.toml").read_bytes()
    with pytest.raises(DataError, match=rf"classes in .* are not those of .*{words}\)\. .*other classes"):
        resume(run, epochs=30)
    assert (run / "config.toml").read_bytes() == before  # what is refused is not written down


def test_an_image_in_another_class_of_a_table_is_refused(pictures, train_mlp, killed, tmp_path):
    lines = [f"{path},{path.parent.name}" for path in sorted(pictures.rglob("*.png"))]
    table = tmp_path / "table.csv"
    table.write_text("path,class\n" + "\n".join(lines))
    killed(train_mlp, table, tmp_path / "run")
    table.write_text("path,class\n" + "\n".join([lines[0].replace(",blue", ",red"), *lines[1:]]))
    with pytest.raises(DataError, match=r"1 image .*000\.png.* changed their class since"):
        resume(tmp_path / "run")


def test_a_set_without_images_ends_the_run(run, pictures):
    for name in sides(run)["test"]:
        (pictures / name).unlink()
    with pytest.raises(DataError, match="no image of the test set is left"):
        resume(run)


def test_images_that_were_excluded_may_be_removed(pictures, train_mlp, killed, tmp_path):
    names = ["red/000.png", "red/001.png"]
    killed(train_mlp, pictures, tmp_path / "run", exclude=names)
    (pictures / names[0]).unlink()
    resume(tmp_path / "run")
    assert not any(isinstance(event, PicturesGone) for event in read_events(tmp_path / "run" / "events.jsonl"))
    assert not left_out(tmp_path / "run")


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_continues_with_the_corrections_that_it_started_with(pictures, train_mlp, killed, tmp_path, epoch):
    """Also where the file is gone, says something else by now, or an image that was left out has been removed."""
    given = tmp_path / "given.json"
    decisions = [
        {"name": "red/000.png", "decision": "relabel", "new_label": "green"},
        {"name": "red/001.png", "decision": "exclude"},
    ]
    given.write_text(json.dumps({"corrections": decisions}))
    whole = train_mlp(pictures, tmp_path / "whole", corrections=given).classifier
    killed(train_mlp, pictures, tmp_path / "run", corrections=given, at_epoch=epoch)
    given.write_text(json.dumps({"corrections": [{"name": "blue/000.png", "decision": "exclude"}]}))
    (pictures / "red" / "001.png").unlink()
    assert same(resume(tmp_path / "run").classifier, whole)
    listed = [(tmp_path / name / "split.csv").read_bytes() for name in ("whole", "run")]
    assert listed[0] == listed[1] and b"red/000.png,green," in listed[0]


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_with_a_promise_continues_with_the_same_images_held_back(make_folder, train_mlp, killed, tmp_path, epoch):
    pictures = make_folder(count=60)
    whole = train_mlp(pictures, tmp_path / "whole", promise="accuracy=0.5").classifier
    killed(train_mlp, pictures, tmp_path / "run", promise="accuracy=0.5", at_epoch=epoch)
    gone = sides(tmp_path / "run")["held_back"][0]
    if epoch == 2:
        (pictures / gone).unlink()
    assert same(resume(tmp_path / "run").classifier, whole)
    assert sides(tmp_path / "run") == sides(tmp_path / "whole")
    assert list(left_out(tmp_path / "run")) == [gone] * (epoch == 2)


def test_a_run_whose_corrections_are_gone_says_so(pictures, train_mlp, killed, tmp_path):
    (tmp_path / "given.json").write_text('{"corrections": [{"name": "red/001.png", "decision": "exclude"}]}')
    killed(train_mlp, pictures, tmp_path / "run", corrections=tmp_path / "given.json")
    (tmp_path / "run" / "corrections.json").unlink()
    with pytest.raises(DataError, match=r"run/corrections.json cannot be read"):
        resume(tmp_path / "run")


def test_a_run_that_was_trained_but_not_saved_is_only_evaluated_and_saved(pictures, train_mlp, tmp_path):
    """As after a kill between the end of the training and the saving of the model."""
    train_mlp(pictures, tmp_path / "run")
    before = (tmp_path / "run" / "model" / "weights.safetensors").read_bytes()
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines[-4:]] == ["Evaluated", "Drawn", "Reported", "ModelSaved"]
    (tmp_path / "run" / "events.jsonl").write_text("\n".join(lines[:-3]) + "\n")
    shutil.rmtree(tmp_path / "run" / "model")
    steps: list[Event] = []
    resume(tmp_path / "run", callbacks=[lambda event: steps.append(event) if isinstance(event, StepDone) else None])
    assert not steps
    assert (tmp_path / "run" / "model" / "weights.safetensors").read_bytes() == before


def test_a_run_from_a_file_of_weights_keeps_them_until_its_first_checkpoint(pictures, train_mlp, killed, tmp_path):
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, initial_weights(eb.zoo.mlp(3, input_size=8), seed=77))
    whole = train_mlp(pictures, tmp_path / "whole", weights=weights).classifier
    killed(train_mlp, pictures, tmp_path / "run", weights=weights, at_epoch=1)
    weights.unlink()
    assert not Run(tmp_path / "run").has_checkpoint
    assert same(resume(tmp_path / "run").classifier, whole)
    assert not same(whole, train_mlp(pictures, tmp_path / "other").classifier)


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_run_with_a_given_split_needs_only_its_own_copy(pictures, train_mlp, killed, tmp_path, epoch):
    train_mlp(pictures, tmp_path / "one", epochs=1, split_seed=5)
    given = shutil.copy(tmp_path / "one" / "split.csv", tmp_path / "given.csv")
    killed(train_mlp, pictures, tmp_path / "run", split=given, at_epoch=epoch)
    given.unlink()
    result = resume(tmp_path / "run")
    assert result.test.pictures == 6
    assert (tmp_path / "run" / "split.csv").read_bytes() == (tmp_path / "one" / "split.csv").read_bytes()


def test_a_run_without_its_split_is_refused(run):
    (run / "split.csv").unlink()
    with pytest.raises(DataError, match=r"split\.csv cannot be read .*: put it back, or start a new run"):
        resume(run)


def test_a_run_on_a_dataset_continues_with_its_split(pictures, train_mlp, killed, tmp_path):
    dataset = eb.Dataset.open(pictures, seed=123)
    whole = train_mlp(dataset, tmp_path / "whole").classifier
    for name, epoch in (("early", 1), ("late", 2)):
        killed(train_mlp, dataset, tmp_path / name, at_epoch=epoch)
        assert same(resume(tmp_path / name).classifier, whole)


def test_a_run_on_images_in_memory_cannot_be_continued(killed, train_mlp, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
    killed(train_mlp, eb.Dataset.from_arrays(images, ["a", "b", "c"] * 20), tmp_path / "run")
    with pytest.raises(SettingsError, match=r"run was trained on images in memory: they cannot be read from the disk"):
        resume(tmp_path / "run")


def test_a_run_with_a_budget_that_ended_counts_the_epochs_that_it_had(pictures, tmp_path, monkeypatch):
    made = [0]
    monkeypatch.setattr(Plan, "more_steps", lambda plan: 20 - made[0])

    def count(event: Event) -> None:
        made[0] += isinstance(event, StepDone)

    train(pictures, tmp_path / "run", [count], minutes=5, epochs=0)
    with pytest.raises(SettingsError, match=r"4 epochs; .* --epochs 8"):
        resume(tmp_path / "run")
    with pytest.raises(SettingsError, match="already has 4"):
        resume(tmp_path / "run", epochs=4)
    monkeypatch.undo()
    assert len(resume(tmp_path / "run", epochs=5).classifier.history.loss) == 5
    request, _ = Run(tmp_path / "run").read()
    assert (request.training.minutes, request.training.extended_at) == (0.0, (4,))
