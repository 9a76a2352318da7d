import csv
import hashlib
import io
import itertools
import json
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console
from safetensors.numpy import load_file

import eyebright as eb
from eyebright.data.audit.findings import save
from eyebright.network import Add, Conv2d, Flatten, Input, Linear, Network, ReLU
from eyebright.report.progress import Display
from eyebright.report.screen import Terminal
from eyebright.runs import audit
from eyebright.runs.evaluate import evaluate
from eyebright.runs.folder import Run
from eyebright.runs.options import gather
from eyebright.runs.resume import resume
from eyebright.runs.train import run_request
from eyebright.system.errors import DataError, OutputError, SettingsError
from eyebright.training.events.event import Event, StepDone
from eyebright.training.events.fitting import MirroringChecked
from eyebright.training.events.results import Evaluated, ModelSaved
from eyebright.training.events.starting import Corrected, FitChosen, RunStarted
from eyebright.training.receivers import read_events

TINY = {"epochs": 1, "batch_size": 16, "precision": "float32", "flip": True}
NETWORK = eb.zoo.mlp(3, input_size=8)


def weights_of(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "model" / "weights.safetensors")


def same(one: Path, other: Path) -> bool:
    """Whether two runs have the same weights, bit for bit."""
    first, second = weights_of(one), weights_of(other)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def events_of(run: Path, kind: type) -> list[Event]:
    return [event for event in read_events(run / "events.jsonl") if isinstance(event, kind)]


