import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from eyebright.network import initial_weights, zoo
from eyebright.system import files
from eyebright.training.events import Evaluated, ModelSaved, RunStarted, read_events


def test_a_run_holds_what_the_design_says(run: Path):
    names = {
        "config.toml",
        "network.json",
        "split.csv",
        "left_out.csv",
        "events.jsonl",
        "checkpoint",
        "curves.png",
        "model",
    }
    assert {path.name for path in run.iterdir()} == {*names, ".lock"}
    with Image.open(run / "curves.png") as curves:
        assert curves.format == "PNG"


def test_events_tell_the_run_from_start_to_saved_model(run: Path):
    events = read_events(run / "events.jsonl")
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], ModelSaved)
    assert [event.side for event in events if isinstance(event, Evaluated)] == ["test"]
    assert events[0].train + events[0].validation + events[0].test == 48


def test_prints_what_was_found_done_and_what_to_do_next(make_folder, eyebright, quick, tmp_path):
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick)
    for words in ("48 pictures in 3 classes", "3/3", "Test accuracy", "95 % interval", "eyebright predict"):
        assert words in finished.out
    assert all(len(line) <= 80 for line in finished.out.replace(str(tmp_path), "").splitlines())


def test_json_goes_to_stdout_alone(make_folder, eyebright, quick, tmp_path):
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", "--json", *quick)
    result = json.loads(finished.out)
    assert result["test"]["pictures"] > 0
    assert result["run"] == str(tmp_path / "run")


def test_the_same_seed_gives_the_same_weights(make_folder, eyebright, quick, tmp_path):
    pictures = make_folder()
    for name in ("one", "two"):
        assert eyebright("train", pictures, "-o", tmp_path / name, *quick).code == 0
    one, two = (load_file(tmp_path / name / "model" / "weights.safetensors") for name in ("one", "two"))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_an_interrupted_run_goes_on_to_the_same_model(make_folder, eyebright, quick, tmp_path, monkeypatch):
    pictures = make_folder()
    eyebright("train", pictures, "-o", tmp_path / "whole", *quick)
    with monkeypatch.context() as patch:
        _interrupt_in_epoch(2, patch)
        stopped = eyebright("train", pictures, "-o", tmp_path / "run", *quick)
    assert stopped.code == 130
    assert f"eyebright train --resume {tmp_path / 'run'}" in stopped.out
    assert (tmp_path / "run" / "model" / "model.json").exists()
    resumed = eyebright("train", "--resume", tmp_path / "run")
    assert resumed.code == 0, resumed.err
    whole, run = (load_file(tmp_path / name / "model" / "weights.safetensors") for name in ("whole", "run"))
    assert all(np.array_equal(whole[name], run[name]) for name in whole)


def test_an_interrupt_before_the_first_epoch_says_how_to_go_on(make_folder, eyebright, quick, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _interrupt_in_epoch(1, patch)
        stopped = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick)
    assert stopped.code == 130
    assert "eyebright train --resume" in stopped.err
    asked = eyebright("predict", tmp_path / "run", "x.png")
    assert asked.code == 1
    assert "run without a model yet" in asked.err
    assert eyebright("train", "--resume", tmp_path / "run").code == 0


def test_pictures_that_vanish_are_told_and_the_run_goes_on(make_folder, eyebright, quick, tmp_path, monkeypatch):
    pictures = make_folder()
    with monkeypatch.context() as patch:
        _interrupt_in_epoch(2, patch)
        eyebright("train", pictures, "-o", tmp_path / "run", *quick)
    (pictures / "red" / "000.png").unlink()
    resumed = eyebright("train", "--resume", tmp_path / "run")
    assert resumed.code == 0, resumed.err
    assert "Gone since the run began, and left out from now on: 1 (all in left_out.csv)" in resumed.out
    assert "red/000.png" in resumed.out
    (pictures / "red" / "new.png").write_bytes((pictures / "red" / "001.png").read_bytes())
    resumed = eyebright("train", "--resume", tmp_path / "run", "--epochs", "5")
    assert resumed.code == 1
    assert "1 picture(s) (red/new.png)" in resumed.err
    assert "eyebright train PICTURES --from" in resumed.err


