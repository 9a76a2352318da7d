import csv
import io
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyebright as eb
from eyebright.cli.objects import objects_text
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.predictor import Found, FoundObjects

LEVELS = ["--threshold", "0.3"]  # an untrained detector draws boxes somewhere


def test_the_objects_of_one_image_are_a_table_of_80_columns(detector, images, eyebright) -> None:
    finished = eyebright("predict", detector, images / "a.png", *LEVELS)
    title, header, *rows = finished.out.splitlines()
    assert finished.code == 0 and title.endswith(f"{len(rows)} objects")
    assert header.split() == ["class", "confidence", "x1", "y1", "x2", "y2"]
    sides = np.array([[float(cell) for cell in row.split()[2:]] for row in rows])
    assert (sides >= 0).all() and (sides[:, 2] <= 90).all() and (sides[:, 3] <= 60).all()
    confidences = [float(row.split()[1].rstrip("%")) for row in rows]
    assert confidences == sorted(confidences, reverse=True) and min(confidences) >= 30


def test_one_answer_needs_no_data_sets_no_networks_and_no_figures(detector, images) -> None:
    code = "import atexit, sys; from eyebright.cli.app import main; atexit.register(print, sys.modules); main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", detector, images / "a.png"], check=True, capture_output=True, text=True
    )
    imported = set(re.findall(r"'([\w.]+)': <module", done.stdout))
    assert "eyebright.tasks.detection.model.predictor" in imported
    assert not imported & {
        "eyebright.data.dataset", "eyebright.network.zoo", "eyebright.tasks.detection.data.dataset",
        "eyebright.report.history", "matplotlib", "torch", "urllib.request",
    }  # fmt: skip


def test_every_form_says_the_same_objects_and_what_cannot_be_opened(detector, images, tmp_path, eyebright) -> None:
    as_json = eyebright("predict", detector, images, *LEVELS, "--json", "--coco", tmp_path / "out.json")
    as_csv = eyebright("predict", detector, images, *LEVELS, "--csv")
    assert as_json.code == as_csv.code == 1
    shown = [json.loads(line) for line in as_json.out.splitlines()]
    assert [Path(one["name"]).name for one in shown] == ["a.png", "b.png", "c.png"] and shown[2]["error"]
    objects = [(one["name"], *found["box"]) for one in shown[:2] for found in one["objects"]]
    rows = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert rows[-1]["error"] == shown[2]["error"]
    assert [(row["name"], *(float(row[side]) for side in ("x1", "y1", "x2", "y2"))) for row in rows[:-1]] == objects
    coco = json.loads((tmp_path / "out.json").read_text())
    assert len(coco["annotations"]) == len(objects) > 0 and len(coco["images"]) == 2


def test_a_figure_shows_them_and_is_not_written_over(detector, images, tmp_path, eyebright) -> None:
    place = tmp_path / "boxes.png"
    assert f"Written: {place}" in eyebright("predict", detector, images, *LEVELS, "--figure", place).err
    with Image.open(place) as drawn:
        assert drawn.width > 500
    assert "already exists" in eyebright("predict", detector, images, "--figure", place).err
    assert "in the folder of images" in eyebright("predict", detector, images, "--coco", images / "out.json").err


def test_a_classifier_names_each_object(detector, images, tmp_path, eyebright) -> None:
    eb.Classifier(eb.zoo.mlp(2, input_size=4), classes=["stop", "yield"]).save(tmp_path / "signs")
    options = (*LEVELS, "--then", tmp_path / "signs")
    answer = json.loads(eyebright("predict", detector, images / "a.png", *options, "--json").out)
    assert {one["name"]["label"] for one in answer["objects"]} <= {"stop", "yield"}
    assert all(one["label"] in ("red", "green") and 0 <= one["name"]["confidence"] <= 1 for one in answer["objects"])
    table = eyebright(
        "predict",
        detector,
        images / "a.png",
        *options,
        "--coco",
        tmp_path / "named.json",
        "--figure",
        tmp_path / "named.png",
    )
    assert table.out.splitlines()[1].split()[:4] == ["class", "confidence", "box", "confidence"]
    assert {one["name"] for one in json.loads((tmp_path / "named.json").read_text())["categories"]} >= {"stop", "yield"}
    rows = list(csv.DictReader(io.StringIO(eyebright("predict", detector, images, *options, "--csv").out)))
    assert rows[0]["named"] in ("stop", "yield") and rows[-1]["named"] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tta", "--top", "3"), "--tta, --top: not for a detector, leave them out"),
        (("--promise", "accuracy=0.9"), "--promise: not for a detector, leave it out"),
        (("--threshold", "2"), "--threshold is a confidence above 0, up to 1; got 2"),
        (("--coco", "out.csv"), "--coco expects a JSON file, got out.csv: use out.json"),
        (("--json", "--csv"), "use only one of --json and --csv"),
    ],
)
def test_options_that_mean_nothing_are_refused_in_a_line(detector, images, eyebright, options, message) -> None:
    finished = eyebright("predict", detector, images, *options)
    assert finished.code == 1 and finished.err.strip() == f"Error: {message}"