def splits_of(run: Path) -> dict[str, str]:
    with (run / "split.csv").open(newline="") as file:
        return {row["name"]: row["split"] for row in csv.DictReader(file)}


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """For each file, folder and link: what it is, when it was written to, and a digest of its content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        digest = hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()
        found[str(path.relative_to(root))] = (
            status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, digest,
        )  # fmt: skip
    return found


def stop_at(epoch: int) -> Callable[[Event], None]:
    """A Ctrl-C during an epoch."""

    def receive(event: Event) -> None:
        if isinstance(event, StepDone) and event.epoch == epoch:
            raise KeyboardInterrupt

    return receive


# What is shown


def test_a_training_is_shown_once_unless_it_is_not_verbose(pictures, tmp_path, capsys):
    shown = {}
    for verbose in (True, False):
        run = tmp_path / f"run {verbose}"
        eb.train(pictures, run, network=NETWORK, verbose=verbose, **TINY)
        shown[verbose] = capsys.readouterr().out.splitlines()
    assert shown[False] == []
    for words in ("Found 48 images", "Test accuracy", "Model saved: "):
        assert sum(line.startswith(words) for line in shown[True]) == 1
    command = next((line for line in shown[True] if "eyebright train" in line), "")
    assert "PICTURES" not in command and "RUN" not in command


# What is in a run


def test_a_run_contains_everything_about_the_training(pictures, train_mlp, tmp_path):
    result = train_mlp(pictures, tmp_path / "run")
    run = Run(tmp_path / "run")
    assert {path.name for path in run.path.iterdir()} == {
        "config.toml", "network.json", "split.csv", "left_out.csv", "events.jsonl", "checkpoint", "curves.png", "model",
        "confusion.png", "report.html", ".lock",
    }  # fmt: skip
    with Image.open(run.curves) as curves:
        assert curves.format == "PNG"
    events = run.read_events()
    started = next(event for event in events if isinstance(event, RunStarted))
    assert (started.train, started.validation, started.test) == (36, 6, 6)
    assert started.classes == ("blue", "green", "red") and started.size == 8
    assert isinstance(events[-1], ModelSaved) and events[-2].path == str(run.report)
    (tested,) = (event for event in events if isinstance(event, Evaluated))
    assert (tested.side, tested.pictures, tested.accuracy) == ("test", 6, result.test.accuracy)
    assert (tested.low, tested.high) == result.test.interval
    assert result.path == run.path and not result.interrupted and run.is_complete
    assert eb.load(run.path).evaluate(eb.Dataset.open(pictures, seed=3).test).accuracy == result.test.accuracy


def test_an_interrupted_training_is_evaluated_and_saved_too(pictures, train_mlp, tmp_path):
    result = train_mlp(pictures, tmp_path / "run", callbacks=[stop_at(2)])
    assert result.interrupted and not Run(tmp_path / "run").is_complete
    assert (tmp_path / "run" / "model" / "model.json").exists()
    assert not resume(tmp_path / "run").interrupted
    train_mlp(pictures, tmp_path / "whole")
    assert same(tmp_path / "run", tmp_path / "whole")


def test_an_interrupt_before_the_training_leaves_no_run(pictures, train_mlp, tmp_path):
    def interrupt(event: Event) -> None:
        if getattr(event, "stage", "") == "preparing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_mlp(pictures, tmp_path / "run", callbacks=[interrupt])
    assert not (tmp_path / "run").exists()


def test_a_folder_whose_name_is_not_utf8_can_be_evaluated_on(pictures, train_mlp, tmp_path):
    train_mlp(pictures, tmp_path / "run", epochs=1)
    odd = tmp_path / "odd \udcff"
    shutil.copytree(pictures, odd)
    Image.new("RGB", (20, 24)).save(odd / "red" / "new.png")
    assert evaluate(tmp_path / "run", odd).pictures == 7
    assert events_of(tmp_path / "run", Evaluated)[-1].side.endswith(r"odd \udcff")


def test_a_run_that_is_replaced_predicts_until_the_new_model_is_saved(pictures, train_mlp, tmp_path):
    train_mlp(pictures, tmp_path / "run", epochs=1)
    before = weights_of(tmp_path / "run")
    with pytest.raises(OutputError, match="already exists"):
        train_mlp(pictures, tmp_path / "run")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):  # before the first epoch there is nothing to save
            train_mlp(pictures, tmp_path / "run", overwrite=True, callbacks=[stop_at(1)])
        current = eb.load(tmp_path / "run").get_weights()
        assert all(np.array_equal(before[name], value) for name, value in current.items())
    train_mlp(pictures, tmp_path / "run", overwrite=True)
    assert len(eb.load(tmp_path / "run").history.loss) == 3
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


# Options


def test_options_are_the_fields_of_request_and_settings(pictures, tmp_path):
    eb.train(
        pictures, tmp_path / "run", network="mlp", size=8, resize="stretch", validation=0.2, minutes=None, log="csv",
        exclude=["red/000.png"], learning_rate=1e-3, seed=7, **TINY,
    )  # fmt: skip
    request, network = Run(tmp_path / "run").read()
    assert network == NETWORK
    assert (request.network, request.size, request.resize, request.validation) == ("mlp", 8, "stretch", 0.2)
    assert (request.excluded, request.log, request.split_seed) == (("red/000.png",), ("csv",), 7)
    settings = eb.Settings(learning_rate=1e-3, seed=7, **TINY)
    assert request.training == settings.changed({"threads": request.training.threads, "device": "cpu"})
    assert "red/000.png" not in splits_of(tmp_path / "run")
    assert len((tmp_path / "run" / "epochs.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epoch": 3}, r"there is no option 'epoch': did you mean 'epochs'\?"),
        ({"minutes": 1, "epochs": 3}, "minutes and epochs contradict each other"),
        ({"size": "large"}, "Expected `int"),
        ({"log": "csw"}, "did you mean 'csv'"),
        ({"minutes": 0.1}, "too short"),
        ({"exclude": "audit.json"}, r"audit\.json"),
        ({"start_from": "nowhere"}, "nowhere does not exist"),
        ({"network": "flower_cnn"}, r"did you mean 'flowers_cnn'"),
    ],
)
def test_invalid_options_are_refused_before_the_work(options, words, pictures, tmp_path):
    with pytest.raises(eb.EyebrightError, match=words):
        eb.train(pictures, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_the_former_name_of_resize_is_accepted_with_a_warning(pictures, tmp_path):
    with pytest.warns(FutureWarning, match="the option fit is now called resize"):
        eb.train(pictures, tmp_path / "run", network=NETWORK, fit="stretch", **TINY)
    assert Run(tmp_path / "run").read()[0].resize == "stretch"


@pytest.mark.parametrize(
    "given", [{"group_by": "a"}, {"split": "split.csv"}, {"exclude": {"red/000.png"}}, {"corrections": "c.json"}]
)
def test_options_about_the_images_belong_to_a_dataset(given, pictures, tmp_path):
    with pytest.raises(SettingsError, match=r"a Dataset already has its groups.* give these options to Dataset\.open"):
        eb.train(eb.Dataset.open(pictures), tmp_path / "run", **given)


def test_findings_of_an_audit_are_left_out(pictures, train_mlp, tmp_path):
    (pictures / "red" / "zz.png").write_bytes((pictures / "red" / "000.png").read_bytes())
    save(audit.audit(pictures).audit, tmp_path / "audit.json")
    train_mlp(pictures, tmp_path / "run", epochs=1, exclude=tmp_path / "audit.json")
    assert len({"red/zz.png", "red/000.png"} & splits_of(tmp_path / "run").keys()) == 1
    excluded = Run(tmp_path / "run").read()[0].excluded
    train_mlp(pictures, tmp_path / "names", epochs=1, exclude=excluded)
    assert splits_of(tmp_path / "names") == splits_of(tmp_path / "run")


@pytest.fixture
def corrections(tmp_path) -> Path:
    """One image of red is green, one is left out, and one is not there."""
    path = tmp_path / "given.json"
    decisions = [
        {"name": "red/000.png", "decision": "relabel", "new_label": "green"},
        {"name": "red/001.png", "decision": "exclude"},
        {"name": "red/gone.png", "decision": "keep"},
    ]
    path.write_text(json.dumps({"corrections": decisions}))
    return path


def test_corrections_are_applied_reported_and_kept_with_the_run(pictures, corrections, train_mlp, tmp_path):
    events = []
    train_mlp(pictures, tmp_path / "run", epochs=1, corrections=corrections, callbacks=[events.append])
    (found,) = [event for event in events if isinstance(event, Corrected)]
    assert (found.relabelled, found.excluded, found.kept, found.missing) == (1, 1, 0, ("red/gone.png",))
    assert found in Run(tmp_path / "run").read_events()
    with (tmp_path / "run" / "split.csv").open() as file:
        classes = {row["name"]: row["class"] for row in csv.DictReader(file)}
    assert classes["red/000.png"] == "green" and "red/001.png" not in classes
    assert Counter(classes.values()) == {"blue": 16, "green": 17, "red": 14}
    kept = json.loads((tmp_path / "run" / "corrections.json").read_text())["corrections"]
    assert [(one["name"], one["decision"]) for one in kept] == [("red/000.png", "relabel"), ("red/001.png", "exclude")]


def test_a_run_with_corrections_is_repeated_by_its_config(pictures, corrections, train_mlp, tmp_path):
    train_mlp(pictures, tmp_path / "run", epochs=1, corrections=corrections)
    corrections.unlink()  # the run has its own
    request = gather({"output": str(tmp_path / "again")}, tmp_path / "run" / "config.toml")
    run_request(request)
    assert (tmp_path / "again" / "split.csv").read_bytes() == (tmp_path / "run" / "split.csv").read_bytes()
    weights = [eb.load(tmp_path / name).get_weights() for name in ("run", "again")]
    assert all(np.array_equal(value, weights[1][name]) for name, value in weights[0].items())


def test_corrections_of_other_images_are_refused_before_the_work(pictures, train_mlp, tmp_path):
    (tmp_path / "c.json").write_text('{"corrections": [{"name": "cat.png", "decision": "exclude"}]}')
    with pytest.raises(DataError, match=r"c.json belongs to other images: none of its 1 image \(cat.png\)"):
        train_mlp(pictures, tmp_path / "run", epochs=1, corrections=tmp_path / "c.json")
    assert not (tmp_path / "run").exists()


def test_a_data_set_brings_its_corrections_into_the_run(pictures, corrections, train_mlp, tmp_path):
    dataset = eb.Dataset.from_folder(pictures, seed=3, corrections=corrections)
    train_mlp(dataset, tmp_path / "first", epochs=1)
    train_mlp(pictures, tmp_path / "second", epochs=1, corrections=corrections)
    first, second = (tmp_path / name / "corrections.json" for name in ("first", "second"))
    assert json.loads(first.read_text())["corrections"] == json.loads(second.read_text())["corrections"]
    assert splits_of(tmp_path / "first") == splits_of(tmp_path / "second")


def test_no_choice_of_a_training_sees_the_images_that_are_held_back_for_a_promise(make_folder, train_mlp, tmp_path):
    """Other pixels and other classes of these images change neither weights nor temperature nor verdicts."""
    pictures = make_folder(count=60)
    first = train_mlp(pictures, tmp_path / "first", promise="accuracy=0.75").classifier
    sides = splits_of(tmp_path / "first")
    held_back = [name for name, side in sides.items() if side == "held_back"]
    assert Counter(sides.values()) == {"train": 126, "validation": 15, "held_back": 12, "test": 27}
    assert Counter(name.split("/")[0] for name in held_back) == {"blue": 4, "green": 4, "red": 4}
    (tmp_path / "split.csv").write_text("name,split\n" + "".join(f"{name},{side}\n" for name, side in sides.items()))
    for number, name in enumerate(held_back):
        blocks = np.random.default_rng(number).integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(blocks.repeat(4, axis=0).repeat(4, axis=1)).save(pictures / name)
    split = tmp_path / "split.csv"
    second = train_mlp(pictures, tmp_path / "second", promise="coverage=0.5", split=split).classifier
    assert splits_of(tmp_path / "second") == sides
    assert same(tmp_path / "first", tmp_path / "second")
    assert first.calibration == second.calibration
    assert [one.text for one in first.verdicts] == [one.text for one in second.verdicts]
    assert (first.metrics["validation"].loss, first.metrics["validation"].confusion) == (
        second.metrics["validation"].loss, second.metrics["validation"].confusion,
    )  # fmt: skip


@pytest.mark.parametrize("given", ["a folder", "a data set"])
def test_a_promise_that_takes_more_images_is_refused_before_the_training(given, pictures, train_mlp, tmp_path):
    images = pictures if given == "a folder" else eb.Dataset.from_folder(pictures)
    with pytest.raises(DataError, match=r"accuracy=0\.95 takes at least 59 held-back images, .* there are 3"):
        train_mlp(images, tmp_path / "run", promise="accuracy=0.95")
    assert not (tmp_path / "run").exists()


def test_without_an_output_the_run_is_named_after_the_images(pictures, train_mlp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train_mlp(Path("pictures"), None, epochs=1).path == Path("pictures_run")
    assert (tmp_path / "pictures_run" / "model").is_dir()


def test_mirroring_is_checked_unless_it_is_asked_for(pictures, train_mlp, tmp_path, monkeypatch):
    """Here, a mirrored image is said to show something else."""
    found = MirroringChecked(same=False, pictures=6, accuracy=1.0, mirrored_accuracy=0.0)
    monkeypatch.setattr("eyebright.runs.start.check_mirroring", lambda *_: found)
    train_mlp(pictures, tmp_path / "run", epochs=1)
    assert not Run(tmp_path / "run").read()[0].training.flip
    assert events_of(tmp_path / "run", MirroringChecked)
    train_mlp(pictures, tmp_path / "asked", epochs=1, flip=True)
    assert Run(tmp_path / "asked").read()[0].training.flip
    assert not events_of(tmp_path / "asked", MirroringChecked)


@pytest.mark.parametrize(("resize", "fit"), [("auto", "pad"), ("crop", "crop")])
def test_how_images_are_resized_is_decided_once_and_logged(resize, fit, train_mlp, tmp_path):
    random = np.random.default_rng(0)
    for number in range(48):
        place = tmp_path / "wide" / ("blue", "green", "red")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 70, 3), np.uint8)).save(place / f"{number}.png")
    train_mlp(tmp_path / "wide", tmp_path / "run", epochs=1, resize=resize)
    assert Run(tmp_path / "run").read()[0].resize == fit
    assert eb.load(tmp_path / "run").preparation.fit == fit
    (chosen,) = events_of(tmp_path / "run", FitChosen)
    assert chosen.fit == fit and chosen.lost == pytest.approx(1 - 20 / 70, abs=0.05)


# Images


def _images(path: Path, counts: dict[str, int]) -> None:
    for label, count in counts.items():
        (path / label).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(path / label / f"{number}.png")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "pictures"),
        (lambda path: path.write_text("x"), "pictures"),
        (lambda path: (path / "empty").mkdir(parents=True), "no images"),
        (lambda path: _images(path, {"only": 5}), "'only'"),
        (lambda path: _images(path, {"good": 5, os.fsdecode(b"bad \xff"): 5}), r"bad \\udcff"),
        (lambda path: _images(path, {"many": 5, "few": 2}), "class 'few' has 2"),
    ],
)
def test_images_that_cannot_be_trained_on_leave_no_run(make, words, train_mlp, tmp_path):
    make(tmp_path / "pictures")
    with pytest.raises(DataError, match=words):
        train_mlp(tmp_path / "pictures", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("output", ["pictures", "pictures/run", "."])
def test_a_run_is_never_written_among_its_images_or_in_their_place(output, pictures, train_mlp, tmp_path):
    before = state(pictures)
    with pytest.raises(OutputError):
        train_mlp(pictures, tmp_path / output, overwrite=True)
    assert state(pictures) == before


def test_files_that_cannot_be_opened_are_left_out_and_listed(pictures, train_mlp, tmp_path):
    good = (pictures / "red" / "000.png").read_bytes()
    bad = {"zero.png": b"", "cut.png": good[: len(good) // 2], "no image.jpg": b"hello", "名\n前 🌸.JPG": b"x"}
    for name, content in bad.items():
        (pictures / "red" / name).write_bytes(content)
    (pictures / "red" / ".hidden.png").write_bytes(b"")
    (pictures / "green" / "loop").symlink_to(pictures / "green")
    (pictures / "green" / "UPPER.PNG").write_bytes((pictures / "green" / "001.png").read_bytes())
    train_mlp(pictures, tmp_path / "run", epochs=1)
    (started,) = events_of(tmp_path / "run", RunStarted)
    assert len(started.left_out) == 4 and "red/zero.png: empty file" in started.left_out
    assert all("\n" not in name for name in started.left_out)
    with (tmp_path / "run" / "left_out.csv").open(newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {f"red/{name}" for name in bad}
    assert "green/UPPER.PNG" in splits_of(tmp_path / "run")


def test_a_given_split_is_kept_and_images_that_are_also_in_the_test_set_are_left_out(make_folder, train_mlp, tmp_path):
    train = make_folder("sides/train")
    shutil.copytree(train, tmp_path / "sides" / "test")
    for path in (tmp_path / "sides" / "test").glob("*/*.png"):
        if int(path.stem) >= 4:
            path.unlink()
    (train / "red" / "broken.png").write_bytes(b"no image")  # it is left out too, but does not leak
    result = train_mlp(tmp_path / "sides", tmp_path / "run", epochs=1)
    (started,) = events_of(tmp_path / "run", RunStarted)
    assert (started.leaking, started.test, result.test.pictures) == (12, 12, 12)
    assert started.train + started.validation == 36


def test_groups_in_names_stay_in_the_same_split_and_in_the_request(make_folder, train_mlp, tmp_path):
    pattern = r"0(\d)\d\.png"  # ten images of each class are one group
    with pytest.raises(DataError, match=r"class 'blue' has 2 .*at least 3"):
        train_mlp(make_folder(), tmp_path / "run", group_by=pattern)
    train_mlp(make_folder("more", count=32), tmp_path / "run", epochs=1, group_by=pattern)
    splits: dict[str, set[str]] = {}
    for name, split in splits_of(tmp_path / "run").items():
        splits.setdefault(name[:-5], set()).add(split)
    assert len(splits) == 12 and all(len(several) == 1 for several in splits.values())
    assert Run(tmp_path / "run").read()[0].group_by == pattern


def test_the_split_of_one_run_is_used_by_another(pictures, train_mlp, tmp_path, monkeypatch):
    train_mlp(pictures, tmp_path / "one", epochs=1, split_seed=5)
    monkeypatch.chdir(tmp_path)
    train_mlp(pictures, tmp_path / "two", epochs=1, split="one/split.csv")
    assert (tmp_path / "two" / "split.csv").read_bytes() == (tmp_path / "one" / "split.csv").read_bytes()
    assert Run(tmp_path / "two").read()[0].split == str(tmp_path / "one" / "split.csv")
    with pytest.raises(DataError, match=r"no\.csv cannot be read"):
        train_mlp(pictures, tmp_path / "three", split="no.csv")


def test_a_run_on_a_dataset_keeps_its_seed_and_shares(pictures, train_mlp, tmp_path):
    dataset = eb.Dataset.open(pictures, seed=123, validation=0.2, test=0.25)
    train_mlp(dataset, tmp_path / "run", epochs=1)
    request, _ = Run(tmp_path / "run").read()
    assert (request.pictures, request.split_seed) == (str(pictures), 123)
    assert (request.validation, request.test) == (0.2, 0.25)


@pytest.fixture
def sources(make_folder, tmp_path) -> Path:
    """The same images in every form, and among the others what is no image."""
    root = make_folder("inputs/folder")
    inputs, paths = tmp_path / "inputs", sorted(root.rglob("*.png"), reverse=True)
    lines = [f"{path},{path.parent.name}" for path in paths]
    (inputs / "table.csv").write_text("path,class\n" + "\n".join(lines))
    pixels, labels = np.stack([np.asarray(Image.open(path)) for path in paths]), [path.parent.name for path in paths]
    np.savez_compressed(inputs / "arrays.npz", images=pixels, labels=labels)
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    pq.write_table(pa.table({"image": images, "label": labels}), inputs / "embedded.parquet")
    with tarfile.open(inputs / "shard.tar", "w") as tar:
        for path in paths:
            tar.add(path, f"{path.parent.name}/{path.name}")
    shutil.copytree(root, inputs / "listed")
    (inputs / "listed" / "metadata.jsonl").write_text('{"file_name": "red/000.png", "text": "noise"}\n')
    (inputs / "listed" / "red" / "link.png").symlink_to("000.png")
    return inputs


def test_the_same_images_from_any_source_train_the_same_model_and_are_only_read(sources, tmp_path):
    fsspec.filesystem("memory").put(str(sources / "shard.tar"), "/at/shard.tar")
    before, runs = state(sources), []
    names = ("folder", "table.csv", "arrays.npz", "embedded.parquet", "shard.tar")
    for number, source in enumerate((*(sources / name for name in names), "memory://at/shard.tar")):
        runs.append(tmp_path / f"run {number}")
        eb.train(source, runs[-1], network=NETWORK, **TINY)
    assert all(same(runs[0], other) for other in runs[1:])
    assert state(sources) == before


def test_images_audits_splits_models_and_weights_are_only_read(sources, train_mlp, tmp_path):
    inputs, pictures = sources, sources / "listed"
    shutil.copy(pictures / "red" / "000.png", pictures / "red" / "again.png")
    (pictures / "red" / "broken.jpg").write_bytes(b"no image")
    train_mlp(pictures, inputs / "run", epochs=1)
    shutil.copytree(inputs / "run" / "model", inputs / "model")  # the log of a run records evaluations
    save(audit.audit(pictures).audit, inputs / "audit.json")
    before, model = state(inputs), inputs / "model"
    audit.audit(pictures)
    train_mlp(pictures, tmp_path / "left out", epochs=1, exclude=inputs / "audit.json")
    train_mlp(pictures, tmp_path / "split", epochs=1, split=inputs / "run" / "split.csv")
    train_mlp(pictures, tmp_path / "weights", epochs=1, weights=model / "weights.safetensors")
    eb.train(pictures, tmp_path / "from", start_from=model, split=inputs / "run" / "split.csv", **TINY)
    with pytest.raises(SettingsError, match="is complete"):
        resume(inputs / "run")
    evaluate(model, inputs / "arrays.npz")
    eb.load(model).predict(pictures / "red" / "000.png")
    eb.find_learning_rate(eb.Dataset.open(pictures), network=NETWORK)
    assert state(inputs) == before


def test_a_change_of_any_kind_would_be_seen(sources):
    states = [state(sources)]
    for change in (
        (sources / "table.csv").touch,
        lambda: (sources / "folder" / "new").write_bytes(b""),
        (sources / "folder" / "new").unlink,
        lambda: (sources / "arrays.npz").write_bytes((sources / "arrays.npz").read_bytes()[:-1] + b"x"),
    ):
        change()
        states.append(state(sources))
    assert all(earlier != later for earlier, later in itertools.pairwise(states))


@pytest.fixture
def signed() -> Iterator[str]:
    """The address of a shard of 24 images in fsspec's memory; two of them are the same."""
    system = fsspec.filesystem("memory")
    images = np.random.default_rng(5).integers(0, 256, (24, 16, 16, 3), np.uint8)
    images[2] = images[0]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number, pixels in enumerate(images):
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG")
            member = tarfile.TarInfo(f"{('red', 'blue')[number % 2]}/{number:02d}.png")
            member.size = len(content.getvalue())
            tar.addfile(member, io.BytesIO(content.getvalue()))
    system.pipe("/bucket/a-07.tar?token=secret", stream.getvalue())
    yield "memory://bucket/a-{07..07}.tar?token=secret"
    system.store.clear()


