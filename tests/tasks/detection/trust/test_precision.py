import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.tasks.detection.sets import by_pycocotools, drawn, made_up

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.tasks.detection.trust.precision import Precisions, average_precision

DATA = Path(os.environ.get("EYEBRIGHT_DATA", "no data"))


def agree(found: list[Detections], truth: list[Truth], num_classes: int) -> None:
    result = average_precision(match(found, truth), num_classes)[0]
    assert result == pytest.approx(by_pycocotools(found, truth, num_classes), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", range(200))
def test_average_precision_is_that_of_pycocotools(seed):
    agree(*drawn(seed))


@pytest.mark.parametrize("name", ["bccd", "traffic_lights"])
@pytest.mark.skipif(not (DATA / "bccd").is_dir(), reason="needs the data sets of EYEBRIGHT_DATA")
def test_on_real_boxes_average_precision_is_that_of_pycocotools(name):
    truth, classes = [], list[str]()
    for file in sorted((DATA / name / "Annotations").glob("*.xml"))[:120]:
        objects = ElementTree.parse(file).findall("object")
        corners = [[float(one.find(f"bndbox/{at}").text) for at in ("xmin", "ymin", "xmax", "ymax")] for one in objects]
        classes += sorted({one.find("name").text for one in objects} - set(classes))
        labels = np.array([classes.index(one.find("name").text) for one in objects], np.int64)
        truth.append(Truth.of(np.array(corners).reshape(-1, 4) - [1, 1, 0, 0], labels))
    agree(made_up(truth, len(classes)), truth, len(classes))


@pytest.mark.parametrize("seed", range(10))
def test_an_image_that_counts_twice_is_as_good_as_two_images(seed):
    found, truth, num_classes = drawn(seed)
    stream = np.random.default_rng(seed)  # no equal scores: these would take turns in another order
    found = [replace(one, scores=one.scores + stream.uniform(0, 0.1, len(one.scores))) for one in found]
    weights = np.random.default_rng(seed).integers(0, 3, len(truth))
    twice = np.repeat(np.arange(len(truth)), weights)
    expected = np.full((4, 10, num_classes), np.nan)
    if len(twice):
        expected = average_precision(match([found[at] for at in twice], [truth[at] for at in twice]), num_classes)[0]
    result = average_precision(match(found, truth), num_classes, weights[None].astype(np.int32))[0]
    assert result == pytest.approx(expected, nan_ok=True)


def test_the_interval_is_that_of_resampled_images():
    stream = np.random.default_rng(3)
    boxes = [stream.integers(0, 90, (6, 2)) for _ in range(20)]
    truth = [Truth.of(np.concatenate([low, low + 8], axis=1).astype(float), np.arange(6) % 2) for low in boxes]
    found = made_up(truth, 2)
    estimate = Precisions.of(match(found, truth), 2).mean(first=True)
    samples = []
    for _ in range(40):
        drawn_images = stream.integers(0, len(truth), len(truth))
        ours, theirs = ([each[at] for at in drawn_images] for each in (found, truth))
        samples.append(by_pycocotools(ours, theirs, 2)[0, 0].mean())
    assert estimate.low < estimate.value < estimate.high
    assert estimate.value == pytest.approx(by_pycocotools(found, truth, 2)[0, 0].mean(), abs=1e-6)
    assert estimate.high - estimate.low == pytest.approx(4 * np.std(samples), rel=0.5)


def test_images_of_one_group_are_drawn_together():
    found, truth, num_classes = drawn(11)
    found, truth = found * 6, truth * 6
    matches, group = match(found, truth), np.tile(np.arange(len(truth) // 6), 6)
    alone, together = (Precisions.of(matches, num_classes, each).mean(first=True) for each in (None, group))
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_a_rare_class_that_is_never_found_keeps_its_part_in_each_sample():
    """It is in one image of ten, so that a third of the samples have none of it; the other class is always found."""
    corners = np.array([[0.0, 0, 9, 9], [20, 20, 29, 29]])
    both, one = Truth.of(corners, np.arange(2)), Truth.of(corners[:1], np.zeros(1, np.int64))
    found = [Detections(corners[:1], np.zeros(1, np.int64), np.ones(1))] * 10
    estimate = Precisions.of(match(found, [both] + [one] * 9), 2).mean(first=True)
    assert estimate.value == 0.5 and estimate.high < 0.8


def test_where_nothing_varies_the_interval_is_that_of_a_share():
    truth = [Truth.of(np.array([[0.0, 0, 9, 9]]), np.zeros(1, np.int64))] * 10
    found = [Detections(one.corners, one.labels, np.ones(1)) for one in truth]
    precisions = Precisions.of(match(found, truth), 2)
    assert precisions.mean().value == 1 and precisions.mean().low == pytest.approx(0.7225, abs=1e-3)  # Wilson, 10 of 10
    assert precisions.mean(label=1) is None and precisions.mean("large") is None
