import msgspec
import numpy as np
import pytest

from eyebright.model.export.images import Images
from eyebright.model.export.proof import prove, require_proven
from eyebright.system.errors import ModelError
from eyebright.trust.answers import Answers


def run_of(probabilities, unfamiliarity=None):
    """What answers a batch of images whose first pixel is their position."""
    return lambda pixels: Answers.decided(
        np.float32(probabilities)[pixels[:, 0, 0, 0]],
        None if unfamiliarity is None else np.float32(unfamiliarity)[pixels[:, 0, 0, 0]],
    )


def numbered(count, labels=None):
    pixels = np.zeros((count, 8, 8, 3), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count)
    return Images(pixels, "test images", labels)


def proven(ours, theirs, labels=None, precision="float32", unfamiliarity=(None, None)):
    return prove(
        run_of(ours, unfamiliarity[0]), run_of(theirs, unfamiliarity[1]), numbered(len(ours), labels),
        precision=precision, tolerance=1e-4, thresholds=None, versions={},
    )  # fmt: skip


OURS = np.array([[0.95, 0.05], [0.91, 0.09], [0.1, 0.9], [0.4, 0.6]])


def test_what_is_counted():
    theirs = np.array([[0.95, 0.05], [0.45, 0.55], [0.1, 0.9], [0.6, 0.4]])
    found = proven(OURS, theirs, np.array([0, 0, 1, 0]), unfamiliarity=([0.5, 0.5, 3, 0.5], [0.5, 0.5, 3.3, 0.5]))
    assert found.difference == pytest.approx(0.46)
    assert found.unfamiliarity_difference == pytest.approx(0.1)
    assert (found.labels_changed, found.answers_changed) == (2, 2)
    assert (found.confident, found.confident_changed) == (2, 1)  # the third is unlike the training images
    assert (found.model.accuracy, found.export.accuracy, found.lost) == (0.75, 0.75, 0)
    assert found.images == 4 and found.model.cpu_ms is None


def test_in_float32_the_tolerance_counts_and_nan_is_no_agreement():
    require_proven(proven(OURS, OURS + np.array([9e-5, -9e-5])), "X", 0)
    for wrong in (OURS + np.array([3e-4, -3e-4]), OURS * np.nan):
        with pytest.raises(ModelError, match=r"answers otherwise|differ by up to"):
            require_proven(proven(OURS, wrong), "X", 1)
    unlike = ([0.5] * 4, [0.502] * 4)
    with pytest.raises(ModelError, match=r"unfamiliarity differs by up to 0\.002 \(allowed: 0\.001\)"):
        require_proven(proven(OURS, OURS, unfamiliarity=unlike), "X", 1)


def test_with_fewer_bits_accuracy_and_confident_answers_count():
    base = proven(OURS, OURS, np.array([0, 0, 1, 0]), precision="int8")
    require_proven(base, "X", 0.01)
    assert base.model.cpu_ms > 0 and base.export.cpu_ms > 0
    lost = msgspec.structs.replace(base, export=msgspec.structs.replace(base.export, accuracy=0.73))
    with pytest.raises(ModelError, match=r"in int8 is refused.*loses 2\.0% of accuracy \(allowed: 1\.0%\).*float32"):
        require_proven(lost, "X", 0.01)
    require_proven(lost, "X", 0.03)
    changed = msgspec.structs.replace(base, confident=100, confident_changed=6)
    with pytest.raises(ModelError, match=r"changes 6 of 100 confident answers \(allowed: 5%\)"):
        require_proven(changed, "X", 1)
    require_proven(msgspec.structs.replace(changed, confident_changed=5), "X", 0)
    unknown = proven(OURS, OURS[:, ::-1], precision="bfloat16")
    with pytest.raises(ModelError, match=r"it changes the label of 4 \(allowed: 20%\)"):
        require_proven(msgspec.structs.replace(unknown, confident=0, confident_changed=0), "X", 1)
    with pytest.raises(ModelError, match="its probabilities are not all numbers"):
        require_proven(msgspec.structs.replace(base, difference=float("nan")), "X", 1)


def test_other_shapes_are_refused():
    with pytest.raises(ModelError, match=r"export has the shape \(4, 3\), that of the model \(4, 2\)"):
        proven(OURS, np.full((4, 3), 1 / 3))
    with pytest.raises(ModelError, match=r"unfamiliarity of the export has the shape None"):
        proven(OURS, OURS, unfamiliarity=([0.5] * 4, None))
