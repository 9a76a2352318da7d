"""Images with boxes, packed and split: each set gets its share of each class, and copies stay together."""

import shutil

import numpy as np
import pytest
from PIL import Image
from tests.tasks.detection.making import Scene, scenes, write_voc

from eyebright.data.pictures import Preparation
from eyebright.system.errors import DataError, SettingsError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare, strata
from eyebright.tasks.detection.geometry.boxes import Boxes
from eyebright.tasks.detection.runs.opening import split_csv

INPUT = Preparation(width=64, height=64, fit="pad")


def names_of(prepared, side):
    return [prepared.dataset.source.names[index] for index in prepared.indices(side).tolist()]


def test_boxes_lie_on_their_objects_in_the_resized_images(tmp_path):
    drawn = [Scene(f"{n}", (50 + n, 40), [("dog", 10, 5, 30, 35)]) for n in range(6)]
    prepared = prepare(BoxDataset.open(write_voc(tmp_path, drawn, lists=False)), INPUT)
    for index, boxes in enumerate(prepared.boxes):
        blue = prepared.pack.read([index])[0, :, :, 1] < 60  # noise is 90 or more
        x1, y1, x2, y2 = boxes.corners[0]
        assert blue.sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.1)
        assert blue[round(y1) + 1 : round(y2) - 1, round(x1) + 1 : round(x2) - 1].all()


def test_given_sets_stay_and_others_are_made_of_whole_groups(tmp_path):
    prepared = prepare(BoxDataset.open(write_voc(tmp_path / "given", scenes(12))), INPUT)
    assert sorted(names_of(prepared, "test")) == [f"JPEGImages/img {number:02d}.png" for number in (2, 5, 8, 11)]
    free = write_voc(tmp_path / "free", scenes(12), lists=False)
    for number in (3, 4, 5):  # a copy of an image with other labels
        shutil.copy(free / f"JPEGImages/img {number:02d}.png", free / f"JPEGImages/z{number}.png")
        shutil.copy(free / f"Annotations/img {number:02d}.xml", free / f"Annotations/z{number}.xml")
    prepared = prepare(BoxDataset.open(free), INPUT)
    sides = dict(zip(prepared.dataset.source.names, prepared.sides.tolist(), strict=True))
    assert all(sides[f"JPEGImages/img {number:02d}.png"] == sides[f"JPEGImages/z{number}.png"] for number in (3, 4, 5))
    assert set(sides.values()) == {0, 1, 2} and not prepared.leaks


def test_the_split_depends_on_the_images_alone(tmp_path):
    first = prepare(BoxDataset.open(write_voc(tmp_path / "a", scenes(12), lists=False)), INPUT)
    renamed = write_voc(tmp_path / "b", scenes(12), lists=False)
    for number in range(12):
        for folder, suffix in (("JPEGImages", "png"), ("Annotations", "xml")):
            file = renamed / folder / f"img {number:02d}.{suffix}"
            file.rename(file.with_stem(f"{99 - number}"))
    second = prepare(BoxDataset.open(renamed), INPUT)
    for side in ("train", "validation", "test"):
        one, other = (prepared.pack.digests.at(prepared.indices(side)) for prepared in (first, second))
        assert list(one) == list(other)


def test_strata_are_the_rarest_classes_and_small_ones_are_joined():
    boxes = [
        Boxes.of([[0, 0, 9, 9]] * len(labels), labels) for labels in [[0]] * 5 + [[0, 1]] * 4 + [[2]] * 2 + [[]] * 3
    ]
    alone = np.arange(14)
    assert strata(boxes, alone, np.ones(14, bool)).tolist() == [1] * 5 + [2] * 4 + [0] * 5
    assert strata(boxes[:11], alone[:11], np.ones(11, bool)).tolist() == [0] * 5 + [1] * 4 + [0] * 2
    one_set = np.array([0] * 9 + [9, 10, 11, 12, 13])  # the others are one film
    assert strata(boxes, one_set, np.ones(14, bool)).tolist() == [0] * 14


def test_every_set_gets_images_of_a_class_that_has_three(tmp_path):
    drawn = [Scene(f"{n}", (50, 40), [("rare" if n < 3 else "usual", 10, 5, 30 + n % 7, 35)]) for n in range(40)]
    prepared = prepare(BoxDataset.open(write_voc(tmp_path, drawn, lists=False)), INPUT)
    rare = prepared.dataset.classes.index("rare")
    sides = {int(side) for side, boxes in zip(prepared.sides, prepared.boxes, strict=True) if rare in boxes.labels}
    assert sides == {0, 1, 2}


