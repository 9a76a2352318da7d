import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import eyebright as eb
from eyebright.tasks.detection.model.detector import Detector
from eyebright.training.events.results import Evaluated
from eyebright.training.receivers import read_events


def test_images_that_were_trained_on_are_left_out_and_counted(run: Path, eyebright, tmp_path):
    evaluation = json.loads(eyebright("evaluate", run, tmp_path / "pictures", "--json").out)
    test = next(event for event in read_events(run / "events.jsonl") if isinstance(event, Evaluated))
    assert evaluation["seen"] == 48 - test.pictures
    assert evaluation["pictures"] == test.pictures
    assert evaluation["accuracy"] == test.accuracy


def test_duplicates_of_training_images_with_other_names_are_recognised(run: Path, eyebright, tmp_path):
    copies = tmp_path / "copies"
    for index, path in enumerate(sorted((tmp_path / "pictures").glob("*/*.png"))):
        target = copies / path.parent.name / f"other{index}.bmp"
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as picture:
            picture.save(target)
    first = json.loads(eyebright("evaluate", run, tmp_path / "pictures", "--json").out)
    assert json.loads(eyebright("evaluate", run, copies, "--json").out) == first


def test_each_evaluation_is_logged(run: Path, eyebright, tmp_path):
    eyebright("evaluate", run, tmp_path / "pictures")
    looks = [event for event in read_events(run / "events.jsonl") if isinstance(event, Evaluated)]
    assert [look.side for look in looks] == ["test", str(tmp_path / "pictures")]


def test_prints_scores_and_the_confusion_matrix(run: Path, eyebright, tmp_path):
    out = eyebright("evaluate", run, tmp_path / "pictures").out
    for words in ("Accuracy ", "(95% interval ", "calibration error", "precision", "recall", "true class"):
        assert words in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_robustness_is_measured_where_it_is_asked_for(run: Path, eyebright, tmp_path):
    plain = json.loads(eyebright("evaluate", run, tmp_path / "pictures", "--json").out)
    found = json.loads(eyebright("evaluate", run, tmp_path / "pictures", "--robustness", "--json").out)
    robustness = found.pop("robustness")
    assert plain.pop("robustness") is None and plain == found
    assert robustness["clean"]["right"] == round(found["accuracy"] * found["pictures"])
    assert {one["name"] for one in robustness["corrupted"]} >= {"blur", "noise", "JPEG", "rotation"}
    out = eyebright("evaluate", run, tmp_path / "pictures", "--robustness").out
    assert f"Accuracy on {found['pictures']} images with mild corruptions\n" in out and "JPEG 2" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_class_that_the_model_does_not_know_is_an_error_with_both_lists(run: Path, eyebright, tmp_path):
    shutil.copytree(tmp_path / "pictures" / "red", tmp_path / "pictures" / "violet")
    finished = eyebright("evaluate", run, tmp_path / "pictures")
    assert finished.code == 1
    assert "does not know: violet" in finished.err
    assert "the classes of the model are blue, green, red" in finished.err
    assert finished.err.count("violet") == 1


def test_a_missing_class_is_allowed(run: Path, eyebright, tmp_path):
    shutil.rmtree(tmp_path / "pictures" / "red")
    evaluation = json.loads(eyebright("evaluate", run, tmp_path / "pictures", "--json").out)
    assert [score["pictures"] for score in evaluation["classes"]][2] == 0
    assert evaluation["classes"][2]["recall"] is None


def test_classes_are_matched_by_name_not_by_order(run: Path, eyebright, tmp_path):
    """Alone in its folder, "red" is the first class; it must still be evaluated as red."""
    only = tmp_path / "only" / "red"
    only.mkdir(parents=True)
    random = np.random.default_rng(11)
    for number in range(6):
        pixels = random.integers(0, 120, (20, 24, 3))
        pixels[:, :, 2] += 100
        Image.fromarray(pixels.astype(np.uint8)).save(only / f"{number}.png")
    evaluation = json.loads(eyebright("evaluate", run, only.parent, "--json").out)
    assert evaluation["confusion"][2] == [0, 0, 6]


def test_without_new_images_there_is_an_error(run: Path, eyebright, tmp_path):
    split = (run / "split.csv").read_text().splitlines()[1:]
    for line in split:
        name, _, side, _ = line.split(",")
        if side == "test":
            (tmp_path / "pictures" / name).unlink()
    finished = eyebright("evaluate", run, tmp_path / "pictures")
    assert finished.code == 1
    assert "the model was trained on all " in finished.err


def test_with_its_corrections_a_run_has_the_result_of_its_training(make_folder, quick, eyebright, tmp_path):
    """Every second image of red counts as green, in the test set too."""
    decisions = [
        {"name": f"red/{number:03d}.png", "decision": "relabel", "new_label": "green"} for number in range(0, 16, 2)
    ]
    given = ["--corrections", tmp_path / "corrections.json"]
    given[1].write_text(json.dumps({"corrections": decisions}))
    pictures = make_folder()
    assert eyebright("train", pictures, "-o", tmp_path / "run", *given, *quick).code == 0
    test = next(event for event in read_events(tmp_path / "run" / "events.jsonl") if isinstance(event, Evaluated))
    for options in (given, []):  # the run keeps its own
        found = json.loads(eyebright("evaluate", tmp_path / "run", pictures, *options, "--json").out)
        assert (found["accuracy"], found["loss"]) == (test.accuracy, test.loss)
    model = json.loads(eyebright("evaluate", shutil.move(tmp_path / "run" / "model", tmp_path), pictures, "--json").out)
    assert model["loss"] != test.loss and model["pictures"] == test.pictures  # alone it has none


def test_a_detector_is_evaluated_on_images_with_boxes(detector, images, tmp_path, eyebright) -> None:
    (images / "c.png").unlink()
    found, options = tmp_path / "out.json", ("--threshold", "0.3")  # an untrained detector draws boxes somewhere
    eyebright("predict", detector, images, *options, "--coco", found)
    (images / "annotations.json").write_text(found.read_text().replace(f"{images}/", ""))
    shown = json.loads(eyebright("evaluate", detector, images, "--json").out)
    assert shown["pictures"] == 2 and shown["map50"]["value"] > 0.5  # its own boxes
    assert eyebright("evaluate", detector, images).out.startswith("mAP50 ")
    assert eyebright("evaluate", detector, images, "--tta").err == "Error: --tta: not for a detector, leave it out\n"
    Image.new("RGB", (60, 60)).save(images / "empty.png")
    assert "--unlabelled background" in eyebright("evaluate", detector, images).err
    shown = json.loads(eyebright("evaluate", detector, images, "--unlabelled", "background", "--json").out)
    assert shown["pictures"] == 3


def test_a_detector_of_one_class_is_evaluated_on_labels_of_many(images, tmp_path, eyebright) -> None:
    (images / "c.png").unlink()
    Detector(eb.zoo.lite0_detector(1, input_size=64), ["object"], one_class=True).save(tmp_path / "model")
    rows = ["file,class,xmin,ymin,xmax,ymax", "a.png,red,0,0,20,20", "b.png,green,5,5,30,30"]
    (images / "boxes.csv").write_text("\n".join(rows))
    found = json.loads(eyebright("evaluate", tmp_path / "model", images, "--json").out)
    assert (found["boxes"], [one["name"] for one in found["classes"]]) == (2, ["object"])
