"""eyebright audit of images with boxes."""

import json

import pytest
from tests.tasks.detection.making import Scene, write_voc

import eyebright as eb
from eyebright.tasks.detection.model.detector import Detector


@pytest.fixture
def pictures(tmp_path):
    boxes = [("red", 10, 10, 30, 30), ("blue", 11, 10, 31, 30)]
    return write_voc(tmp_path / "set", [Scene(str(number), (100, 80), boxes) for number in range(3)], lists=False)


def test_findings_are_printed_in_80_columns_with_the_next_command(pictures, eyebright, tmp_path):
    finished = eyebright("audit", pictures)
    assert finished.code == 0 and "two classes: 3 findings in 3 images\n" in finished.out
    assert max(map(len, finished.out.splitlines())) <= max(80, len(f"  eyebright audit {pictures} --model RUN"))
    assert f"eyebright audit {pictures} -o FOLDER\n" in finished.out.replace(" \\\n   ", "")
    written = eyebright("audit", pictures, "-o", tmp_path / "out")
    assert f"Written: {tmp_path / 'out'}\n" in written.out and (tmp_path / "out" / "two_classes.png").exists()
    assert "already exists" in eyebright("audit", pictures, "-o", tmp_path / "out").err


def test_json_has_the_boxes_of_the_findings_of_a_detector(pictures, eyebright, tmp_path):
    Detector(eb.zoo.lite0_detector(1, input_size=64), ["red"], calibration=[(1.0, 20.0)]).save(tmp_path / "model")
    found = json.loads(eyebright("audit", pictures, "--model", tmp_path / "model", "--json").out)
    kinds = {one["kind"] for one in found["findings"]}
    assert {"two classes", "not labelled"} <= kinds and found["classes"] == {"blue": 3, "red": 3}
    assert all(len(box) == 4 for one in found["findings"] for box in one["corners"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--page", "a.html", "--review"), "--page, --review: not for images with boxes, leave them out"),
        (("-o", "set/out"), "is in the folder of images, where nothing is written"),
    ],
)
def test_what_means_nothing_for_boxes_is_refused(pictures, eyebright, monkeypatch, options, message):
    monkeypatch.chdir(pictures.parent)
    assert message in " ".join(eyebright("audit", pictures, *options).err.split())


def test_a_detector_is_refused_for_images_without_boxes(make_folder, eyebright):
    refused = eyebright("audit", make_folder(), "--model", "run").err
    assert refused == "Error: --model: not for images without boxes, leave it out\n"