def test_the_token_of_an_address_is_only_in_config_toml(signed, tmp_path):
    """It is needed to read the images again."""
    run, findings, page, shown = tmp_path / "run", tmp_path / "audit.json", tmp_path / "audit.html", io.StringIO()
    with Display(Terminal(Console(file=shown, width=200))) as display:
        eb.train(signed, run, network=eb.zoo.mlp(2, input_size=8), callbacks=[display], **TINY)
        assert Run(run).read()[0].pictures == signed
        resume(run, epochs=2, callbacks=[display])
        assert evaluate(run, signed, callbacks=[display]).pictures > 0
        found = audit.audit(signed, callbacks=[display])
    save(found.audit, findings)
    audit.write_page(found, page)
    assert "secret" not in shown.getvalue()
    assert "memory://bucket/a-{07..07}.tar" in findings.read_text()
    written = [path for path in (*run.rglob("*"), findings, page) if path.is_file()]
    assert [path for path in written if b"secret" in path.read_bytes()] == [Run(run).config]
    assert "secret" not in str(eb.Dataset.open(signed).origin)


# Repeating, and several processes


def test_a_config_repeats_a_run_with_its_own_network_or_model_to_start_from(make_folder, tmp_path, monkeypatch):
    x = Conv2d(4, 3, padding="same", name="left")(start := Input((3, 12, 12))())
    network = Network(start, Linear(3, name="head")(Flatten()(Add()(x, ReLU()(x)))))
    (tmp_path / "net.json").write_text(network.to_json())
    eb.train(make_folder(), tmp_path / "own", network=str(tmp_path / "net.json"), resize="pad", **TINY)
    (tmp_path / "net.json").unlink()  # the run has its own
    assert Network.from_file(tmp_path / "own" / "network.json") == network
    assert {"left.weight", "head.bias"} <= weights_of(tmp_path / "own").keys()
    more = make_folder("more", classes=("red", "violet"), count=30)
    eb.train(more, tmp_path / "next", start_from=tmp_path / "own", **TINY)
    for name in ("own", "next"):
        monkeypatch.chdir(tmp_path / name)
        run_request(gather({"output": f"../{name} again"}, Path("config.toml")))
        assert same(tmp_path / name, tmp_path / f"{name} again")
        first, second = (tmp_path / run / "config.toml" for run in (name, f"{name} again"))
        assert first.read_text().replace(f"/{name}/", "/") == second.read_text().replace(f"/{name} again/", "/")