def test_a_finished_run_gets_more_epochs_and_nothing_else(run, eyebright):
    resumed = eyebright("train", "--resume", run, "--epochs", "30", "--batch-size", "4")
    assert resumed.code == 1
    assert "leave out batch_size" in resumed.err
    resumed = eyebright("train", "--resume", run, "--epochs", "5")
    assert resumed.code == 0, resumed.err
    words = "Up to epoch 5 instead of 3: after those that were planned, the learning rate falls anew, from a tenth of "
    assert f"{words}its peak, 0.0003." in " ".join(resumed.out.split())
    assert "   5/5 " in resumed.out and "   3/5 " not in resumed.out
    assert "Traceback" not in eyebright("train", "--resume", run, "--config", "run.toml").err


def test_a_run_that_was_trained_but_not_saved_is_finished_on_resume(run, eyebright):
    """As after a kill between the end of training and the saving of the model."""
    before = (run / "model" / "weights.safetensors").read_bytes()
    lines = (run / "events.jsonl").read_text().splitlines()
    (run / "events.jsonl").write_text("\n".join(lines[:-2]) + "\n")
    shutil.rmtree(run / "model")
    resumed = eyebright("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert (run / "model" / "weights.safetensors").read_bytes() == before


def test_an_interrupt_while_pictures_are_prepared_promises_no_run(make_folder, eyebright, quick, tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("eyebright.data.pack"), "_append", interrupted)
    stopped = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick)
    assert stopped.code == 130
    assert "before the training began" in stopped.err
    assert not (tmp_path / "run").exists()


def test_overwriting_twice_keeps_the_last_run_that_has_a_model(run, eyebright, quick, tmp_path, monkeypatch):
    for _ in range(2):
        with monkeypatch.context() as patch:
            _interrupt_in_epoch(1, patch)
            eyebright("train", tmp_path / "pictures", "-o", run, "--overwrite", *quick)
    assert eyebright("predict", run, tmp_path / "pictures" / "red" / "000.png").code == 0


def test_a_folder_that_only_looks_like_a_run_is_left_alone(make_folder, eyebright, quick, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "config.toml").write_text("title = 'mine'")
    finished = eyebright("train", make_folder(), "-o", site, "--overwrite", *quick)
    assert finished.code == 1
    assert "left alone" in finished.err
    assert (site / "config.toml").exists()


def test_the_seed_of_a_data_set_is_kept_for_resuming(make_folder, eyebright, tmp_path, monkeypatch):
    import eyebright as eb

    pictures = eb.Dataset.from_folder(make_folder(), seed=123)
    settings = eb.Settings(epochs=3, batch_size=8, seed=3)
    whole = eb.train(pictures, tmp_path / "whole", network="flowers_cnn", size=16, settings=settings)

    def interrupt(event):
        if getattr(event, "epoch", 0) == 2:
            raise KeyboardInterrupt

    eb.train(pictures, tmp_path / "run", network="flowers_cnn", size=16, settings=settings, callbacks=[interrupt])
    assert eyebright("train", "--resume", tmp_path / "run").code == 0
    run = load_file(tmp_path / "run" / "model" / "weights.safetensors")
    assert all(np.array_equal(values, run[name]) for name, values in whole.classifier.get_weights().items())


def test_a_complete_run_is_not_resumed(run, eyebright):
    resumed = eyebright("train", "--resume", run)
    assert resumed.code == 1
    assert "is complete" in resumed.err


def test_an_output_that_exists_is_kept_unless_overwritten(run, eyebright, quick, tmp_path):
    before = (run / "model" / "model.json").read_bytes()
    refused = eyebright("train", tmp_path / "pictures", "-o", run, *quick)
    assert refused.code == 1
    assert "already exists" in refused.err
    assert "--overwrite" in refused.err
    assert (run / "model" / "model.json").read_bytes() == before
    assert eyebright("train", tmp_path / "pictures", "-o", run, "--overwrite", *quick, "--epochs", "1").code == 0
    assert (run / "model" / "model.json").read_bytes() != before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("output", ["pictures", "pictures/run", "."])
