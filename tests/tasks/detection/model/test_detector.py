import subprocess
import sys

import numpy as np
import pytest
from scipy.special import expit, logit
from tests.tasks.detection.making import squares_of_colours

from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.card import Seen
from eyebright.network import initial_weights, zoo
from eyebright.network.detecting import Detecting, detected
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system.errors import ModelError, NetworkError
from eyebright.tasks.detection.geometry.finding import find
from eyebright.tasks.detection.model.card import as_rows
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.trust.matching import Truth, match
from eyebright.tasks.detection.trust.precision import average_precision


def test_objects_are_found_as_torch_and_the_formulas_say(detector):
    """The image is twice as large as the input, so that boxes are half as large there."""
    import torch

    image = squares_of_colours(128, 128)
    prepared = open_picture(image, Preparation(width=64, height=64, fit="pad"))
    with torch.no_grad():
        maps = TorchNetwork(detector.network, detector.get_weights()).eval()(as_input(prepared[None].copy())).numpy()
    scores, boxes = detected(maps, Detecting(8))
    expected = find(scores[0], boxes[0])
    sures = expit(0.2 * logit(expected.scores))
    wanted = [
        (detector.classes[label], sure, np.clip(2 * corners, 0, 128))
        for label, sure, corners in zip(expected.labels, sures, expected.corners, strict=True)
        if sure >= (0.5, 0.6)[label]
    ]
    found = detector.predict(image)
    assert (found.width, found.height) == (128, 128) and len(found) == len(wanted) > 0
    for one, (label, score, corners) in zip(found.objects, wanted, strict=True):
        assert one.label == label and one.confidence == pytest.approx(score, abs=1e-4)
        assert one.box == pytest.approx(corners.tolist(), abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_calibration_changes_no_average_precision(detector, seed):
    """There are more peaks than are kept, and the calibrations change which class comes first."""
    random = np.random.default_rng(seed)
    scores = random.beta(1, 20, (6, 2, 40, 40)).astype(np.float32)
    low = random.uniform(0, 250, (2, 40, 40))
    boxes = np.concatenate([low, low + random.uniform(20, 60, (2, 40, 40))]).astype(np.float32)
    truth = [Truth.of(boxes.reshape(4, -1).T[::90].astype(np.float64), random.integers(0, 2, 18)) for _ in range(6)]

    def precisions(*calibration):
        card = Detector(detector.network, detector.classes, calibration=calibration).card
        found = [card.find(maps, boxes) for maps in scores]
        return average_precision(match(found, truth), 2), found

    plain, found = precisions((1, 0), (1, 0))
    assert np.nanmax(plain) > 0.001 and len(find(scores[0], boxes, least=0.01, most=3200)) > 1.5 * len(found[0])
    for calibration in [((0.3, -6), (2.8, 2)), ((3.0, 4), (0.2, -9))]:
        np.testing.assert_array_equal(precisions(*calibration)[0], plain)


def test_what_is_below_a_threshold_is_left_out_before_and_after_the_same(detector):
    """Objects that are not looked at hide nothing that is."""
    card = Detector(detector.network, detector.classes, calibration=[(2.0, 1), (0.5, -1)]).card
    random = np.random.default_rng(0)
    scores, boxes = random.beta(1, 5, (2, 40, 40)).astype(np.float32), random.uniform(0, 300, (4, 40, 40))
    boxes = np.concatenate([boxes[:2], boxes[:2] + boxes[2:] / 3]).astype(np.float32)
    for threshold in (0.05, 0.2, 0.4, 0.9):
        few, all_of_them = (card.find(scores, boxes, least=least).above(threshold) for least in (threshold, 0.0))
        assert as_rows(few).tolist() == as_rows(all_of_them).tolist()


def test_a_detector_comes_back_as_it_was(detector, tmp_path):
    seen = Seen().union([b"0123456789abcdef"])
    before = Detector(
        detector.network, detector.classes, weights=detector.get_weights(), calibration=[(0.2, 0.1), (0.3, 0)],
        thresholds=(0.4, 0.7), seen=seen, settings={"epochs": 3}, verdicts=["No problem found."],
    )  # fmt: skip
    before.save(tmp_path / "d")
    after = Detector.load(tmp_path / "d")
    for name, values in before.get_weights().items():
        assert np.array_equal(after.get_weights()[name], values)
    image = squares_of_colours(100, 80)
    assert after.predict(image).objects == before.predict(image).objects
    assert (after.thresholds, after.card.seen) == ({"cell": 0.4, "platelet": 0.7}, seen)
    assert after.card.provenance.settings == {"epochs": 3}
    assert "No problem found." in (tmp_path / "d" / "README.md").read_text()
    after.save(tmp_path / "again")
    names = ("weights.safetensors", "network.onnx", "golden.safetensors", "README.md")
    assert all((tmp_path / "d" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names[:3])


def test_it_shows_itself(detector):
    assert repr(detector).splitlines()[0] == "Detector of 2 classes"
    assert "50.0% to 60.0%, by class" in repr(detector) and "3,066,950 parameters" in repr(detector)
    found = detector.predict(squares_of_colours(70, 70))
    assert repr(found).splitlines()[0] == f"{len(found)} objects" and "<table>" in found._repr_html_()
    assert "_blocks.4._add" in detector.summary()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ("a", "b", "c")}, "3 classes need 7 maps"),
        ({"classes": ("a", "a")}, "the same name"),
        ({"thresholds": (0.5,)}, "a threshold from 0 to 1 for each of 2 classes"),
        ({"thresholds": (0.5, 1.5)}, "a threshold from 0 to 1"),
        ({"calibration": [(1, 0), (0, 0)]}, r"a slope above 0 .* 2 classes, got \(0, 0\)"),
    ],
)
def test_what_does_not_fit_is_refused(detector, settings, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        Detector(detector.network, **{"classes": detector.classes, "weights": detector.get_weights()} | settings)


def test_weights_of_another_network_are_refused(detector):
    with pytest.raises(NetworkError):
        Detector(detector.network, detector.classes, weights=initial_weights(zoo.flowers_cnn()))


def test_predicting_needs_neither_torch_nor_the_measures(detector, tmp_path):
    detector.save(tmp_path / "d")
    program = (
        "import sys; from eyebright.tasks.detection.model.detector import Detector; import numpy as np; "
        f"Detector.load({str(tmp_path / 'd')!r}).predict(np.zeros((50, 50, 3), np.uint8)); "
        "print([name for name in ('torch', 'pandas', 'faster_coco_eval', 'matplotlib', 'sklearn', 'scipy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
