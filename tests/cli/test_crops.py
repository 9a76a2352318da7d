import csv
import json

import numpy as np
import pytest
from PIL import Image

from eyebright.cli import crops as commands
from eyebright.cli.pictures import Fetched


@pytest.fixture
def labelled(tmp_path):
    """Two images with three boxes of two classes, in the format of COCO."""
    folder, boxes = tmp_path / "labelled", [(1, 1, [5, 5, 20, 10]), (1, 2, [30, 20, 10, 10]), (2, 1, [0, 0, 10, 20])]
    folder.mkdir()
    stream = np.random.default_rng(0)
    for number in (1, 2):
        Image.fromarray(stream.integers(0, 256, (50, 60, 3), np.uint8)).save(folder / f"{number}.png")
    annotations = [
        {"id": at, "image_id": image, "category_id": label, "bbox": box, "iscrowd": 0}
        for at, (image, label, box) in enumerate(boxes)
    ]
    images = [{"id": number, "file_name": f"{number}.png", "width": 60, "height": 50} for number in (1, 2)]
    found = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "green"}],
    }
    (folder / "annotations.json").write_text(json.dumps(found))
    return folder


def test_labelled_boxes_are_cut_out_with_their_margin(labelled, tmp_path, eyebright) -> None:
    finished = eyebright("crops", labelled, "-o", tmp_path / "crops", "--margin", "0.2")
    assert finished.out.splitlines()[:3] == [f"Written: 3 crops in {tmp_path / 'crops'}", "  1 green", "  2 red"]
    assert "Too few images for a classifier: green, red." in finished.out  # the command would be refused
    assert "--fewest 3 --overwrite" in finished.out and "eyebright train" not in finished.out
    with Image.open(labelled / "1.png") as whole, Image.open(tmp_path / "crops" / "red" / "1_001.png") as crop:
        assert np.array_equal(np.asarray(crop), np.asarray(whole.crop((1, 3, 29, 17))))
    rows = list(csv.DictReader((tmp_path / "crops" / "metadata.csv").read_text().splitlines()))
    assert [(row["label"], row["group"]) for row in rows] == [("red", "1.png"), ("green", "1.png"), ("red", "2.png")]


def test_all_objects_can_be_of_one_class(labelled, tmp_path, eyebright) -> None:
    found = json.loads(eyebright("crops", labelled, "-o", tmp_path / "crops", "--classes", "one", "--json").out)
    assert found["counts"] == {"object": 3} and found["folder"] == str(tmp_path / "crops")


def test_what_is_missing_or_too_much_is_reported(labelled, tmp_path, eyebright) -> None:
    assert "add -o FOLDER" in eyebright("crops", labelled).err
    assert "is no detector" in eyebright("crops", labelled, labelled, "-o", tmp_path / "crops").err


def test_what_a_detector_finds_is_cut_out_and_what_cannot_be_opened_is_named(
    detector, images, tmp_path, eyebright
) -> None:
    levels, options = ("--threshold", "0.3"), ("-o", tmp_path / "crops", "--classes", "one", "--json")
    shown = json.loads(eyebright("crops", detector, images, *levels, *options).out)
    found = [json.loads(line) for line in eyebright("predict", detector, images, *levels, "--json").out.splitlines()]
    assert shown["counts"] == {"object": sum(len(one.get("objects", ())) for one in found)}
    assert [name for name, _ in shown["left_out"]] == [str(images / "c.png")]
    assert "expected eyebright crops" in eyebright("crops", detector, "-o", tmp_path / "other").err


def test_images_at_addresses_are_forgotten_one_after_the_other(detector, images, tmp_path, eyebright, monkeypatch):
    """A long stream must not stay in memory: at most what the threads read ahead, and a batch."""
    held, most, count = set(), [0], 160

    class Watched(Fetched):
        def __call__(self):
            held.add(self)
            most[0] = max(most[0], len(held))
            return (images / "a.png").read_bytes()

        def forget(self):
            held.discard(self)

    sources = [(f"https://example.org/{number}.png", Watched("")) for number in range(count)]
    monkeypatch.setattr(commands, "sources_of", lambda pictures: sources)
    monkeypatch.setattr(commands, "Fetched", Watched)
    assert eyebright("crops", detector, "https://example.org", "-o", tmp_path / "crops").code == 0
    assert not held and most[0] < count


def test_images_without_labels_are_background_where_that_is_said(labelled, tmp_path, eyebright) -> None:
    Image.new("RGB", (60, 50)).save(labelled / "3.png")
    assert "--unlabelled background" in eyebright("crops", labelled, "-o", tmp_path / "crops").err
    assert eyebright("crops", labelled, "-o", tmp_path / "crops", "--unlabelled", "background").code == 0
