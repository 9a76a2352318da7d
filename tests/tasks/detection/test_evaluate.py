import numpy as np
import pytest
from tests.tasks.detection.making import Scene, write_voc

from eyebright.data.pictures import Preparation
from eyebright.model.card import Seen
from eyebright.system.errors import DataError
from eyebright.tasks.detection.dataset import BoxDataset
from eyebright.tasks.detection.evaluate import Judge, evaluate_detector
from eyebright.tasks.detection.finding import Detections
from eyebright.tasks.detection.prepare import PreparedBoxes, prepare

INPUT = Preparation(width=64, height=64, fit="pad")
JUDGE = Judge(("cat", "dog"), np.array([0.5, 0.5]))


@pytest.fixture
def prepared(tmp_path) -> PreparedBoxes:
    drawn = [Scene(f"{n}", (100 + n, 50), [("dog", 10, 5, 60, 35)]) for n in range(9)]
    return prepare(BoxDataset.open(write_voc(tmp_path, drawn, lists=False)), INPUT)


def objects(images: np.ndarray) -> list[Detections]:
    """The one dark object of each image, which is a dog: a detector that is never wrong."""
    found = []
    for image in images:
        rows, columns = np.nonzero(image[:, :, 1] < 60)
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        found.append(Detections(np.array([corners], float), np.ones(1, np.int64), np.full(1, 0.9)))
    return found


def test_what_is_found_in_prepared_images_is_compared_in_pixels_of_the_originals(prepared):
    tested = evaluate_detector(objects, JUDGE, prepared)
    assert tested.evaluation.pictures == 9 and tested.evaluation.map50.value == 1
    assert tested.evaluation.recall.value == tested.evaluation.precision.value == 1
    for found, truth in zip(tested.found, tested.truth, strict=True):
        assert found.corners == pytest.approx(truth.corners, abs=2.0)


def test_one_set_can_be_evaluated(prepared):
    tested = evaluate_detector(objects, JUDGE, prepared, "test")
    assert tested.positions.tolist() == prepared.indices("test").tolist()
    assert tested.evaluation.pictures == len(prepared.indices("test"))


def test_images_that_the_detector_was_trained_on_are_left_out(prepared):
    known = prepared.pack.digests.at(np.array([0, 3]))
    tested = evaluate_detector(objects, JUDGE._replace(seen=Seen().union(known)), prepared)
    assert tested.evaluation.seen == 2 and not {0, 3} & set(tested.positions.tolist())
    every = Seen().union(prepared.pack.digests.at(np.arange(9)))
    with pytest.raises(DataError, match="trained on all 9 images"):
        evaluate_detector(objects, JUDGE._replace(seen=every), prepared)


def test_classes_go_by_name(prepared):
    tested = evaluate_detector(objects, Judge(("dog", "cat"), np.array([0.5, 0.5])), prepared)
    assert tested.evaluation.map50.value == 0  # what is a dog in the images is the first class now
    with pytest.raises(DataError, match="does not know: dog; its classes are cat"):
        evaluate_detector(objects, Judge(("cat",), np.array([0.5])), prepared)
