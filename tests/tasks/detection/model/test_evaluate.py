from types import SimpleNamespace

import numpy as np
import pytest
from tests.tasks.detection.making import Scene, write_voc

from eyebright.data.pictures import Preparation
from eyebright.model.card import Seen
from eyebright.network import zoo
from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import PreparedBoxes, prepare
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.geometry.letterbox import Letterbox
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.evaluate import evaluate_detector

INPUT = Preparation(width=64, height=64, fit="pad")


class Perfect:
    """A detector of the one dark object in each image, a dog, that is never wrong."""

    def __init__(self, classes: tuple[str, ...] = ("cat", "dog"), seen: Seen = Seen()) -> None:  # noqa: B008
        self.card = SimpleNamespace(
            classes=classes, thresholds=(0.5,) * len(classes), seen=seen, promise=None, preparation=INPUT
        )
        self.predictor = self

    def detections(self, images: np.ndarray, sizes: list[tuple[int, int]]) -> list[Detections]:
        return [self.detected(image, Letterbox(*size, INPUT)) for image, size in zip(images, sizes, strict=True)]

    def detected(self, image: np.ndarray, place: Letterbox) -> Detections:
        rows, columns = np.nonzero(image[:, :, 1] < 60)
        corners = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float)
        return Detections(place.to_original(corners), np.ones(1, np.int64), np.full(1, 0.9))


@pytest.fixture
def prepared(tmp_path) -> PreparedBoxes:
    """Images of twice the size of the input, with boxes along its pixels."""
    drawn = [Scene(f"{n}", (128, 64), [("dog", 2 * n, 4, 60, 34 + 2 * n)]) for n in range(9)]
    return prepare(BoxDataset.open(write_voc(tmp_path, drawn, lists=False)), INPUT)


def test_what_is_found_in_prepared_images_is_compared_in_pixels_of_the_originals(prepared):
    tested = evaluate_detector(Perfect(), prepared)
    assert tested.evaluation.pictures == 9 and tested.evaluation.map50.value == 1
    assert tested.evaluation.recall.value == tested.evaluation.precision.value == 1
    for found, truth in zip(tested.found, tested.truth, strict=True):
        np.testing.assert_allclose(found.corners, truth.corners, atol=0.01)


def test_one_set_can_be_evaluated(prepared):
    tested = evaluate_detector(Perfect(), prepared, "test")
    assert tested.positions.tolist() == prepared.indices("test").tolist()
    assert tested.evaluation.pictures == len(prepared.indices("test"))


def test_images_that_the_detector_was_trained_on_are_left_out(prepared):
    known = prepared.pack.digests.at(np.array([0, 3]))
    tested = evaluate_detector(Perfect(seen=Seen().union(known)), prepared)
    assert tested.evaluation.seen == 2 and not {0, 3} & set(tested.positions.tolist())
    every = Seen().union(prepared.pack.digests.at(np.arange(9)))
    with pytest.raises(DataError, match="trained on all 9 images"):
        evaluate_detector(Perfect(seen=every), prepared)


def test_classes_go_by_name(prepared):
    tested = evaluate_detector(Perfect(("dog", "cat")), prepared)
    assert tested.evaluation.map50.value == 0  # what is a dog in the images is the first class now
    with pytest.raises(DataError, match="does not know: dog; its classes are cat, cow"):
        evaluate_detector(Perfect(("cat", "cow")), prepared)


def test_a_detector_is_evaluated_on_a_data_set_as_it_is(prepared):
    detector = Detector(zoo.lite0_detector(1, input_size=64), ("dog",), thresholds=(0.0,), seed=3)
    tested = evaluate_detector(detector, prepared.dataset)
    assert tested.evaluation.pictures == 9 and len(tested.found) == 9 and sum(map(len, tested.found)) > 0
    for found, (width, height) in zip(tested.found, prepared.dataset.sizes.tolist(), strict=True):
        assert (found.corners >= 0).all() and (found.corners <= [width, height, width, height]).all()