def test_a_grey_network_trains_on_files_in_colour_and_in_grey(make_folder, tmp_path):
    """A network in a file, images of both kinds: every one becomes grey, and the run goes on as any other."""
    folder = make_folder()
    for file in folder.glob("red/*"):
        Image.open(file).convert("L").save(file)
    network = Network.sequential(Input((1, 12, 12)), Flatten(), Linear(3))
    (tmp_path / "net.json").write_text(network.to_json())
    eb.train(folder, tmp_path / "run", network=str(tmp_path / "net.json"), **TINY)
    assert eb.load(tmp_path / "run").preparation.shape == (12, 12, 1)
    resume(tmp_path / "run", epochs=2)
    assert evaluate(tmp_path / "run", folder).pictures


def test_a_result_shows_how_good_the_model_is_and_how_to_go_on(pictures, train_mlp, tmp_path):
    result = train_mlp(pictures, tmp_path / "my run", verbose=False)
    shown = repr(result)
    assert shown.startswith(f"Run {tmp_path / 'my run'}\n")
    assert f"test accuracy  {result.test.accuracy:.1%} (" in shown
    assert f"eyebright predict '{tmp_path / 'my run'}' IMAGE" in shown
    assert "(interrupted)" in repr(result._replace(interrupted=True))
    assert "eyebright predict" in result._repr_html_()
    assert repr(Run(result.path)) == f"<Run {result.path}: finished>"


def test_what_is_no_path_of_images_or_of_a_run_is_refused() -> None:
    with pytest.raises(DataError, match="expected a Dataset, or a folder, a file or an address of images, got None"):
        eb.train(None)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="expected the folder of a run, got None"):
        eb.heal(None)  # type: ignore[arg-type]