def test_half_of_the_validation_set_is_held_back_and_stays_so_when_the_split_is_read_again(tmp_path):
    drawn = [Scene(f"{n}", (50, 40), [("dog", 10, 5, 30 + n % 7, 35)]) for n in range(40)]
    folder = write_voc(tmp_path / "set", drawn, lists=False)
    whole = prepare(BoxDataset.open(folder, validation=0.4), INPUT)
    held = prepare(BoxDataset.open(folder, validation=0.4), INPUT, hold_back=True)
    assert 2 * len(held.indices("held_back")) == len(whole.indices("validation")) == 16
    assert set(names_of(held, "validation") + names_of(held, "held_back")) == set(names_of(whole, "validation"))
    (tmp_path / "split.csv").write_bytes(split_csv(held))
    again = prepare(BoxDataset.open(folder, split=tmp_path / "split.csv"), INPUT, hold_back=True)
    assert np.array_equal(again.sides, held.sides)


@pytest.mark.parametrize(("count", "problem"), [(2, "has 1 different image"), (3, "has 2 different images")])
def test_too_few_images_are_refused(tmp_path, count, problem):
    drawn = [Scene(str(max(n, 1)) if n else "0", (50, 40), [("dog", 1, 2, 30, 35)]) for n in range(1, count)]
    with pytest.raises(DataError, match=problem):
        prepare(BoxDataset.open(write_voc(tmp_path, drawn, lists=False)), INPUT)


def test_a_set_without_boxes_is_refused(tmp_path):
    drawn = [
        Scene(f"{n}", (50, 40), [("dog", 1, 2, 30, 35)] if n % 3 else [], ("test", "train", "val")[n % 3])
        for n in range(9)
    ]
    with pytest.raises(DataError, match=r"the test set has 3 images and no box: .* move images with boxes there"):
        prepare(BoxDataset.open(write_voc(tmp_path, drawn)), INPUT)


def test_images_with_boxes_in_one_group_cannot_be_split(tmp_path):
    drawn = [
        Scene(f"{'film' if n < 3 else n}-{n}", (50, 40), [("dog", 1, 2, 30, 35)] if n < 3 else []) for n in range(12)
    ]
    folder = write_voc(tmp_path, drawn, lists=False)
    with pytest.raises(DataError, match=r"no box: label some of them; another split .* helps only if .* one set"):
        prepare(BoxDataset.open(folder, group_by=r"(\w+)-"), INPUT)


def test_what_leaks_from_a_given_split_is_counted(tmp_path):
    folder = write_voc(tmp_path, scenes(12))  # in turn for training, validation and testing
    images = folder / "JPEGImages"
    for number in (4, 5):
        brighter = np.asarray(Image.open(images / "img 03.png")) + number
        Image.fromarray(brighter.astype(np.uint8)).save(images / f"img {number:02d}.png")
    prepared = prepare(BoxDataset.open(folder), INPUT)
    assert np.flatnonzero(prepared.leaking).tolist() == [4, 5]


def test_most_images_must_open_and_the_preparation_must_pad(tmp_path):
    root = write_voc(tmp_path, scenes(6), lists=False)
    with pytest.raises(SettingsError, match="expected fit 'pad'"):
        prepare(BoxDataset.open(root), Preparation(width=64, height=64))
    for number in range(1, 5):
        (root / f"JPEGImages/img {number:02d}.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="4 of the 6 images cannot be opened"):
        prepare(BoxDataset.open(root), INPUT)


def test_whole_sets_and_other_sizes_keep_what_was_found(tmp_path):
    dataset = BoxDataset.open(write_voc(tmp_path, scenes(12)))
    whole = PreparedBoxes.whole(dataset, INPUT)
    assert (whole.sides == -1).all() and len(whole.boxes) == 12
    prepared = prepare(dataset, INPUT)
    large = prepared.resized(Preparation(width=128, height=128, fit="pad"))
    np.testing.assert_array_equal(large.sides, prepared.sides)
    assert large.boxes[3].corners[0, 2] > prepared.boxes[3].corners[0, 2]
