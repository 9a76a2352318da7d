"""Labelled images and detections for tests, and what pycocotools says of them."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.trust.matching import Truth


def drawn(seed: int, most_images: int = 8) -> tuple[list[Detections], list[Truth], int]:
    """Images with few or no boxes, crowds, equal scores, equal overlaps and more detections than count."""
    stream = np.random.default_rng(seed)
    num_classes, scale = int(stream.integers(1, 5)), float(stream.choice([8, 40, 160]))
    found, truth = [], []
    for _ in range(stream.integers(1, most_images)):
        boxes = int(stream.choice([0, 1, 3, 12]))
        corners, labels = some_boxes(stream, boxes, scale), stream.integers(0, num_classes, boxes)
        truth.append(Truth(corners, labels, stream.random(boxes) < 0.2))
        near = np.repeat(np.arange(boxes), stream.integers(0, 4, boxes))
        moved = corners[near] + np.round(stream.normal(0, 0.06 * scale, (len(near), 4)) * 4) / 4
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 0.25)
        others = int(stream.choice([0, 5, 130]))
        guessed = np.where(stream.random(len(near)) < 0.85, labels[near], stream.integers(0, num_classes, len(near)))
        found.append(
            Detections(
                np.concatenate([moved, some_boxes(stream, others, scale)]),
                np.concatenate([guessed, stream.integers(0, num_classes, others)]),
                stream.integers(0, 8, len(near) + others) / 8,
            )
        )
    return found, truth, num_classes


def some_boxes(stream: np.random.Generator, count: int, scale: float) -> np.ndarray:
    """Boxes with corners at quarters of pixels, of which many are equal where the scale is small."""
    low = stream.integers(0, 3 * int(scale), (count, 2)) / 2
    return np.concatenate([low, low + stream.integers(1, 4 * int(scale), (count, 2)) / 4], axis=1)


def made_up(truth: list[Truth], num_classes: int, seed: int = 0) -> list[Detections]:
    """Detections of a detector that finds nine objects of ten, not exactly, and sees some where there are none."""
    stream, found = np.random.default_rng(seed), []
    for one in truth:
        hit = stream.random(len(one.labels)) < 0.9
        corners = np.round(one.corners[hit] + stream.normal(0, 3, (hit.sum(), 4)))
        corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1)
        wrong = some_boxes(stream, 20, 100)
        labels = np.concatenate([one.labels[hit], stream.integers(0, num_classes, 20)])
        scores = np.concatenate([stream.beta(4, 2, hit.sum()), stream.beta(1, 5, 20)]).astype(np.float32)
        found.append(Detections(np.concatenate([corners, wrong]), labels, scores))
    return found


def by_pycocotools(found: list[Detections], truth: list[Truth], num_classes: int) -> np.ndarray:
    """The average precisions that pycocotools computes, `(sizes, overlaps, classes)`; NaN without boxes."""
    boxes = [
        _annotation(image, corners, label, iscrowd=int(ignored))
        for image, one in enumerate(truth)
        for corners, label, ignored in zip(*one, strict=True)
    ]
    results = [
        _annotation(image, corners, label, iscrowd=0, score=float(score))
        for image, one in enumerate(found)
        for corners, label, score in zip(one.corners, one.labels, one.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        pair = [_coco(annotations, len(truth), num_classes) for annotations in (boxes, results)]
        evaluation = COCOeval(*pair, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precisions = evaluation.eval["precision"][..., -1].mean(axis=1).transpose(2, 0, 1)
    return np.where(precisions < 0, np.nan, precisions)


def _annotation(image: int, corners: np.ndarray, label: int, **more: float) -> dict:
    sides = corners[2:] - corners[:2]
    return {"image_id": image, "category_id": int(label), "bbox": [*corners[:2], *sides], "area": sides.prod(), **more}


def _coco(annotations: list[dict], images: int, num_classes: int) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": label} for label in range(num_classes)],
        "annotations": [one | {"id": number} for number, one in enumerate(annotations, 1)],
    }
    coco.createIndex()
    return coco