def test_pictures_are_never_written_into_or_replaced(output, make_folder, eyebright, quick, tmp_path):
    pictures = make_folder()
    before = sorted(pictures.rglob("*"))
    finished = eyebright("train", pictures, "-o", tmp_path / output, "--overwrite", *quick)
    assert finished.code == 1
    assert "left alone" in finished.err or "lie in each other" in finished.err
    assert sorted(pictures.rglob("*")) == before


def test_a_run_that_is_being_overwritten_still_answers(run, eyebright, quick, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _interrupt_in_epoch(1, patch)
        eyebright("train", tmp_path / "pictures", "-o", run, "--overwrite", *quick)
    asked = eyebright("predict", run, tmp_path / "pictures" / "red" / "000.png")
    assert asked.code == 0
    assert "most likely belongs to" in asked.out


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no folders"),
        (lambda path: path.write_text("x"), "is a file"),
        (lambda path: (path / "empty").mkdir(parents=True), "no pictures"),
        (lambda path: _pictures(path, {"only": 5}), "only one class, 'only'"),
        (lambda path: _pictures(path, {"good": 5, os.fsdecode(b"bad \xff"): 5}), r"bad \udcff cannot name a class"),
        (lambda path: _pictures(path, {"many": 5, "few": 2}), "class 'few' has 2 picture"),
    ],
)
def test_a_folder_that_cannot_be_learned_from_is_explained(make, words, eyebright, tmp_path):
    make(tmp_path / "pictures")
    finished = eyebright("train", tmp_path / "pictures", "-o", tmp_path / "run")
    assert finished.code == 1
    assert words in finished.err
    assert "Traceback" not in finished.err
    assert not (tmp_path / "run").exists()


def test_bad_files_are_left_out_and_listed(make_folder, eyebright, quick, tmp_path):
    pictures = make_folder()
    good = (pictures / "red" / "000.png").read_bytes()
    bad = {"zero.png": b"", "cut.png": good[: len(good) // 2], "no picture.jpg": b"hello", "名\n前 🌸.JPG": b"x"}
    for name, content in bad.items():
        (pictures / "red" / name).write_bytes(content)
    (pictures / "red" / ".hidden.png").write_bytes(b"")
    (pictures / "green" / "loop").symlink_to(pictures / "green")
    (pictures / "green" / "UPPER.PNG").write_bytes((pictures / "green" / "001.png").read_bytes())
    finished = eyebright("train", pictures, "-o", tmp_path / "run", *quick)
    assert finished.code == 0, finished.err
    assert "cannot be opened: 4" in finished.out
    assert "zero.png: empty file" in finished.out
    listed = (tmp_path / "run" / "left_out.csv").read_text()
    assert all(word in listed for word in ("zero.png", "cut.png", "no picture.jpg", "名\n前 🌸.JPG"))


def test_more_than_half_of_a_class_bad_is_an_error(make_folder, eyebright, quick, tmp_path):
    pictures = make_folder(count=6)
    for number in range(4):
        (pictures / "red" / f"{number:03d}.png").write_bytes(b"")
    finished = eyebright("train", pictures, "-o", tmp_path / "run", *quick)
    assert finished.code == 1
    assert "4 of the 6 pictures of class 'red' cannot be opened" in finished.err


def test_no_room_on_the_disk_is_found_before_training(make_folder, eyebright, quick, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick)
    assert finished.code == 1
    assert "make room" in finished.err
    assert not (tmp_path / "run").exists()


def test_an_output_below_a_file_is_found_before_training(make_folder, eyebright, quick, tmp_path):
    (tmp_path / "file").write_text("x")
    finished = eyebright("train", make_folder(), "-o", tmp_path / "file" / "run", *quick)
    assert finished.code == 1
    assert "file is a file" in finished.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_without_permission_is_found_before_training(make_folder, eyebright, quick, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    finished = eyebright("train", make_folder(), "-o", tmp_path / "locked" / "run", *quick)
    assert finished.code == 1
    assert "no permission to write" in finished.err


def test_without_torch_it_says_what_to_install(make_folder, tmp_path):
    program = "import sys; sys.modules['torch'] = None; from eyebright.cli.app import main; main()"
    command = [sys.executable, "-c", program, "train", make_folder(), "-o", tmp_path / "run", "--size", "16"]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 1
    assert "pip install 'eyebright[train]'" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--augment", "flop"], "'flop' is unknown"),
        (["--augment", "zoom=much"], "'much' in 'zoom=much' is no number"),
        (["--augment", "rotation=2"], "rotation must be from 0 to 0.5"),
        (["--epochs", "0", "--network", "lenet5"], "epochs = 0 would leave the weights"),
        (["--epochs", "-1"], "epochs must be from 0"),
        (["--weights", "published"], "contradict each other: auto finds its own weights"),
        (["--minutes", "1", "--epochs", "3"], "--minutes and --epochs contradict each other"),
        (["--minutes", "0.05"], "0.05 minutes are too few: starting, judging and saving take"),
        (["--network", "flower_cnn"], "did you mean 'flowers_cnn'"),
        (["--size", "4", "--network", "flowers_cnn"], "larger than its input"),
        (["--size", "0", "--network", "flowers_cnn"], "each from 1 to 65536, got (3, 0, 0)"),
        (["--network", "missing.json"], "missing.json cannot be read"),
        (["--validation", "0.6", "--test", "0.6"], "below 1 together"),
        (["--resume", "elsewhere"], "leave out output, pictures"),
        (["--split", "split.csv", "--test", "0.3"], "split = split.csv and test = 0.3 contradict each other"),
        (["--log", "csw"], "did you mean 'csv'"),
        (["--resume", "run", "--config", "run.toml"], "leave out config, output, pictures"),
    ],
)
def test_settings_that_make_no_sense_are_explained(options, words, make_folder, eyebright, tmp_path):
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *options)
    assert finished.code == 1
    assert words in finished.err
    assert not (tmp_path / "run").exists()


