import json
import shutil
from pathlib import Path

import pytest

from eyebright.model.folder import read_model


@pytest.fixture
def promising(make_folder, eyebright, quick, made_once, tmp_path) -> Path:
    """A finished run that has promised something."""

    def make(folder: Path) -> None:
        options = [*quick, "--promise", "accuracy=0.7"]
        finished = eyebright("train", make_folder(folder / "pictures", count=60), "-o", folder / "run", *options)
        assert finished.code == 0, finished.err
        assert "held back for the promise" in " ".join(finished.out.split())
        assert "Promise accuracy=0.7, by 12 held-back images" in finished.out
        assert "promised: at least 70.0%" in " ".join(finished.out.split())

    made_once("promising", make)
    return tmp_path / "run"


def test_a_promise_is_made_later_reported_and_written(promising: Path, eyebright) -> None:
    finished = eyebright("promise", promising, "accuracy=0.5")
    assert finished.code == 0 and finished.out.startswith("Promise accuracy=0.5, by 12 held-back images")
    assert f"Model saved: {promising / 'model'}" in finished.out
    found = json.loads(eyebright("promise", promising, "coverage=0.6", "--json").out)
    assert (found["promise"], found["images"]) == ("coverage=0.6", 12)
    assert read_model(promising).card.promise.promise == "coverage=0.6"


def test_predict_and_evaluate_take_another_promise_for_once(promising: Path, eyebright, make_folder) -> None:
    more = make_folder("more", count=5)
    found = eyebright("evaluate", promising, more, "--promise", "accuracy-per-class=0.3", "--json")
    assert json.loads(found.out)["promise"]["promise"] == "accuracy-per-class=0.3"
    (image, *_) = sorted((more / "red").iterdir())
    labels = [json.loads(line)["labels"] for line in eyebright(
        "predict", promising, image, "--promise", "coverage=0.6", "--json").out.splitlines()]  # fmt: skip
    assert labels in ([["red"]], [[]]) or len(labels[0]) > 1
    assert read_model(promising).card.promise.promise == "accuracy=0.7"


def test_sets_of_labels_are_printed_for_one_image_and_for_many(promising: Path, eyebright, make_folder) -> None:
    eyebright("promise", promising, "coverage=0.6")
    images = sorted((make_folder("more", count=3) / "red").iterdir())
    lines = eyebright("predict", promising, *images).out.splitlines()
    assert all(line.endswith("  red") or "no answer: unlike" in line for line in lines) and "%" not in "".join(lines)
    single = [eyebright("predict", promising, image).out for image in images]
    assert any(text.startswith("The set of labels of this image: red.\n") for text in single)


def test_what_cannot_be_promised_is_refused_in_plain_words(run: Path, eyebright) -> None:
    for command in (("promise", run), ("predict", run, "x.png", "--promise"), ("evaluate", run, "x", "--promise")):
        finished = eyebright(*command, "accuracy=0.9")
        assert finished.code == 1 and f"eyebright promise {run} accuracy=0.9 --on PICTURES" in finished.err
    for more in ((), ("--on", "no folder")):  # the promise is checked before images are read
        finished = eyebright("promise", run, "accuracy=100", *more)
        assert finished.code == 1 and "above 0 and below 1" in finished.err


def test_images_that_proved_a_promise_before_are_refused_with_the_way_out(
    promising: Path, eyebright, make_folder
) -> None:
    more = make_folder("more", count=20)
    assert eyebright("promise", promising, "coverage=0.6", "--on", more).code == 0
    finished = eyebright("promise", promising, "coverage=0.5", "--on", more)
    assert finished.code == 1 and "this model has used all 60 images that can be opened before" in finished.err
    assert "give other images, or none, so that the promise rests on" in finished.err
    assert eyebright("promise", promising, "coverage=0.5").code == 0


def test_the_images_that_were_left_out_and_each_class_are_reported(promising: Path, eyebright, make_folder) -> None:
    more, pictures = make_folder("more", count=20), json.loads((promising / "model" / "model.json").read_text())
    shutil.copy(next((more / "red").iterdir()), more / "red" / "copy.png")
    (more / "red" / "broken.png").write_bytes(b"no image")
    finished = eyebright("promise", promising, "accuracy-per-class=0.5", "--on", more)
    assert finished.out.splitlines()[:2] == [
        "17 images left out: used for the model before, in training or for a promise.",
        "1 image left out: cannot be opened.",
    ]
    lines = finished.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("class"))
    assert lines[at].split() == ["class", "confidence", "needed", "images", "answered"]
    assert [line.split()[0] for line in lines[at + 1 : at + 4]] == pictures["classes"]
    found = eyebright("evaluate", promising, make_folder("new", count=7)).out
    assert "promise accuracy-per-class=0.5" in found.splitlines()
