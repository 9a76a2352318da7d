import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(run: Path, tmp_path: Path) -> Path:
    return tmp_path / "pictures" / "red" / "003.png"


def test_a_sheet_is_drawn_and_a_line_printed_for_each_image(run, picture, eyebright, tmp_path) -> None:
    finished = eyebright("explain", run, picture.parent, "-o", tmp_path / "why.png")
    assert finished.code == 0, finished.err
    lines = finished.out.splitlines()
    assert sum(not line.startswith("  no answer") for line in lines) == 16 and max(map(len, lines)) <= 80
    assert any(line.endswith("%") and " red " in line for line in lines)
    assert finished.err.endswith(f"Written: {tmp_path / 'why.png'}\n")
    with Image.open(tmp_path / "why.png") as sheet:
        assert sheet.format == "PNG"


def test_json_has_the_class_its_probability_and_the_map(run, picture, eyebright) -> None:
    """The probability is that of predict; the map of one class is not that of another."""
    predicted = json.loads(eyebright("predict", run, picture, "--json").out)
    found = {
        label: json.loads(eyebright("explain", run, picture, "--class", label, "--json").out)
        for label in ("red", "green", "blue")
    }
    for label, answer in found.items():
        assert (answer["name"], answer["class"], answer["prediction"]) == (str(picture), label, predicted["label"])
        assert answer["reason"] == "" and answer["unfamiliarity"] == pytest.approx(predicted["unfamiliarity"])
        assert answer["probability"] == pytest.approx(predicted["probabilities"][label], abs=1e-6)
        assert np.shape(answer["importance"]) == (6, 6)
    assert found["red"]["importance"] != found["green"]["importance"]
    unasked = json.loads(eyebright("explain", run, picture, "--json").out)
    assert unasked == found[next(iter(predicted["probabilities"]))]


def test_without_an_answer_the_reason_is_reported(strict, picture, eyebright, tmp_path) -> None:
    """The most probable class is explained: that of predict, with the reason that predict gives."""
    predicted = json.loads(eyebright("predict", strict, picture, "--json").out)
    answer = json.loads(eyebright("explain", strict, picture, "--json").out)
    assert answer["prediction"] is None and predicted["label"] is None
    assert answer["class"] == next(iter(predicted["probabilities"]))
    assert answer["reason"] == predicted["reason"] == "unlike the training images"
    assert answer["unfamiliarity"] == pytest.approx(predicted["unfamiliarity"])
    row, why = eyebright("explain", strict, picture, "-o", tmp_path / "why.png").out.splitlines()
    assert answer["class"] in row
    assert re.fullmatch(r"  no answer: unlike the training images \(unfamiliarity [\d,.]+, limit 1\.0\)", why)


def test_without_an_output_the_message_says_what_to_add(run, picture, eyebright) -> None:
    finished = eyebright("explain", run, picture)
    assert finished.code == 1 and "add -o why.png to draw the maps, or --json" in finished.err


def test_an_unknown_class_is_refused_with_the_nearest(run, picture, eyebright, tmp_path) -> None:
    finished = eyebright("explain", run, picture, "-o", tmp_path / "why.png", "--class", "rad")
    assert finished.code == 1 and "the model has no class 'rad': did you mean 'red'?" in finished.err


def test_a_damaged_image_is_a_row_and_the_others_are_explained(run, picture, eyebright, tmp_path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    finished = eyebright("explain", run, tmp_path / "bad.jpg", picture, "-o", tmp_path / "why.png")
    assert finished.code == 1
    assert "cannot be opened: " in finished.out.splitlines()[0]
    assert (tmp_path / "why.png").is_file()


def test_no_image_is_replaced_and_only_png_is_drawn(run, picture, eyebright, tmp_path) -> None:
    content = picture.read_bytes()
    assert eyebright("explain", run, picture, "-o", picture, "--overwrite").code == 1
    assert picture.read_bytes() == content
    assert "why.png" in eyebright("explain", run, picture, "-o", tmp_path / "why.jpg").err


def test_of_many_images_the_first_are_drawn_and_the_rest_are_counted(
    run, picture, eyebright, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("eyebright.report.explanations.MAX_SHOWN", 2)
    finished = eyebright("explain", run, picture.parent, "-o", tmp_path / "why.png")
    assert "(the first 2 of 16)" in finished.err and len(finished.out.splitlines()) == 2