def test_a_size_that_is_not_that_of_the_networks_file_is_named_with_it(make_folder, eyebright, tmp_path):
    (tmp_path / "net.json").write_text(zoo.mlp(3, input_size=12).to_json())
    arguments = ["train", make_folder(), "-o", tmp_path / "run", "--network", tmp_path / "net.json", "--epochs", "1"]
    finished = eyebright(*arguments, "--size", "32")
    assert finished.code == 1
    assert "size = 32 and network = " in finished.err and "12x12; leave out the size" in finished.err
    assert eyebright(*arguments, "--size", "12").code == 0


def test_given_sides_are_respected_and_leaks_left_out(make_folder, eyebright, quick, tmp_path):
    train = make_folder("sides/train")
    shutil.copytree(train, tmp_path / "sides" / "test")
    for path in (tmp_path / "sides" / "test").glob("*/*.png"):
        if int(path.stem) >= 4:
            path.unlink()
    finished = eyebright("train", tmp_path / "sides", "-o", tmp_path / "run", *quick)
    assert finished.code == 0, finished.err
    assert "very same pictures are on a later side: 12" in finished.out
    assert "12 to test" in finished.out


def test_trains_a_network_from_a_file(make_folder, eyebright, tmp_path):
    (tmp_path / "net").write_text(zoo.mlp(3, input_size=12).to_json())  # whatever its name ends in
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", "--network", tmp_path / "net", "--epochs", "1")
    assert finished.code == 0, finished.err
    assert "at 12x12" in " ".join(finished.out.split())


def test_a_network_file_trains_to_a_model_that_holds_the_very_network(make_folder, eyebright, tmp_path):
    from eyebright.network import Add, Conv2d, Flatten, Input, Linear, Network, ReLU

    pictures = Input((3, 12, 12))()
    x = Conv2d(4, 3, padding="same", name="left")(pictures)
    network = Network(pictures, Linear(3, name="head")(Flatten()(Add()(x, ReLU()(x)))))
    (tmp_path / "my_net.json").write_text(network.to_json())
    arguments = ["train", make_folder(), "-o", tmp_path / "run", "--network", tmp_path / "my_net.json", "--epochs", "1"]
    assert eyebright(*arguments).code == 0
    assert Network.from_json((tmp_path / "run" / "network.json").read_text()) == network
    assert {"left.weight", "head.bias"} <= load_file(tmp_path / "run" / "model" / "weights.safetensors").keys()


