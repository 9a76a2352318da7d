import numpy as np
import pytest

from eyebright.model.export.compare import compare
from eyebright.model.export.images import ProofImages
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers

OURS = np.array([[0.95, 0.05], [0.91, 0.09], [0.1, 0.9], [0.4, 0.6]])


def run_of(probabilities, unfamiliarity=None):
    """What answers a batch of images whose first pixel is their position."""
    return lambda pixels: Answers.decided(
        np.float32(probabilities)[pixels[:, 0, 0, 0]],
        None if unfamiliarity is None else np.float32(unfamiliarity)[pixels[:, 0, 0, 0]],
    )


def compared(ours, theirs, labels=None, precision="float32", unfamiliarity=(None, None)):
    pixels = np.zeros((len(ours), 8, 8, 3), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(len(ours))
    return compare(
        run_of(ours, unfamiliarity[0]), run_of(theirs, unfamiliarity[1]), ProofImages(pixels, "test images", labels),
        precision=precision, tolerance=1e-4, thresholds=None, versions={},
    )  # fmt: skip


def test_what_is_counted():
    theirs = np.array([[0.95, 0.05], [0.45, 0.55], [0.1, 0.9], [0.6, 0.4]])
    found = compared(OURS, theirs, np.array([0, 0, 1, 0]), unfamiliarity=([0.5, 0.5, 3, 0.5], [0.5, 0.5, 3.3, 0.5]))
    assert found.difference == pytest.approx(0.46)
    assert found.unfamiliarity_difference == pytest.approx(0.1)
    assert (found.labels_changed, found.answers_changed) == (2, 2)
    assert (found.confident, found.confident_changed) == (2, 1)  # the third is unlike the training images
    assert (found.model.accuracy, found.export.accuracy, found.lost) == (0.75, 0.75, 0)
    assert found.images == 4 and found.origin == "test images" and found.model.cpu_ms is None


def test_with_fewer_bits_both_sides_are_timed():
    found = compared(OURS, OURS, precision="int8")
    assert found.model.cpu_ms > 0 and found.export.cpu_ms > 0 and found.model.accuracy is None


def test_values_that_are_not_numbers_are_no_agreement():
    with pytest.raises(ModelError, match="other answers for 1 image than for all at once"):
        compared(OURS, OURS * np.nan)


def test_other_shapes_are_refused():
    with pytest.raises(ModelError, match=r"export has the shape \(4, 3\), that of the model \(4, 2\)"):
        compared(OURS, np.full((4, 3), 1 / 3))
    with pytest.raises(ModelError, match=r"unfamiliarity of the export has the shape None"):
        compared(OURS, OURS, unfamiliarity=([0.5] * 4, None))
