"""New images for the model of a run that was given groups and corrections."""

import csv
from pathlib import Path

import pytest
from PIL import Image

import eyebright as eb
from eyebright.data.corrections import Correction, Corrections, save
from eyebright.data.unlabelled import Alike
from eyebright.runs.evaluate import evaluate
from eyebright.runs.folder import Run
from eyebright.runs.new_images import alike


@pytest.fixture
def run(make_folder, train_mlp, made_once, tmp_path: Path) -> Run:
    """A run on four groups of ten images of each class."""

    def make(folder: Path) -> None:
        train_mlp(make_folder(folder / "pictures", count=40), folder / "run", group_by=r"(\d)\d\.png")

    made_once("groups", make)
    return Run(tmp_path / "run")


@pytest.fixture
def pictures(run: Run, tmp_path: Path) -> Path:
    """The images of the run."""
    return tmp_path / "pictures"


def decide(run: Run, decision: str, **more: str) -> str:
    """Decide about a test image of red, as a training would have kept it; its name."""
    with run.split.open() as file:
        row = next(row for row in csv.DictReader(file) if row["split"] == "test" and row["class"] == "red")
    correction = Correction(name=row["name"], decision=decision, label="red", digest=row["digest"], **more)
    save(Corrections(corrections=(correction,)), run.corrections)
    return row["name"]


def test_images_of_a_group_of_the_run_are_one_group_in_diff_and_drift(run: Run, make_folder) -> None:
    more = make_folder("more", count=25)
    for file in more.glob("*/*.png"):
        with Image.open(file) as image:
            image.point(lambda value: value // 2 + 40).save(file)  # none of them is among the training images
    found, drifted = eb.diff(run.path, run.path, more, verbose=False), eb.drift(run.path, more, verbose=False)
    assert found.pictures == drifted.pictures == 75
    assert found.groups == drifted.groups[1] == 9  # three of each class: 00 to 09, 10 to 19, 20 to 24
    assert evaluate(run.path, more).groups == 9


def test_labels_are_those_that_were_corrected_for_the_run(run: Run, pictures: Path) -> None:
    before = {score.name: score.pictures for score in evaluate(run.path, pictures).classes}
    name = decide(run, "relabel", new_label="blue")
    after = {score.name: score.pictures for score in evaluate(run.path, pictures).classes}
    assert after == before | {"red": before["red"] - 1, "blue": before["blue"] + 1}
    compared = eb.diff(run.path, run.path, pictures, verbose=False)
    assert {change.name: change.first.of for change in compared.classes} == {
        name: count for name, count in after.items() if count
    }
    one = eb.diff(run.path, run.path, [pictures / name], verbose=False)  # alone it has no label
    assert one.pictures == 1 and one.accuracies is None


def test_images_that_were_left_out_of_the_run_are_left_out(run: Run, pictures: Path) -> None:
    before = [eb.drift(run.path, pictures, verbose=False).pictures, evaluate(run.path, pictures).pictures]
    decide(run, "exclude")
    after = [eb.drift(run.path, pictures, verbose=False).pictures, evaluate(run.path, pictures).pictures]
    assert after == [count - 1 for count in before]


def test_other_images_with_names_of_another_kind_are_seen_as_they_are(run: Run, make_folder) -> None:
    decide(run, "exclude")
    more = make_folder("more", count=4)
    for file in sorted(more.glob("*/*.png")):
        file.rename(file.with_name(f"x{chr(97 + int(file.stem))}.png"))
    assert evaluate(run.path, more).groups == 0 and eb.drift(run.path, more, verbose=False).groups[1] == 12


def test_nothing_is_known_of_a_model_alone_and_of_two_runs_each_thing_once(run: Run, tmp_path: Path) -> None:
    eb.load(run.path).save(tmp_path / "alone")
    decide(run, "exclude")
    assert alike(tmp_path / "alone") == Alike()
    assert alike(run.path, tmp_path / "alone", run.path) == Alike((r"(\d)\d\.png",), (run.corrections,))