def test_training_starts_from_a_file_of_weights(make_folder, eyebright, quick, tmp_path):
    """With a learning rate of next to nothing the weights stay what they were given."""
    weights = {name: values + 1 for name, values in initial_weights(zoo.flowers_cnn(3, input_size=16)).items()}
    save_file(weights, tmp_path / "ckpt.safetensors")
    pictures = make_folder()
    for given in ("ckpt", "ckpt.safetensors"):
        run = tmp_path / f"run from {given}"
        finished = eyebright(
            "train", pictures, "-o", run, "--weights", tmp_path / given, *quick,
            "--learning-rate", "1e-9", "--epochs", "1",
        )  # fmt: skip
        assert finished.code == 0, finished.err
        learned = load_file(run / "model" / "weights.safetensors")
        assert all(np.allclose(learned[name], values, atol=1e-4) for name, values in weights.items())


def test_weights_for_other_classes_get_a_new_head(make_folder, eyebright, quick, tmp_path):
    weights = {name: values + 1 for name, values in initial_weights(zoo.flowers_cnn(7, input_size=16)).items()}
    save_file(weights, tmp_path / "seven.safetensors")
    finished = eyebright(
        "train", make_folder(), "-o", tmp_path / "run", "--weights", tmp_path / "seven.safetensors", *quick,
        "--learning-rate", "1e-9", "--epochs", "1",
    )  # fmt: skip
    assert finished.code == 0, finished.err
    learned = load_file(tmp_path / "run" / "model" / "weights.safetensors")
    assert np.allclose(learned["conv_1.weight"], weights["conv_1.weight"], atol=1e-4)
    assert learned["dense_2.weight"].shape == (3, 128)
    assert abs(learned["dense_2.weight"].mean()) < 0.5  # drawn anew, not from those around 1


def test_training_starts_from_published_weights_at_their_size(make_folder, eyebright, quick, tmp_path, monkeypatch):
    """flowers_cnn plays a published network; its file lies in the cache, where a download would have put it."""
    weights = {name: values + 1 for name, values in initial_weights(zoo.flowers_cnn(5, input_size=20)).items()}
    monkeypatch.setitem(zoo.WEIGHTS, "flowers_cnn", zoo.Published("flowers-0123abcd.pth"))
    monkeypatch.setitem(zoo.NETWORKS, "flowers_cnn", zoo.named_network("flowers_cnn")._replace(input_size=20))
    save_file(weights, files.cache_folder("weights") / "flowers-0123abcd.safetensors")
    finished = eyebright(
        "train", make_folder(), "-o", tmp_path / "run", "--weights", "published", "--batch-size", "8",
        "--network", "flowers_cnn", "--learning-rate", "1e-9", "--epochs", "1",
    )  # fmt: skip
    assert finished.code == 0, finished.err
    assert "at 20x20" in " ".join(finished.out.split())
    learned = load_file(tmp_path / "run" / "model" / "weights.safetensors")
    assert np.allclose(learned["conv_3.weight"], weights["conv_3.weight"], atol=1e-4)


def test_a_run_from_given_weights_goes_on_to_the_same_model(make_folder, eyebright, quick, tmp_path, monkeypatch):
    pictures = make_folder()
    save_file(initial_weights(zoo.flowers_cnn(3, input_size=16), seed=77), tmp_path / "ckpt.safetensors")
    given = ["--weights", tmp_path / "ckpt.safetensors", *quick]
    eyebright("train", pictures, "-o", tmp_path / "whole", *given)
    with monkeypatch.context() as patch:
        _interrupt_in_epoch(1, patch)
        eyebright("train", pictures, "-o", tmp_path / "run", *given)
    resumed = eyebright("train", "--resume", tmp_path / "run")
    assert resumed.code == 0, resumed.err
    whole, run = (load_file(tmp_path / name / "model" / "weights.safetensors") for name in ("whole", "run"))
    assert all(np.array_equal(whole[name], run[name]) for name in whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--network", "flowers_cnn", "--weights", "nowhere.safetensors"],
            "nowhere.safetensors: give a file of weights",
        ),
        (["--network", "flowers_cnn", "--weights", "published"], "no weights are published for 'flowers_cnn'"),
        (
            ["--network", "flowers_cnn", "--weights", "other.safetensors"],
            "conv_1.weight: expected (16, 3, 3, 3), got (8, 3, 3, 3)",
        ),
        (["--network", "flowers_cnn", "--weights", "net.json"], "net.json"),
        (["--network", "net.json", "--weights", "published"], "net.json"),
    ],
)
def test_weights_that_do_not_fit_are_explained(options, words, make_folder, eyebright, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net").write_text(zoo.mlp(3, input_size=12).to_json())  # whatever its name ends in
    weights = initial_weights(zoo.flowers_cnn(3, input_size=24)) | {"conv_1.weight": np.zeros((8, 3, 3, 3), np.float32)}
    save_file(weights, tmp_path / "other.safetensors")
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *options)
    assert finished.code == 1
    assert words in finished.err
    assert "Traceback" not in finished.err
    assert not (tmp_path / "run").exists()


