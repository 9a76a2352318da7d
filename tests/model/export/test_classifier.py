import numpy as np
import pytest

from eyebright.system.errors import DataError


def images(count, labels=3):
    random = np.random.default_rng(count)
    return random.integers(0, 256, (count, 20, 24, 3), np.uint8), np.arange(count) % labels


def test_export_proves_on_the_given_images_or_on_synthetic_ones(classifier, tmp_path):
    pixels, labels = images(24)
    found = classifier.export("onnx", tmp_path / "a", pixels, labels, verbose=False)
    assert (found.images, found.origin) == (24, "images that it was not made with")
    expected = (classifier.predict_proba(pixels).argmax(axis=1) == labels).mean()
    assert found.model.accuracy == found.export.accuracy == pytest.approx(expected)
    found = classifier.export("onnx", tmp_path / "b", verbose=False)
    assert found.origin.startswith("golden and synthetic images") and found.model.accuracy is None


def test_too_few_images_are_refused(classifier, tmp_path):
    with pytest.raises(DataError, match="at least 4 images to prove an export on, got 2 images"):
        classifier.export("onnx", tmp_path / "a", *images(2), verbose=False)