@pytest.mark.skipif(not find_spec("onnxruntime"), reason="needs onnxruntime")
def test_an_exported_detector_finds_the_same_objects_and_is_inspected(images, tmp_path, eyebright) -> None:
    detector, place = tmp_path / "model", tmp_path / "onnx"
    Detector(eb.zoo.lite0_detector(2, input_size=64), ["red", "green"], seed=4).save(detector)
    assert f"eyebright predict {place} IMAGES" in eyebright("export", detector, "--to", "onnx", "-o", place).out
    ours, theirs = (eyebright("predict", model, images / "a.png", *LEVELS).out for model in (detector, place))
    assert ours == theirs
    assert eyebright("inspect", place).out.startswith("Exported detector of 2 classes\n")
    shown = json.loads(eyebright("inspect", place, "--json").out)
    assert shown["proof"]["images"] > 10 and shown["export"]["task"] == "detect"


def test_a_detector_cannot_name_objects_and_a_classifier_finds_none(detector, images, tmp_path, eyebright) -> None:
    assert "needs a classifier" in eyebright("predict", detector, images, "--then", detector).err
    eb.Classifier(eb.zoo.mlp(2, input_size=4), classes=["stop", "yield"]).save(tmp_path / "signs")
    refused = eyebright("predict", tmp_path / "signs", images, "--coco", tmp_path / "out.json")
    assert refused.err == "Error: --coco: not for a classifier, leave it out\n"


def test_objects_in_a_few_words() -> None:
    def shown(*labels: str) -> str:
        objects = tuple(Found(label=label, confidence=0.5, box=(0, 0, 1, 1)) for label in labels)
        return objects_text(FoundObjects(name="", width=1, height=1, objects=objects))

    assert shown() == "nothing found"
    assert shown("a", "b", "b") == "2 b, 1 a"
    assert shown("a", "b", "b", "c") == "2 b, 1 a and 1 more"


def test_train_makes_a_detector_of_images_with_boxes(images, tmp_path, eyebright) -> None:
    """Squares on noise, in two classes."""
    (images / "c.png").unlink()
    stream = np.random.default_rng(1)
    shown: dict[str, list] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "dark"}, {"id": 2, "name": "light"}],
    }
    for number in range(12):
        pixels = stream.integers(90, 160, (64, 64, 3), np.uint8)
        left, top = stream.integers(0, 40, 2).tolist()
        pixels[top : top + 20, left : left + 20] = 255 * (number % 2)
        Image.fromarray(pixels).save(images / f"{number:02d}.png")
        shown["images"].append({"id": number, "file_name": f"{number:02d}.png", "width": 64, "height": 64})
        shown["annotations"].append(
            {"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": [left, top, 20, 20]}
        )
    (images / "annotations.json").write_text(json.dumps(shown))
    options = ("-o", tmp_path / "run", "--epochs", "1", "--size", "64", "--json")
    assert "--unlabelled background" in eyebright("train", images, *options).err  # two images have no labels
    finished = eyebright("train", images, *options, "--unlabelled", "background")
    assert finished.code == 0 and json.loads(finished.out)["test"]["pictures"] > 0
    assert eyebright("predict", tmp_path / "run", images / "00.png").code == 0
    assert eyebright("train", images, "--heal").err == "Error: --heal: not for a detector, leave it out\n"
    assert "one_class is only for a detector" in eyebright("train", tmp_path, "--one-class").err