def _pictures(path: Path, counts: dict[str, int]) -> None:
    for label, count in counts.items():
        (path / label).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(path / label / f"{number}.png")


def _interrupt_in_epoch(epoch: int, patch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C while an epoch is learned."""
    from eyebright.report.progress import Display
    from eyebright.training.events import StepDone

    show = Display.__call__

    def interrupted(self, event):
        show(self, event)
        if isinstance(event, StepDone) and event.epoch == epoch:
            raise KeyboardInterrupt

    patch.setattr(Display, "__call__", interrupted)


def test_the_same_pictures_from_any_source_train_the_same_model(make_folder, eyebright, quick, tmp_path):
    root = make_folder()
    paths = sorted(root.rglob("*.png"), reverse=True)
    lines = [f"{path},{path.parent.name}" for path in paths]
    (tmp_path / "table.csv").write_text("path,class\n" + "\n".join(lines))
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths[::-1]])
    np.savez_compressed(tmp_path / "arrays.npz", images=pixels, labels=[path.parent.name for path in paths[::-1]])
    pq.write_table(
        pa.table({
            "image": [{"bytes": path.read_bytes(), "path": path.name} for path in paths],
            "label": [path.parent.name for path in paths],
        }),
        tmp_path / "embedded.parquet",
    )  # fmt: skip
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for path in paths:
            tar.add(path, f"{path.parent.name}/{path.name}")
    fsspec.filesystem("memory").put(str(tmp_path / "shard.tar"), "/at/shard.tar")
    names = ("table.csv", "arrays.npz", "embedded.parquet", "shard.tar")
    for number, source in enumerate((root, *(tmp_path / name for name in names), "memory://at/shard.tar")):
        finished = eyebright("train", source, "-o", tmp_path / f"{number}_run", *quick)
        assert finished.code == 0, finished.err
    first, *others = (load_file(file) for file in sorted(tmp_path.glob("*_run/model/weights.safetensors")))
    assert len(others) == 5
    for other in others:
        assert all(np.array_equal(first[name], other[name]) for name in first)


def test_groups_told_by_an_expression_stay_on_one_side_and_in_the_run(make_folder, eyebright, quick, tmp_path):
    pattern = r"0(\d)\d\.png"  # ten pictures of each class are one group
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", "--group-by", pattern, *quick)
    assert finished.code == 1
    assert "class 'blue' has 2 group(s) of pictures to share out: it needs at least 3" in finished.err
    pictures = make_folder("more", count=32)
    assert eyebright("train", pictures, "-o", tmp_path / "run", "--group-by", pattern, *quick).code == 0
    sides: dict[str, set[str]] = {}
    for line in (tmp_path / "run" / "split.csv").read_text().splitlines()[1:]:
        name, _, side, _ = line.split(",")
        sides.setdefault(name[:-5], set()).add(side)
    assert len(sides) == 12 and all(len(side) == 1 for side in sides.values())
    assert 'group_by = "0(\\\\d)\\\\d\\\\.png"' in (tmp_path / "run" / "config.toml").read_text()


def test_the_split_of_one_run_is_used_by_another_and_resumed(make_folder, eyebright, quick, tmp_path):
    pictures = make_folder()
    assert eyebright("train", pictures, "-o", tmp_path / "one", "--seed", "5", *quick).code == 0
    split = (tmp_path / "one" / "split.csv").read_bytes()
    (tmp_path / "copy.csv").write_bytes(split)
    arguments = ["train", pictures, "-o", tmp_path / "two", "--split", tmp_path / "copy.csv", *quick]
    assert eyebright(*arguments).code == 0
    (tmp_path / "copy.csv").unlink()  # the run has its own
    assert (tmp_path / "two" / "split.csv").read_bytes() == split
    finished = eyebright("train", "--resume", tmp_path / "two")
    assert "is complete" in finished.err and "copy.csv" not in finished.err
    finished = eyebright(
        "train", make_folder("others"), "-o", tmp_path / "three", "--split", tmp_path / "no.csv", *quick
    )
    assert finished.code == 1 and "no.csv cannot be read" in finished.err


def test_long_pictures_are_shown_whole_unless_one_asks_for_crops(eyebright, quick, tmp_path):
    stream = np.random.default_rng(0)
    for number in range(48):
        place = tmp_path / "long" / "abc"[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stream.integers(0, 256, (20, 70, 3), np.uint8)).save(place / f"{number}.png")
    finished = eyebright("train", tmp_path / "long", "-o", tmp_path / "run", *quick)
    assert "cropping would leave out" in finished.out
    assert 'fit = "pad"' in (tmp_path / "run" / "config.toml").read_text()
    finished = eyebright("train", tmp_path / "long", "-o", tmp_path / "other", "--fit", "crop", *quick)
    assert "Cropping leaves out 7" in finished.out and "--fit pad" in finished.out
    assert 'fit = "crop"' in (tmp_path / "other" / "config.toml").read_text()


def test_every_change_of_the_pictures_can_be_asked_for(make_folder, eyebright, quick, tmp_path):
    changes = "flip,shift=0.2,shear,brightness,contrast=0.3,saturation,hue,erasing,mixup=0.4,cutmix"
    run = tmp_path / "run"
    assert eyebright("train", make_folder(), "-o", run, *quick, "--augment", changes).code == 0
    config = (run / "config.toml").read_text()
    for line in ("flip = true", "rotation = 0.0", "shift = 0.2", "hue = 0.05", "mixup = 0.4", "cutmix = 1.0"):
        assert line in config
    finished = eyebright("train", make_folder("more"), "-o", run, *quick, "--augment", "blur")
    assert finished.code == 1 and "'blur' is unknown; known are flip, rotation, zoom, shift" in finished.err


def test_a_run_whose_split_is_gone_is_not_begun_anew(run, eyebright):
    lines = (run / "events.jsonl").read_text().splitlines()
    kept = [line for line in lines if '"Stopped"' not in line and '"ModelSaved"' not in line]
    (run / "events.jsonl").write_text("\n".join(kept) + "\n")
    (run / "split.csv").unlink()
    finished = eyebright("train", "--resume", run)
    assert finished.code == 1 and "split.csv cannot be read" in finished.err


def test_any_setting_can_be_set_by_its_name(make_folder, eyebright, quick, tmp_path):
    run = tmp_path / "run"
    given = [
        "optimizer=sgd",
        "weight_decay=5e-4",
        "frozen=conv_1,conv_2",
        "nesterov=false",
        "accumulation=2",
        "epochs=2",
    ]
    arguments = [word for setting in given for word in ("--set", setting)]
    finished = eyebright("train", make_folder(), "-o", run, *quick, *arguments)
    assert finished.code == 0, finished.err
    training = tomllib.loads((run / "config.toml").read_text())
    assert (training["optimizer"], training["weight_decay"], training["nesterov"]) == ("sgd", 5e-4, False)
    assert (training["frozen"], training["accumulation"], training["epochs"]) == (["conv_1", "conv_2"], 2, 2)
    assert eyebright("predict", run, next((tmp_path / "pictures").rglob("*.png"))).code == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("emma=0.9", "--set emma=0.9: there is no setting 'emma': did you mean 'ema'?"),
        ("ema", "--set ema: expected NAME=VALUE, as in --set ema=0.999"),
        ("epochs=many", "--set epochs=many: Expected `int`, got `str`"),
        ("nesterov=perhaps", "--set nesterov=perhaps: Expected `bool`, got `str`"),
        ("ema=2", "ema must be from 0 to 0.999999, got 2"),
        ("schedule=linear", "--set schedule=linear: Invalid enum value 'linear'"),
        ("frozen=conv_9", "frozen: there is no layer or stage 'conv_9': did you mean 'conv_"),
        ("optimizer=sgd", "weight_decay=0.3 and optimizer='sgd' contradict each other"),
    ],
)
def test_a_setting_that_cannot_be_is_explained_before_any_work(given, words, make_folder, eyebright, quick, tmp_path):
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick, "--set", given)
    assert finished.code == 1
    assert words in finished.err
    assert not (tmp_path / "run").exists()


def test_a_learning_rate_is_suggested_and_drawn_instead_of_trained(make_folder, eyebright, quick, tmp_path):
    figure = tmp_path / "rate.png"
    finished = eyebright("train", make_folder(), "--find-lr", "-o", figure, *quick)
    assert finished.code == 0, finished.err
    suggested = re.search(r"Suggested: --learning-rate (\S+)\n", finished.out)
    assert 1e-5 < float(suggested[1]) < 1
    command = f"eyebright train {tmp_path / 'pictures'} -o RUN --network flowers_cnn --learning-rate {suggested[1]}"
    assert f"  {command}" in finished.out.splitlines()
    with Image.open(figure) as drawn:
        assert drawn.format == "PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "rate.png"}
    told = json.loads(eyebright("train", tmp_path / "pictures", "--find-lr", "--json", *quick).out)
    assert float(f"{told['suggestion']:.2g}") == float(suggested[1])
    assert len(told["rates"]) == len(told["losses"]) == len(told["smoothed"])


@pytest.mark.parametrize("network", ["auto", "mlp", ""])
def test_a_learning_rate_is_told_with_the_network_that_it_is_for(network, make_folder, eyebright):
    """`--network auto` has no rate to find: it tries networks of its own."""
    named = ["--network", network] if network else []
    finished = eyebright("train", make_folder(), "--find-lr", "--size", "16", "--batch-size", "8", *named)
    assert finished.code == 0, finished.err
    assert f"-o RUN --network {'mlp' if network == 'mlp' else 'flowers_cnn'} --learning-rate" in finished.out


def test_a_learning_rate_is_not_found_for_a_model_to_start_from(make_folder, eyebright, tmp_path):
    finished = eyebright("train", make_folder(), "--find-lr", "--from", tmp_path / "old")
    assert finished.code == 1
    assert "--find-lr and --from" in finished.err and "exclude each other" in finished.err
    assert "Suggested" not in finished.out


def test_the_figure_of_the_learning_rate_is_a_png(make_folder, eyebright, quick, tmp_path):
    finished = eyebright("train", make_folder(), "--find-lr", "-o", tmp_path / "run", *quick)
    assert finished.code == 1 and "-o names the figure, as in -o learning_rate.png" in finished.err


def test_a_loss_that_bursts_is_explained_with_pictures_and_the_run_can_be_looked_at(
    make_folder, eyebright, quick, tmp_path, monkeypatch
):
    wild = [
        "--set",
        "optimizer=sgd",
        "--set",
        "weight_decay=0",
        "--set",
        "learning_rate=100",
        "--set",
        "warmup_epochs=0",
    ]
    finished = eyebright("train", make_folder(), "-o", tmp_path / "run", *quick, *wild)
    assert finished.code == 1
    assert re.search(
        r"became (nan|inf) in epoch \d, step \d+, on (blue|green|red)/0\d\d\.png, .*: try a learning", finished.err
    )
    assert "Traceback" not in finished.err


def test_an_address_is_trained_on_resumed_judged_and_audited(make_folder, eyebright, quick, tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(make_folder(), "pictures")
    fsspec.filesystem("memory").put(str(tmp_path / "shard.tar"), "/run/a-07.tar")
    address = "memory://run/a-{07..07}.tar"
    with monkeypatch.context() as patch:
        _interrupt_in_epoch(2, patch)
        assert eyebright("train", address, "-o", tmp_path / "run", *quick).code == 130
    assert f'pictures = "{address}"' in (tmp_path / "run" / "config.toml").read_text()
    finished = eyebright("train", "--resume", tmp_path / "run")
    assert finished.code == 0, finished.err
    assert json.loads(eyebright("evaluate", tmp_path / "run", address, "--json").out)["pictures"] > 0
    assert eyebright("audit", address, "-o", tmp_path / "audit.json").code == 0
    assert json.loads((tmp_path / "audit.json").read_text())["origin"] == address
