import subprocess
import sys

import numpy as np
import pytest

from eyebright.data.pictures import Preparation, open_picture
from eyebright.model.card import Seen
from eyebright.network import initial_weights, zoo
from eyebright.network.detecting import Detecting, detected
from eyebright.network.torch import TorchNetwork, as_input
from eyebright.system.errors import ModelError, NetworkError
from eyebright.tasks.detection.geometry.finding import find
from eyebright.tasks.detection.model.detector import Detector

CLASSES = ("cell", "platelet")


@pytest.fixture(scope="module")
def detector():
    """A small detector with random weights, whose scores are spread by a calibration."""
    return Detector(zoo.lite0_detector(2, input_size=64), CLASSES, scale=0.2, thresholds=(0.5, 0.6), seed=4)


def pixels(width, height, seed=0):
    """Squares of many colours."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 20 + 1, width // 20 + 1, 3), np.uint8)
    return small.repeat(20, axis=0).repeat(20, axis=1)[:height, :width]


def test_objects_are_found_as_torch_and_the_formulas_say(detector):
    """The image is twice as large as the input, so that boxes are half as large there."""
    import torch

    image = pixels(128, 128)
    prepared = open_picture(image, Preparation(width=64, height=64, fit="pad"))
    with torch.no_grad():
        maps = TorchNetwork(detector.network, detector.get_weights()).eval()(as_input(prepared[None].copy())).numpy()
    scores, boxes = detected(maps, Detecting(8, 0.2))
    expected = find(scores[0], boxes[0], least=0.5)
    wanted = [
        (CLASSES[label], score, np.clip(2 * corners, 0, 128))
        for label, score, corners in zip(expected.labels, expected.scores, expected.corners, strict=True)
        if score >= (0.5, 0.6)[label]
    ]
    found = detector.predict(image)
    assert (found.width, found.height) == (128, 128) and len(found) == len(wanted) > 0
    for one, (label, score, corners) in zip(found.objects, wanted, strict=True):
        assert one.label == label and one.confidence == pytest.approx(score, abs=1e-4)
        assert one.box == pytest.approx(corners.tolist(), abs=0.1)


def test_a_detector_comes_back_as_it_was(detector, tmp_path):
    seen = Seen().union([b"0123456789abcdef"])
    before = Detector(
        detector.network, CLASSES, weights=detector.get_weights(), scale=0.2, shift=0.1, thresholds=(0.4, 0.7),
        seen=seen, settings={"epochs": 3}, verdicts=["No problem found."],
    )  # fmt: skip
    before.save(tmp_path / "d")
    after = Detector.load(tmp_path / "d")
    for name, values in before.get_weights().items():
        assert np.array_equal(after.get_weights()[name], values)
    image = pixels(100, 80)
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
    found = detector.predict(pixels(70, 70))
    assert repr(found).splitlines()[0] == f"{len(found)} objects" and "<table>" in found._repr_html_()
    assert "_blocks.4._add" in detector.summary()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ("a", "b", "c")}, "3 classes need 7 maps"),
        ({"classes": ("a", "a")}, "the same name"),
        ({"thresholds": (0.5,)}, "a threshold from 0 to 1 for each of 2 classes"),
        ({"thresholds": (0.5, 1.5)}, "a threshold from 0 to 1"),
        ({"scale": 0.0}, "a scale above 0"),
    ],
)
def test_what_does_not_fit_is_refused(detector, settings, message):
    with pytest.raises((NetworkError, ModelError), match=message):
        Detector(detector.network, **{"classes": CLASSES, "weights": detector.get_weights()} | settings)


def test_weights_of_another_network_are_refused(detector):
    with pytest.raises(NetworkError):
        Detector(detector.network, CLASSES, weights=initial_weights(zoo.flowers_cnn()))


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
