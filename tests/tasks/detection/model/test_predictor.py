import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.tasks.detection.making import squares_of_colours

from eyebright.data.pictures import Preparation
from eyebright.network import AvgPool2d, Conv2d, Input, Network, Normalize
from eyebright.system.errors import PictureError, SettingsError
from eyebright.tasks.detection.geometry.finding import Detections
from eyebright.tasks.detection.geometry.letterbox import Letterbox
from eyebright.tasks.detection.model.detector import Detector
from eyebright.tasks.detection.model.predictor import _placed
from eyebright.trust.prediction import Unreadable


@pytest.fixture(scope="module")
def bright():
    """A detector of bright spots: the score grows with the mean of 8x8 pixels, and each box has sides of 32 pixels."""
    network = Network.sequential(Input((3, 320, 320)), Normalize(), AvgPool2d(8), Conv2d(5, 1, name="head"))
    weight, bias = np.zeros((5, 3, 1, 1), np.float32), np.full(5, np.log(2), np.float32)
    weight[0], bias[0] = 1.0, -1.0
    return Detector(network, ["spot"], weights={"head.weight": weight, "head.bias": bias})


def spots(width, height):
    """Three bright spots on black, each brightest at its centre, of different brightness."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    places = [(0.2, 0.3, 250), (0.5, 0.55, 240), (0.83, 0.7, 245)]
    values = [peak * np.exp(-((across - x * width) ** 2 + (down - y * height) ** 2) / 900) for x, y, peak in places]
    return np.stack([np.max(values, axis=0).astype(np.uint8)] * 3, axis=2)


@pytest.mark.parametrize("size", [(1000, 300), (300, 1000), (200, 200)])
def test_images_of_any_shape_give_the_boxes_of_the_padded_square(bright, size):
    image, side = spots(*size), max(size)
    square = np.full((side, side, 3), 127, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = image
    alone, within = bright.predict(image, threshold=0.4), bright.predict(square, threshold=0.4)
    moved = [np.clip(np.array(one.box) - [left, top, left, top], 0, [*size, *size]) for one in within.objects]
    np.testing.assert_allclose([one.box for one in alone.objects], moved, atol=1)
    centres = sorted(tuple((np.array(one.box[:2]) + one.box[2:]) / 2 / size) for one in alone.objects)
    wanted = [(0.2, 0.3), (0.5, 0.55), (0.83, 0.7)]
    assert np.abs(np.subtract(centres, wanted) * size).max() <= side / 320 * 8


def test_a_file_and_its_pixels_and_a_turned_file_give_the_same(detector, tmp_path):
    image = Image.fromarray(squares_of_colours(120, 70))
    image.save(tmp_path / "a.png")
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    turned.save(tmp_path / "b.png", exif=exif)
    found = [detector.predict(source) for source in (np.array(image), tmp_path / "a.png", tmp_path / "b.png", image)]
    assert all(each.objects == found[0].objects for each in found) and len(found[0]) > 0
    assert found[1].name == str(tmp_path / "a.png")


def test_a_stream_reports_what_cannot_be_opened_and_keeps_the_order(detector, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    images = [(str(index), squares_of_colours(80, 60, index)) for index in range(11)]
    images.insert(5, ("bad", tmp_path / "bad.png"))
    found = list(detector.stream(iter(images)))
    assert [each.name for each in found] == [name for name, _ in images]
    assert isinstance(found[5], Unreadable)
    for each, (_, image) in zip(found, images, strict=True):
        if not isinstance(each, Unreadable):
            alone = detector.predict(image)
            assert [one.label for one in each.objects] == [one.label for one in alone.objects]
            for one, other in zip(each.objects, alone.objects, strict=True):
                assert one.box == pytest.approx(other.box, abs=0.05)
    with pytest.raises(PictureError, match=r"bad\.png: "):
        detector.predict(tmp_path / "bad.png")


def test_a_list_and_another_threshold(detector):
    first, second = detector.predict([squares_of_colours(70, 70), squares_of_colours(70, 70, 1)], threshold=0.55)
    assert min(one.confidence for one in (*first.objects, *second.objects)) >= 0.55
    assert len(detector.predict(squares_of_colours(70, 70), threshold=0.3)) > len(first)
    confidences = [one.confidence for one in first.objects]
    assert confidences == sorted(confidences, reverse=True)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_is_a_confidence(detector, threshold):
    with pytest.raises(SettingsError, match="from 0 to 1"):
        detector.predict(np.zeros((64, 64, 3), np.uint8), threshold=threshold)


@given(st.lists(st.floats(-5, 105), min_size=4, max_size=4))
def test_what_is_found_has_sides_after_rounding(corners):
    letterbox = Letterbox(100, 100, Preparation(width=320, height=320, fit="pad"))
    found = Detections(np.array([corners]) * 3.2, np.zeros(1, np.int64), np.ones(1, np.float32))
    for x1, y1, x2, y2 in _placed(found, letterbox).corners:
        assert 0 <= x1 < x2 <= 100
        assert 0 <= y1 < y2 <= 100
